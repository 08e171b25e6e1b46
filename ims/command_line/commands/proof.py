"""Prove a day: what the files brought, what the ledger holds and what went out agree, line by line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import date

from ims.command_line.answer import Answer
from ims.command_line.arguments import as_date, day


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--date", type=day, required=True, metavar="DATE", help="2026-11-20, today or yesterday")


def run(arguments: Namespace) -> Answer:
    """The proof of one day. A finding when something does not agree."""
    return prove(as_date(arguments.date))


def prove(on: date) -> Answer:
    """The proof of the day `on`."""
    from ims.audit.actors import command
    from ims.reporting.selectors import proof

    found = proof(command("proof"), on)
    return Answer(found.as_json(), "\n".join(found.lines()), finding=not found.is_proven)
