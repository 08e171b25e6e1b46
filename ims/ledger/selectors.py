"""Reading the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import connection
from django.db.models import F, Q, QuerySet

from ims.audit import personal
from ims.audit.actors import Actor
from ims.audit.scope import parameters, scoped, sql_within
from ims.common.money import ZERO
from ims.ledger.models import AccountingPeriod, Entry, Posting, Seal

WORDS = SearchVector("narrative", "payer_name", "source_reference", config="simple")
"""Must stay the same expression as the index `entry_words`."""


def remaining(entry_ids: Sequence[int]) -> dict[int, Decimal]:
    """What is left of each entry after journals, allocations and reversals; pounds, signed like the entry."""
    return _left("ims_entry_remaining(id, amount)", entry_ids)


def remaining_vat(entry_ids: Sequence[int]) -> dict[int, Decimal]:
    """The VAT that is left within each entry."""
    return _left("ims_entry_remaining_vat(id, vat_amount)", entry_ids)


def _left(expression: str, entry_ids: Sequence[int]) -> dict[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {expression} FROM ledger_entry WHERE id = ANY(%s)", [list(entry_ids)])  # noqa: S608
        return dict(cursor.fetchall())


def moved_by(posting: Posting) -> Decimal:
    """How much a posting moves, in pounds: what goes in or what comes out, whichever is more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ims_moved(%s, false)", [posting.pk])
        return cursor.fetchone()[0]


def moved_entries(posting_id: int, *, limit: int) -> list[tuple[int, str]]:
    """Lines of a posting whose money has been moved and not put back: (line, reference of the mover)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.line, ims_posting_reference(p)
            FROM ledger_entry o
            JOIN ledger_entry c ON c.corrects_id = o.id
            JOIN ledger_posting p ON p.id = c.posting_id
            WHERE o.posting_id = %s
              AND NOT EXISTS (SELECT 1 FROM ledger_posting r WHERE r.reverses_id = p.id)
            ORDER BY o.line, p.id LIMIT %s
            """,
            [posting_id, limit],
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Criteria:
    """What to look for among entries. Empty fields do not restrict. Dates are both included; amounts in pounds."""

    words: str = ""
    account_reference: str = ""
    account_prefix: bool = False
    series: str = ""
    number: int | None = None
    line: int | None = None
    fund: str = ""
    method_of_payment: str = ""
    office: str = ""
    kind: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    received_from: date | None = None
    received_to: date | None = None
    posting_id: int | None = None


FEW = 10_000
"""So many entries are sorted after they were found; more are met soon enough in the order of their days."""


@dataclass(frozen=True)
class Page:
    """One page of entries, newest received first. `older` and `newer` are cursors for the neighbouring pages, or ""."""

    entries: list[Entry] = field(default_factory=list)
    older: str = ""
    newer: str = ""


def entries_matching(actor: Actor, criteria: Criteria) -> QuerySet[Entry]:
    """Entries within the actor's scope that meet every criterion, newest received first. Not evaluated yet.

    Raises `NotAllowed` for a search by words from somebody who may not see who paid. What is shown of the entries goes
    through `personal.veil` first.
    """
    entries = Entry.objects.select_related("posting", "fund", "method_of_payment").order_by("-received_on", "-id")
    entries = scoped(actor, entries)
    if criteria.words:
        personal.require(actor, Entry, "search by payer or narrative")
    exact = {
        "fund": criteria.fund,
        "method_of_payment": criteria.method_of_payment,
        "office": criteria.office,
        "posting__kind": criteria.kind,
        "posting__series": criteria.series,
        "posting__number": criteria.number,
        "line": criteria.line,
        "posting_id": criteria.posting_id,
    }
    entries = entries.filter(**{name: value for name, value in exact.items() if value not in ("", None)})
    if criteria.account_reference:
        lookup = "account_reference__startswith" if criteria.account_prefix else "account_reference"
        entries = entries.filter(**{lookup: criteria.account_reference})
    bounds = {
        "amount__gte": criteria.amount_from,
        "amount__lte": criteria.amount_to,
        "received_on__gte": criteria.received_from,
        "received_on__lte": criteria.received_to,
    }
    entries = entries.filter(**{name: value for name, value in bounds.items() if value is not None})
    if criteria.words:
        entries = entries.annotate(found=WORDS).filter(found=SearchQuery(criteria.words, config="simple"))
    return entries


