"""Write the ledger and the audit trail as evidence to a zip file, with the program that checks it without IMS."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ims.command_line.answer import Answer, WrongUse
from ims.command_line.arguments import as_date, day
from ims.command_line.commands.evidence_pack import taken


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--from", type=day, dest="first", metavar="DATE", help="what was sealed from this day on")
    parser.add_argument("--to", type=day, dest="last", metavar="DATE", help="the last day, included; today unless told")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="write the zip here: a folder or a file"
    )


def run(arguments: Namespace) -> Answer:
    """Take the evidence; everything there is, unless days are given. Taking it is an audit event."""
    from ims.common import clock
    from ims.evidence.publication import first_day

    first = as_date(arguments.first) if arguments.first else first_day()
    if first is None:
        raise WrongUse("Nothing has been sealed yet, so there is no evidence. Type “ims seal” first.")
    return taken("ledger", first, as_date(arguments.last) if arguments.last else clock.today(), arguments.out)
