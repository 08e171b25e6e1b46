"""Read a bank statement or another file of money, add it up and say whether it adds up. Needs no database."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from decimal import Decimal
from typing import BinaryIO

from ims.command_line.answer import Answer, WrongUse, table
from ims.command_line.arguments import from_json, open_binary
from ims.formats.profile import Profile, builtin, builtin_names
from ims.formats.profile_reading import read as read_by_profile
from ims.formats.records import Problem
from ims.formats.registry import FORMATS, read, recognise, with_head
from ims.formats.summary import StatementSummary, Summary, Tally, summarise

_MOST_PROBLEMS_SHOWN = 50


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE", help="the file to read; “-” is standard input")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--layout", metavar="JSON", help="read it by this layout, or @FILE: what an import profile says of its files"
    )
    choice.add_argument(
        "--format",
        metavar="NAME",
        help=f"read it as this, instead of as what its content says it is. Known: {', '.join(_names())}",
    )


def run(arguments: Namespace) -> Answer:
    """Sum the file up. A finding when a line, a balance or a total in it is wrong."""
    if arguments.format and arguments.format not in _names():
        raise WrongUse(f"There is no file format called “{arguments.format}”. Known formats: {', '.join(_names())}.")
    with open_binary(arguments.file) as stream:
        if arguments.layout is not None:
            layout = from_json(arguments.layout, Profile.from_config, option="--layout")
            summary = summarise(read_by_profile(stream, layout), layout.name or "layout")
        else:
            summary = _summarise(stream, arguments.format)
    return Answer(summary.as_json(), _text(summary), finding=bool(summary.errors))


def _names() -> list[str]:
    """The formats recognised by content, and the built-in profiles that only a name can choose."""
    return sorted({*FORMATS, *builtin_names()})


def _summarise(stream: BinaryIO, name: str | None) -> Summary:
    head, whole = with_head(stream)
    name = name or recognise(head).name
    records = read(whole, name) if name in FORMATS else read_by_profile(whole, builtin(name))
    return summarise(records, name)


def _text(summary: Summary) -> str:
    parts = [f"Format: {summary.format}"]
    if summary.statements:
        parts.append(table(_HEADINGS, [_row(statement) for statement in summary.statements], right=(2, 3, 4, 5, 6)))
    told = f"; {summary.told:,} more that move no money" if summary.told else ""
    parts.append(f"In all: {_tally(summary.movements)}{told}")
    parts.extend(_problems("To know", summary.notices))
    parts.extend(_problems("Wrong", summary.errors))
    if not summary.errors:
        parts.append("The file adds up.")
    return "\n\n".join(parts)


_HEADINGS = ("Account", "Statement", "Entries", "Opening", "Credits", "Debits", "Closing", "Balances")


def _row(statement: StatementSummary) -> tuple[str, ...]:
    agree = {True: "agree", False: "DISAGREE", None: "none given"}[statement.balances_agree]
    return (
        statement.account or "(none)",
        statement.number or statement.reference or "-",
        str(statement.movements.count),
        _money(statement.opening, statement.currency),
        _money(statement.movements.credit_sum, statement.currency),
        _money(statement.movements.debit_sum, statement.currency),
        _money(statement.closing, statement.currency),
        agree,
    )


def _tally(tally: Tally) -> str:
    entries = "entry" if tally.count == 1 else "entries"
    return (
        f"{tally.count:,} {entries}: {_counted(tally.credit_count, 'credit')} of {tally.credit_sum:,.2f}, "
        f"{_counted(tally.debit_count, 'debit')} of {tally.debit_sum:,.2f}"
    )


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _problems(title: str, problems: Sequence[Problem]) -> list[str]:
    if not problems:
        return []
    lines = [f"  line {problem.line}: {problem.message}" for problem in problems[:_MOST_PROBLEMS_SHOWN]]
    if len(problems) > _MOST_PROBLEMS_SHOWN:
        lines.append(f"  and {len(problems) - _MOST_PROBLEMS_SHOWN:,} more (all of them with --json)")
    return [f"{title}:\n" + "\n".join(lines)]


def _money(amount: Decimal | None, currency: str) -> str:
    if amount is None:
        return "-"
    return f"{amount:,.2f}" if currency in ("", "GBP") else f"{amount:,.2f} {currency}"