def search_entries(actor: Actor, criteria: Criteria, *, cursor: str = "", size: int = 50) -> Page:
    """One page of the entries that meet `criteria`.

    `cursor` is a `Page.older` or `Page.newer` of an earlier answer. The work does not grow with the ledger: pages are
    found by position in the index, never by counting.
    """
    entries = entries_matching(actor, criteria)
    direction, position = _read_cursor(cursor)
    few = _entries_of_few_postings(criteria)
    if few is not None:
        places = sorted(entries.filter(pk__in=few).order_by().values_list("received_on", "pk"), reverse=True)
        entries = entries.filter(pk__in=_page_of(places, direction, position, size + 1))
        if direction == "newer":
            entries = entries.order_by("received_on", "id")
    elif direction == "older":
        entries = entries.filter(_beyond(position, "lt"))
    elif direction == "newer":
        entries = entries.filter(_beyond(position, "gt")).order_by("received_on", "id")
    found = list(entries[: size + 1])
    more = len(found) > size
    found = found[:size]
    if direction == "newer":
        found.reverse()
    if not found:
        return Page()
    has_newer = more if direction == "newer" else direction == "older"
    has_older = True if direction == "newer" else more
    return Page(
        entries=personal.veil(actor, found),
        older=_write_cursor("older", found[-1]) if has_older else "",
        newer=_write_cursor("newer", found[0]) if has_newer else "",
    )


def _entries_of_few_postings(criteria: Criteria) -> list[int] | None:
    """The entries of the postings that `criteria` is about when it names their kind or series and there are few.

    None when there are many, which are soon met on the way through the days; few may lie at the end of that way.
    """
    if not (criteria.kind or criteria.series) or criteria.number is not None:
        return None
    postings = Posting.objects.order_by()
    if criteria.kind:
        postings = postings.filter(kind=criteria.kind)
    if criteria.series:
        postings = postings.filter(series=criteria.series)
    found = list(postings.values_list("pk", "entry_count")[: FEW + 1])
    if len(found) > FEW or sum(count for _, count in found) > FEW:
        return None
    with connection.cursor() as cursor:
        # One posting after the other, whatever the planner believes about how many entries a posting has.
        cursor.execute(
            "SELECT e.id FROM unnest(%s::bigint[]) AS p (id)"
            " CROSS JOIN LATERAL (SELECT id FROM ledger_entry WHERE posting_id = p.id OFFSET 0) AS e",
            [[pk for pk, _ in found]],
        )
        return [row[0] for row in cursor.fetchall()]


def _page_of(places: list[tuple[date, int]], direction: str, position: tuple[date, int], most: int) -> list[int]:
    """The first `most` of `places` (newest first) beyond `position` in `direction`, as numbers of entries."""
    if direction == "older":
        places = [place for place in places if place < position]
    elif direction == "newer":
        places = [place for place in reversed(places) if place > position]
    return [pk for _, pk in places[:most]]


def _beyond(position: tuple[date, int], comparison: str) -> Q:
    day, entry_id = position
    # The plain comparison lets the index find its place; the pair decides within the day.
    return Q(**{f"received_on__{comparison}e": day}) & (
        Q(**{f"received_on__{comparison}": day}) | Q(**{f"id__{comparison}": entry_id})
    )


def _write_cursor(direction: str, entry: Entry) -> str:
    return f"{direction}.{entry.received_on.isoformat()}.{entry.pk}"


def _read_cursor(cursor: str) -> tuple[str, tuple[date, int]]:
    try:
        direction, day, entry_id = cursor.split(".")
        return direction, (date.fromisoformat(day), int(entry_id))
    except ValueError:
        return "", (date.min, 0)


def entry_for(actor: Actor, entry_id: int) -> Entry | None:
    """The entry as the actor may see it, if it exists and is in their scope. It is for showing, not for writing."""
    related = (
        "posting__approval",
        "posting__reverses",
        "fund",
        "method_of_payment",
        "office",
        "vat_code",
        "corrects__posting",
    )
    entry = scoped(actor, Entry.objects.select_related(*related)).filter(pk=entry_id).first()
    return personal.veil_one(actor, entry)


@dataclass(frozen=True)
class Chain:
    """An entry with everything that led to it and followed from it, oldest first."""

    entry: Entry
    remaining: Decimal
    origins: list[Entry]
    siblings: list[Entry]
    corrections: list[Entry]
    reversal: Posting | None
    seal: Seal | None


