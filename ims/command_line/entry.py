"""Where `ims <command>` starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ims.command_line.answer import FINDING, WELL, WRONG_USE, WrongUse, show, show_error
from ims.command_line.arguments import Parser
from ims.command_line.catalogue import COMMANDS, overview
from ims.command_line.database import SETTINGS, connect
from ims.common.errors import ImsError

INTERRUPTED = 130


def main() -> None:
    """Run the command typed and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command and return its exit code. Django's own commands (`migrate`, `createsuperuser` …) work too."""
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(overview() + "\n")
        return WELL if words else WRONG_USE
    if words[0] not in COMMANDS:
        return _run_django(words)
    as_json = "--json" in words
    try:
        return _run_own(words[0], words[1:])
    except WrongUse as error:
        show_error(str(error), code="wrong_use", as_json=as_json)
        return WRONG_USE
    except ImsError as error:
        show_error(error.message, code=error.code, details=error.details, as_json=as_json)
        return FINDING
    except KeyboardInterrupt:
        show_error("Stopped.", code="interrupted", as_json=as_json)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads us has read enough. Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WELL
    except Exception as error:
        message, code = _explain(error)
        show_error(message, code=code, as_json=as_json)
        _log_if_asked()
        return FINDING


def _run_own(name: str, words: Sequence[str]) -> int:
    command = COMMANDS[name]
    module = import_module(f"ims.command_line.commands.{command.module}")
    parser = Parser(name, module.__doc__)
    module.configure(parser)
    arguments = parser.parse_args(words)
    if command.needs_database:
        connect()
    answer = module.run(arguments)
    show(answer, as_json=arguments.json)
    return answer.exit_code


def _run_django(words: Sequence[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["ims", *words])
    return WELL


def _explain(error: Exception) -> tuple[str, str]:
    """A sentence, and a code, for what no command expected."""
    kind = type(error).__name__
    first_line = (str(error).strip().splitlines() or ["no more is known"])[0].rstrip(".")
    if kind == "ImproperlyConfigured":
        return f"The settings are not right: {first_line}.", "settings"
    if kind == "OperationalError":
        return f"The database cannot be used: {first_line}. Check that it runs and that IMS may connect.", "database"
    if kind == "ProgrammingError" and "does not exist" in first_line:
        return f"The database is not as this version needs it ({first_line}). Run “ims migrate” as its owner.", "schema"
    return f"IMS failed in a way it should not ({kind}: {first_line}). Nothing was left half done.", "failed"


def _log_if_asked() -> None:
    if os.environ.get("IMS_LOG_LEVEL") == "DEBUG":
        import logging

        logging.getLogger("ims").exception("The command failed")
