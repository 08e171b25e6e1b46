"""Reading exports: what waits to go out, what a batch would hold, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from ims.audit.actors import Actor
from ims.audit.scope import require_whole
from ims.common.errors import NotFound
from ims.common.identifiers import record_number
from ims.common.money import ZERO
from ims.exports import journal
from ims.exports.journal import JournalLine, Names, Source
from ims.exports.models import ExportBatch, ExportLine, ExportProfile
from ims.funds.models import Fund, MethodOfPayment
from ims.funds.selectors import mappings_on

_NOT_EXPORTED = """
FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id AND f.is_exported_to_ledger
WHERE e.accounting_date BETWEEN %(first)s AND %(last)s
  AND NOT EXISTS (SELECT 1 FROM exports_exportedentry x WHERE x.profile_id = %(profile)s AND x.entry_id = e.id)
"""
_SUMMED = """
SELECT e.accounting_date, e.fund_id, e.method_of_payment_id, e.office_id, e.vat_code_id, count(*), sum(e.amount),
       sum(e.vat_amount)
{entries}
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
_EACH = """
SELECT e.accounting_date, e.fund_id, e.method_of_payment_id, e.office_id, e.vat_code_id, 1, e.amount, e.vat_amount,
       e.id, p.series || '-' || lpad(p.number::text, greatest(6, length(p.number::text)), '0') || '/' || e.line,
       e.narrative
{entries}
ORDER BY e.accounting_date, e.id
"""
_WAITING = """
SELECT e.accounting_date, count(*), sum(e.amount)
FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id AND f.is_exported_to_ledger
WHERE e.accounting_date BETWEEN %(first)s AND %(last)s
  AND NOT EXISTS (SELECT 1 FROM exports_exportedentry x WHERE x.profile_id = %(profile)s AND x.entry_id = e.id)
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Plan:
    """What a journal would hold if it were built now."""

    profile: ExportProfile
    first_date: date
    last_date: date
    lines: Sequence[JournalLine]
    missing: Sequence[journal.Missing]
    entry_count: int
    earlier: Sequence[ExportBatch] = ()
    notices: Sequence[str] = ()

    @property
    def debit_total(self) -> Decimal:
        """Sum of the debits, in pounds."""
        return sum((line.debit for line in self.lines), ZERO)

    @property
    def credit_total(self) -> Decimal:
        """Sum of the credits, in pounds."""
        return sum((line.credit for line in self.lines), ZERO)

    @property
    def balances(self) -> bool:
        """Whether debits equal credits and every code is mapped."""
        return not self.missing and self.debit_total == self.credit_total


@dataclass(frozen=True)
class Waiting:
    """Entries of one accounting day that have not gone out by a profile."""

    accounting_date: date
    entry_count: int
    amount: Decimal


@dataclass(frozen=True)
class Page:
    """One page of a batch's lines. `after` is the number to go on from, or 0."""

    lines: list[ExportLine] = field(default_factory=list)
    after: int = 0


def profiles(*, in_use_only: bool = True) -> list[ExportProfile]:
    """The export profiles, by name."""
    found = ExportProfile.objects.all()
    return list(found.filter(is_active=True) if in_use_only else found)


def get_profile(name_or_id: str | int) -> ExportProfile:
    """The profile with this name or primary key. Raises `NotFound` naming the ones there are."""
    number = record_number(str(name_or_id))
    by = {"pk": number} if number else {"name__iexact": str(name_or_id)}
    found = ExportProfile.objects.filter(**by).first()
    if found is None:
        known = ", ".join(profile.name for profile in profiles()) or "none yet"
        raise NotFound(f"There is no export profile “{name_or_id}”. There are: {known}.")
    return found


def batches(actor: Actor) -> QuerySet[ExportBatch]:
    """Every batch, newest first, without its bytes; none for people whose scope is limited: a journal has all."""
    found = ExportBatch.objects.select_related("profile").defer("content").order_by("-id")
    return found.none() if actor.is_limited else found


def get_batch(actor: Actor, batch_id: int) -> ExportBatch:
    """The batch. Raises `NotFound` when there is none the actor may see."""
    found = batches(actor).filter(pk=batch_id).first()
    if found is None:
        raise NotFound(f"There is no export {batch_id}, or it holds money that is not yours to see.")
    return found


def batches_holding(profile: ExportProfile, first: date, last: date) -> list[ExportBatch]:
    """The batches of `profile` whose days overlap `first` to `last`, oldest first."""
    return list(
        profile.batches.filter(first_date__lte=last, last_date__gte=first).defer("content").order_by("sequence")
    )


def lines_of(batch: ExportBatch, *, after: int = 0, size: int = 100) -> Page:
    """One page of the journal lines of a batch, in order."""
    found = list(batch.lines.filter(number__gt=after).order_by("number")[: size + 1])
    return Page(lines=found[:size], after=found[size - 1].number if len(found) > size else 0)


def plan(actor: Actor, profile: ExportProfile, first: date, last: date) -> Plan:
    """What a journal of `first` to `last` (both included) would hold if it were built now.

    Raises `NotAllowed` for an actor whose scope is limited: a journal holds everything.
    """
    require_whole(actor, "A journal")
    parameters = {"first": first, "last": last, "profile": profile.pk}
    found = sources(_NOT_EXPORTED, parameters, is_detail=profile.is_detail)
    lines, missing = journal_of(profile, found, first, last)
    return Plan(
        profile=profile,
        first_date=first,
        last_date=last,
        lines=lines,
        missing=missing,
        entry_count=sum(source.entry_count for source in found),
        earlier=batches_holding(profile, first, last),
    )


def sources(entries: str, parameters: dict[str, Any], *, is_detail: bool) -> list[Source]:
    """The entries that `entries` (FROM … WHERE … over `ledger_entry e`) yields, added up, or one by one in detail."""
    if is_detail:
        joined = entries.replace("WHERE", "JOIN ledger_posting p ON p.id = e.posting_id WHERE", 1)
        query = _EACH.format(entries=joined)
    else:
        query = _SUMMED.format(entries=entries)
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [Source(*row) for row in cursor.fetchall()]


def journal_of(
    profile: ExportProfile, found: Sequence[Source], first: date, last: date
) -> tuple[list[JournalLine], list[journal.Missing]]:
    """The journal lines of `found` by the mappings of those days."""
    names = Names(
        funds=dict(Fund.objects.values_list("code", "name")),
        methods=dict(MethodOfPayment.objects.values_list("code", "name")),
    )
    return journal.journal(
        found, mappings_on(first, last), is_detail=profile.is_detail, group_by=profile.group_by, names=names
    )


def waiting(profile: ExportProfile, first: date, last: date) -> list[Waiting]:
    """Days from `first` to `last` with entries that have not gone out by `profile`."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"first": first, "last": last, "profile": profile.pk})
        return [Waiting(*row) for row in cursor.fetchall()]


def exports_of_entry(entry_id: int) -> list[ExportBatch]:
    """The batches in which an entry went out, one for each profile."""
    return list(
        ExportBatch.objects.filter(entries__entry=entry_id).select_related("profile").defer("content").order_by("id")
    )
