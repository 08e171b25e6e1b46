"""The commands IMS has of its own. Each is a module with `configure(parser)` and `run(arguments) -> Answer`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command: where its code is, and whether it needs the database (and so Django's settings) at all."""

    module: str
    does: str
    needs_database: bool = True


COMMANDS: dict[str, Command] = {
    "parse": Command("parse", "read a bank's or agent's file and add it up", needs_database=False),
    "check-digit": Command("check_digit", "work out the check digit of a reference", needs_database=False),
    "check-reference": Command("check_reference", "say whether a reference is right for a fund", needs_database=False),
    "modulus-check": Command(
        "modulus_check", "say whether a sort code and account number can be right", needs_database=False
    ),
    "import": Command("import_file", "bring a file in: check it, and post it unless --dry-run"),
    "verify": Command("verify", "prove that nothing was altered and that every room is in order"),
    "proof": Command("proof", "the proof of a day: files, ledger and exports agree"),
    "export": Command("export", "build a day's ledger journal, or give the one built before"),
    "seal": Command("seal", "seal what was posted since the last seal"),
    "first-administrator": Command("first_administrator", "add the first person of a new installation"),
    "one-time-link": Command("one_time_link", "make a link with which a person chooses a password"),
    "publish-seals": Command("publish_seals", "publish each day’s last seals outside the database"),
    "evidence": Command("evidence", "write the ledger as evidence, with a verifier that needs no IMS"),
    "evidence-pack": Command("evidence_pack", "write everything an auditor asks of a period to a zip file"),
    "work": Command("work", "do background work until stopped"),
    # It starts its own database, after it has made sure that it may.
    "demo": Command("demo", "the Model Council’s day from bank file to proof, and its screens", needs_database=False),
}


def overview() -> str:
    """What `ims` alone prints."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name.ljust(width)}  {command.does}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: ims COMMAND [options]     ims COMMAND --help says what one command takes",
            "",
            *lines,
            "",
            "Every command takes --json. Exit code 0: all is well; 1: a finding or a refusal; 2: wrong use.",
            "Django's own commands work too, such as “ims migrate”; “ims help” lists them.",
        ]
    )