def entry_chain(actor: Actor, entry: Entry) -> Chain:
    """The whole story of `entry`: what it came from, what was moved beside it and out of it, and its seal.

    `siblings` are the other lines of the same journal, transfer or allocation; a file's other lines are left out, and
    so is every line outside the actor's scope.
    """
    small = entry.posting.kind in (Posting.Kind.JOURNAL, Posting.Kind.TRANSFER, Posting.Kind.ALLOCATION)
    related = scoped(actor, Entry.objects.select_related("posting", "fund", "method_of_payment"))
    origins = []
    step = entry.corrects
    while step is not None:
        if _in_scope(actor, step):
            origins.insert(0, step)
        step = step.corrects
    sealed = Seal.objects.filter(postings__posting=entry.posting_id).first()
    return Chain(
        entry=entry,
        remaining=remaining([entry.pk])[entry.pk],
        origins=origins,
        siblings=list(related.filter(posting=entry.posting_id).exclude(pk=entry.pk).order_by("line")) if small else [],
        corrections=list(
            related.filter(Q(corrects=entry.pk) | Q(corrects__corrects=entry.pk)).order_by("posting_id", "line")
        ),
        reversal=Posting.objects.filter(reverses=entry.posting_id).first(),
        seal=sealed,
    )


def _in_scope(actor: Actor, entry: Entry) -> bool:
    return actor.may_see(fund=entry.fund_id, office=entry.office_id, method=entry.method_of_payment_id)


@dataclass(frozen=True)
class TotalRow:
    """Entries of one day, fund, method and kind of posting, added up. Amounts in pounds, VAT included."""

    accounting_date: date
    fund: str
    method_of_payment: str
    kind: str
    entry_count: int
    amount: Decimal
    vat_amount: Decimal


_TOTALS = f"""
SELECT accounting_date, fund_id, method_of_payment_id, kind, sum(entry_count), sum(amount), sum(vat_amount)
FROM (
  SELECT accounting_date, fund_id, method_of_payment_id, office_id, kind, entry_count, amount, vat_amount
  FROM ledger_dailytotal WHERE accounting_date BETWEEN %(first)s AND %(last)s
  UNION ALL
  SELECT e.accounting_date, e.fund_id, e.method_of_payment_id, e.office_id, p.kind, 1, e.amount, e.vat_amount
  FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
  WHERE p.id > %(floor)s AND NOT EXISTS (SELECT 1 FROM ledger_sealedposting s WHERE s.posting_id = p.id)
    AND e.accounting_date BETWEEN %(first)s AND %(last)s
) AS both_parts
WHERE {sql_within("both_parts")}
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - built of constants
_SEALED_FLOOR = """
SELECT coalesce((SELECT last_posting_id FROM ledger_seal WHERE sealed_at < now() - interval '1 day'
                 ORDER BY id DESC LIMIT 1), 0)
"""


def totals_between(actor: Actor, first: date, last: date) -> list[TotalRow]:
    """Entries added up by accounting day, fund, method and kind, for `first` to `last`, both included.

    Reads the totals written at sealing and adds what is not sealed yet, in one statement, so that both agree.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TOTALS,
            {
                "first": first,
                "last": last,
                "floor": sealed_floor(),
                **parameters(actor),
            },
        )
        return [TotalRow(*row[:4], int(row[4]), *row[5:]) for row in cursor.fetchall()]


def balance_before(actor: Actor, day: date) -> list[TotalRow]:
    """Everything up to the day before `day`, added up by fund, method and kind (dated `date.min`)."""
    merged: dict[tuple[str, str, str], list[Any]] = {}
    for row in totals_between(actor, date(1900, 1, 1), date.fromordinal(day.toordinal() - 1)):
        key = (row.fund, row.method_of_payment, row.kind)
        running = merged.setdefault(key, [0, ZERO, ZERO])
        running[0] += row.entry_count
        running[1] += row.amount
        running[2] += row.vat_amount
    return [TotalRow(date.min, *key, *sums) for key, sums in sorted(merged.items())]


def sealed_floor() -> int:
    """A posting id below which everything is certainly sealed: a bound on the search for what is not."""
    with connection.cursor() as cursor:
        cursor.execute(_SEALED_FLOOR)
        return cursor.fetchone()[0]


def period_of(day: date) -> AccountingPeriod | None:
    """The accounting period that has `day`, open or closed; None when no period has it."""
    return AccountingPeriod.objects.filter(starts_on__lte=day, ends_on__gte=day).first()


def postings_of_series(series: str) -> QuerySet[Posting]:
    """Postings of one number series, by number."""
    return Posting.objects.filter(series=series).order_by(F("number"))
