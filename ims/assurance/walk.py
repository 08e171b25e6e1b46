"""From a total of the ledger to the bytes it came from, and back.

Down: the total of a fund on a day → its entries, which add up to it → the line of the file each came from, as the
file has it. Back: a file → the posting it became → the totals of each fund and day that posting is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db import connection

from ims.assurance.selectors import require
from ims.audit import personal
from ims.audit.actors import Actor
from ims.common.errors import NotFound
from ims.common.money import ZERO
from ims.imports import content
from ims.imports.models import ImportBatch, ImportRow
from ims.ledger.models import Entry, Seal
from ims.ledger.selectors import TotalRow, totals_between

PAGE = 100

# Gathered first and put in order afterwards: in order at once, the database might walk the whole ledger for one day.
_ENTRIES = """
WITH found AS MATERIALIZED (
  SELECT id, amount FROM ledger_entry WHERE fund_id = %(fund)s AND accounting_date = %(day)s
)
SELECT count(*), coalesce(sum(amount), 0),
  ARRAY(SELECT id FROM found WHERE id > %(after)s ORDER BY id LIMIT %(page)s)
FROM found
"""


@dataclass(frozen=True)
class DayTotal:
    """One fund's total of one accounting day, and whether its entries give it.

    `total` is what totals and the proof show; `added_up` is the sum of the entries themselves, read just now.
    """

    fund: str
    day: date
    rows: Sequence[TotalRow]
    total: Decimal
    added_up: Decimal
    entry_count: int
    entries: Sequence[Entry] = field(default_factory=list)
    after: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the entries add up to the total, in number and in pounds."""
        return self.total == self.added_up and self.entry_count == sum(row.entry_count for row in self.rows)


def fund_totals(actor: Actor, day: date) -> list[tuple[str, Decimal, int]]:
    """Each fund with entries on the accounting day: code, total, number of entries."""
    require(actor, "walk through the ledger")
    sums: dict[str, tuple[Decimal, int]] = {}
    for row in totals_between(actor, day, day):
        total, count = sums.get(row.fund, (ZERO, 0))
        sums[row.fund] = (total + row.amount, count + row.entry_count)
    return [(fund, *sums[fund]) for fund in sorted(sums)]


def day_total(actor: Actor, fund: str, day: date, *, after: int = 0) -> DayTotal:
    """The total of `fund` on the accounting `day`, checked, with a page of its entries beyond entry number `after`."""
    require(actor, "walk through the ledger")
    rows = [row for row in totals_between(actor, day, day) if row.fund == fund]
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, {"fund": fund, "day": day, "after": after, "page": PAGE + 1})
        entry_count, added_up, keys = cursor.fetchone()
    entries = Entry.objects.select_related("posting", "method_of_payment").filter(pk__in=keys[:PAGE]).order_by("pk")
    return DayTotal(
        fund=fund,
        day=day,
        rows=rows,
        total=sum((row.amount for row in rows), ZERO),
        added_up=added_up,
        entry_count=entry_count,
        entries=personal.veil(actor, entries),
        after=keys[PAGE - 1] if len(keys) > PAGE else 0,
    )


@dataclass(frozen=True)
class Source:
    """Where an entry came from, and whether each step of the way holds.

    `origin` is the receipt whose money it is: the entry itself, or the one that journals took it from. `batch` and
    `row` are None for receipts that came in no file. `digest` is the SHA-256 of the kept bytes, computed just now.
    """

    entry: Entry
    chain: Sequence[Entry]
    origin: Entry
    leaf_holds: bool
    seal: Seal | None
    batch: ImportBatch | None = None
    row: ImportRow | None = None
    digest: str = ""

    @property
    def bytes_hold(self) -> bool:
        """Whether the kept bytes are those that arrived."""
        return self.batch is not None and self.digest == self.batch.file.sha256

    @property
    def amount_holds(self) -> bool:
        """Whether the line of the file says the amount that was posted."""
        return self.row is not None and self.row.amount == self.origin.amount


def source_of(actor: Actor, entry_id: int) -> Source:
    """The way from an entry to its bytes, each step checked now. Raises `NotFound`."""
    require(actor, "walk through the ledger")
    entry = Entry.objects.select_related("posting", "fund", "corrects__posting").filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("There is no such entry.")
    chain = personal.veil(actor, _chain(entry))
    origin = chain[-1]
    found = personal.veil_one(actor, _row_of(origin))
    batch = found.batch if found else None
    return Source(
        entry=entry,
        chain=chain,
        origin=origin,
        leaf_holds=_leaf_holds(entry),
        seal=Seal.objects.filter(postings__posting=entry.posting_id).first(),
        batch=batch,
        row=found,
        digest=_digest(batch) if batch and not content.is_disposed(batch.file) else "",
    )


@dataclass(frozen=True)
class FundDay:
    """How much of a posting went to one fund on one accounting day."""

    fund: str
    day: date
    count: int
    total: Decimal


def totals_of_posting(actor: Actor, posting_id: int) -> list[FundDay]:
    """The way back: the totals of funds and days a posting is part of."""
    require(actor, "walk through the ledger")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fund_id, accounting_date, count(*), sum(amount) FROM ledger_entry WHERE posting_id = %s"
            " GROUP BY 1, 2 ORDER BY 2, 1",
            [posting_id],
        )
        return [FundDay(*row) for row in cursor.fetchall()]


def _chain(entry: Entry) -> list[Entry]:
    """The entry, then what it took its money from, back to the receipt.

    A line that brings money into an account names no earlier entry itself: the lines of its posting that take it do.
    """
    chain, seen = [entry], {entry.pk}
    while (step := _taken_from(chain[-1])) is not None and step.pk not in seen:
        chain.append(step)
        seen.add(step.pk)
    return chain


def _taken_from(entry: Entry) -> Entry | None:
    related = Entry.objects.select_related("posting", "fund")
    if entry.corrects_id:
        return related.filter(pk=entry.corrects_id).first()
    if entry.posting.kind not in ("journal", "allocation"):
        return None
    taken = Entry.objects.filter(posting=entry.posting_id, corrects__isnull=False).order_by("line").first()
    return related.filter(pk=taken.corrects_id).first() if taken else None


def _row_of(entry: Entry) -> ImportRow | None:
    if entry.source_line is None:
        return None
    rows = ImportRow.objects.select_related("batch__file", "batch__profile", "batch__posting")
    batch = ImportBatch.objects.filter(posting=entry.posting_id).first()
    if batch is not None:
        return rows.filter(batch=batch, line=entry.source_line).first()
    key, _, _ = entry.posting.source_key.partition("+")
    sha256, _, attempt = key.partition("#")
    if not attempt.isdigit():
        return None
    return rows.filter(
        batch__file__sha256=sha256, batch__attempt=int(attempt), line=entry.source_line, posting=entry.posting_id
    ).first()


def _leaf_holds(entry: Entry) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ims_entry_leaf(e) IN (e.leaf, coalesce(ims_erased_leaf(e.id, e.leaf), e.leaf))"
            " FROM ledger_entry e WHERE id = %s",
            [entry.pk],
        )
        return bool(cursor.fetchone()[0])


def _digest(batch: ImportBatch) -> str:
    digest = hashlib.sha256()
    for piece in content.bytes_of(batch.file):
        digest.update(piece)
    return digest.hexdigest()
