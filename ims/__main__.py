"""`ims <command>`: the same functions as the screens, for people at a keyboard, runbooks and playbooks."""

from ims.command_line.entry import main

if __name__ == "__main__":
    main()
