"""What reporting adds to an evidence pack: the totals of the period, and the proof of each day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from ims.audit.sections import Document, Part, Request, Table, section
from ims.common import clock
from ims.reporting import selectors
from ims.reporting.proof import BalanceRow, Proof, add_up

_BALANCES = ("Code", "Name", "Opening", "Received", "Moved", "Reversed", "Closing", "VAT", "Entries")
_DAYS = ("Day", "Proven", "Opening", "Received", "Moved", "Reversed", "Closing", "Files", "Differences")
_DIFFERENCES = ("Day", "Severity", "What differs")


@section(
    "totals",
    "Control totals",
    why="What the council held at the start, what came and moved, and what it held at the end, by fund and by method.",
    order=10,
)
def totals(request: Request) -> Iterator[Part]:
    """Opening, what happened, closing."""
    found = selectors.period_totals(request.actor, request.first, request.last)
    for name, title, rows in (
        ("by-fund", "By fund", found.funds),
        ("by-method", "By method of payment", found.methods),
    ):
        yield Table(name, title, _BALANCES, [_balance(row) for row in [*rows, add_up(rows, "Total")]], is_shown=True)


def _balance(row: BalanceRow) -> tuple:
    return (
        row.code,
        row.name,
        row.opening,
        row.received,
        row.moved,
        row.reversed,
        row.closing,
        row.vat,
        row.entry_count,
    )


@section(
    "proofs",
    "Daily proofs",
    why="Whether files, ledger, suspense and journals agree, day by day, as things stand when the pack is taken.",
    order=20,
)
def proofs(request: Request) -> Iterator[Part]:
    """One line a day, every difference, and each proof in full."""
    days = clock.days_between(request.first, min(request.last, clock.today()))
    differences: list[tuple] = []

    def summed() -> Iterator[tuple]:
        for number, day in enumerate(days, start=1):
            proof = selectors.proof(request.actor, day)
            request.report(number, len(days), f"Proof of {day:%-d %b %Y}")
            differences.extend((day, each.severity, each.message) for each in proof.differences)
            total = proof.total
            yield (
                day,
                "yes" if proof.is_proven else "no",
                total.opening,
                total.received,
                total.moved,
                total.reversed,
                total.closing,
                len(proof.files),
                len(proof.differences),
            )

    yield Table("days", "Each day", _DAYS, summed())
    yield Table("differences", "What does not agree, or waits", _DIFFERENCES, differences)
    yield Document(
        "proofs.jsonl",
        "Each proof in full, one a line, for machines",
        lambda out: _in_full(out, (selectors.proof(request.actor, day) for day in days)),
    )


def _in_full(out: BinaryIO, found: Iterator[Proof]) -> None:
    for proof in found:
        said = {name: value for name, value in proof.as_json().items() if name not in ("made_at", "seal")}
        out.write(json.dumps(said, ensure_ascii=False, default=str).encode() + b"\n")
