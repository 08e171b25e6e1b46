"""Samples of receipts that anybody can draw again.

The seed decides, and nothing else: an entry's place in a random sample is SHA-256 of the seed and its number; the start
of a monetary-unit sample is SHA-256 of the seed, within the interval. The same seed over the same population is the
same sample on any machine. The population ends at an entry number, so that a growing ledger does not change it, and its
count and total stand on the workpaper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from django.db import connection
from django.db.models import Max

from ims.assurance.errors import AssuranceRefusal
from ims.assurance.selectors import require
from ims.audit import personal
from ims.audit.actors import Actor
from ims.common.money import ZERO, round_to_penny
from ims.ledger.models import Entry

LARGEST = 1_000
Method = Literal["random", "monetary_unit"]

_POPULATION = """
  e.accounting_date BETWEEN %(first)s AND %(last)s AND e.id <= %(last_entry)s
  AND p.kind IN ('receipt', 'import') AND (%(fund)s = '' OR e.fund_id = %(fund)s)
"""
_COUNT = f"""
SELECT count(*) FILTER (WHERE e.amount > 0), coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0),
       count(*) FILTER (WHERE e.amount < 0), coalesce(sum(e.amount) FILTER (WHERE e.amount < 0), 0)
FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id WHERE {_POPULATION}
"""  # noqa: S608 - built of constants
_RANDOM = f"""
SELECT e.id, 1 FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id WHERE {_POPULATION} AND e.amount > 0
ORDER BY sha256(convert_to(%(seed)s || ':' || e.id, 'UTF8')), e.id LIMIT %(size)s
"""  # noqa: S608 - built of constants
# Pence are laid end to end in the order of entry numbers; every interval-th penny picks the entry it falls in.
_MONETARY_UNIT = f"""
WITH laid AS (
  SELECT e.id, (e.amount * 100)::bigint AS pence, sum((e.amount * 100)::bigint) OVER (ORDER BY e.id) AS upto
  FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id WHERE {_POPULATION} AND e.amount > 0
), hit AS (
  SELECT id, div(upto - %(start)s + %(interval)s, %(interval)s)
           - div(upto - pence - %(start)s + %(interval)s, %(interval)s) AS hits
  FROM laid
)
SELECT id, hits::int FROM hit WHERE hits > 0 ORDER BY id
"""  # noqa: S608 - built of constants


@dataclass(frozen=True)
class Request:
    """What to draw from. Days are accounting dates, both included; `fund` is a code or "" for all.

    `last_entry` ends the population; 0 is the ledger's last entry just now.
    """

    method: Method
    first: date
    last: date
    size: int
    seed: str
    fund: str = ""
    last_entry: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values, for keeping."""
        return {**asdict(self), "first": self.first.isoformat(), "last": self.last.isoformat()}


@dataclass(frozen=True)
class Population:
    """What was drawn from: receipts of more than nothing. Returned receipts are counted apart and never drawn."""

    count: int
    total: Decimal
    negative_count: int
    negative_total: Decimal

    def as_json(self) -> dict[str, Any]:
        """Plain values, for keeping."""
        return {
            "count": self.count,
            "total": f"{self.total:.2f}",
            "negative_count": self.negative_count,
            "negative_total": f"{self.negative_total:.2f}",
        }


@dataclass(frozen=True)
class Item:
    """One entry drawn. `hits` is how many chosen pounds fell in it (1 in a random sample)."""

    entry: Entry
    hits: int


@dataclass(frozen=True)
class Sample:
    """A sample with all that is needed to draw it again. `interval` and `start` are in pounds, monetary-unit only."""

    request: Request
    population: Population
    items: Sequence[Item]
    interval: Decimal = ZERO
    start: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """The amounts drawn, added up."""
        return sum((item.entry.amount for item in self.items), ZERO)


def draw(actor: Actor, request: Request) -> Sample:
    """Draw the sample. Raises `AssuranceRefusal` for a size, a seed or days that make no sample."""
    require(actor, "take samples")
    _check(request)
    if not request.last_entry:
        request = replace(request, last_entry=Entry.objects.aggregate(last=Max("pk", default=0))["last"])
    values: dict[str, Any] = {**asdict(request)}
    population = Population(*_rows(_COUNT, values)[0])
    if not population.count:
        return Sample(request, population, [])
    if request.method == "random":
        return Sample(request, population, _items(actor, _rows(_RANDOM, values)))
    total = int(population.total * 100)
    interval = -(-total // request.size)  # rounded up: never more hits than asked for
    start = int(hashlib.sha256(request.seed.encode()).hexdigest(), 16) % interval + 1
    found = _rows(_MONETARY_UNIT, {**values, "interval": interval, "start": start})
    return Sample(request, population, _items(actor, found), _pounds(interval), _pounds(start))


def _check(request: Request) -> None:
    if not 1 <= request.size <= LARGEST:
        raise AssuranceRefusal(f"A sample has 1 to {LARGEST:,} receipts, not {request.size:,}.")
    if not request.seed.strip():
        raise AssuranceRefusal("Give a seed: any word or number. The same seed draws the same sample again.")
    if request.last < request.first:
        raise AssuranceRefusal("The last day is before the first.")


def _pounds(pence: int) -> Decimal:
    return round_to_penny(Decimal(pence) / 100)


def _rows(query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def _items(actor: Actor, found: Sequence[tuple[int, int]]) -> list[Item]:
    related = Entry.objects.select_related("posting", "fund", "method_of_payment")
    entries = related.in_bulk([key for key, _ in found])
    personal.veil(actor, entries.values())
    return [Item(entries[key], hits) for key, hits in found]
