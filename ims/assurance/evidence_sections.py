"""What assurance adds to an evidence pack: changes of settings, what was done, and what is worth a question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db.models import Count, Max, Min

from ims.assurance import selectors, unusual
from ims.assurance.search import Criteria
from ims.assurance.trails import trails
from ims.audit.models import Event
from ims.audit.sections import Part, Request, Table, section

_WORK = frozenset(
    {
        "accounts.accountholder",
        "accounts.accountload",
        "approvals.request",
        "correspondence.message",
        "payments.basket",
        "payments.basketline",
        "payments.dispute",
        "payments.paymentattempt",
        "payments.paymentexception",
        "payments.paymentlink",
        "payments.payout",
        "payments.refund",
        "records.subjectrequest",
        "suspense.suspenseitem",
        "telephone_line.callpayment",
    }
)
"""Records that are the day's work, not settings: hundreds of thousands change at once, and they name payers."""
_EVERYTHING = 10**9

_CHANGES = ("When", "Who", "Address", "What", "Kind of record", "Record", "Field", "Before", "After", "Reason")
_EVENTS = ("What", "Kind of actor", "Who", "Times", "First", "Last")
_UNUSUAL = ("Check", "When", "Posting", "Who", "Amount", "What")
_WHY = ("Check", "Why it matters", "Found")


@section(
    "configuration",
    "Changes of settings",
    why="Every change of a fund, rule, profile, mapping, period, role or person: who, when, before, after and why.",
    order=40,
)
def configuration(request: Request) -> Iterator[Part]:
    """One line for each field that changed, latest first."""
    labels = frozenset(trail.label for trail in trails()) - _WORK
    criteria = Criteria(models=labels, first=request.first, last=request.last)
    yield Table("changes", "Changes of settings", _CHANGES, _changes(request, criteria))


def _changes(request: Request, criteria: Criteria) -> Iterator[tuple]:
    for act in selectors.all_of(request.actor, criteria, limit=_EVERYTHING):
        head = (act.moment, act.actor_name, act.address, act.what, act.kind_of_record, act.record)
        for difference in act.differences or (None,):
            shown = (difference.field, difference.before, difference.after) if difference else ("", "", "")
            yield (*head, *shown, act.reason)


@section(
    "events",
    "What was done",
    why="How often each thing was done, and by whom: exports, downloads, checks, corrections, changes of roles.",
    order=80,
)
def events(request: Request) -> Iterator[Part]:
    """The audit trail of the period, added up. Each event itself is in the evidence of the audit trail."""
    found = (
        Event.objects.filter(occurred_at__gte=request.since, occurred_at__lt=request.until)
        .order_by()
        .values_list("verb", "actor_kind", "actor_name")
        .annotate(times=Count("pk"), first=Min("occurred_at"), latest=Max("occurred_at"))
        .order_by("verb", "actor_kind", "actor_name")
    )
    yield Table("summary", "Events added up", _EVENTS, found.iterator(500))


@section(
    "unusual",
    "Unusual things",
    why="None of this is a fault by itself. It is where a question costs least and answers most.",
    order=90,
)
def unusual_things(request: Request) -> Iterator[Part]:
    """What each check found in the period, and why it is looked for."""
    counts: dict[str, int] = {check.name: 0 for check in unusual.CHECKS}

    def found() -> Iterator[tuple]:
        for first, last in _spans(request.first, request.last):
            for result in unusual.look(request.actor, first, last, most=_EVERYTHING):
                for each in result.found:
                    counts[result.check.name] += 1
                    yield (result.check.title, each.moment, each.reference, each.who, each.amount, each.detail)

    yield Table("unusual", "What was found", _UNUSUAL, found())
    why = ((check.title, check.why, counts[check.name]) for check in unusual.CHECKS)
    yield Table("checks", "What was looked for", _WHY, why, is_shown=True)


def _spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The period month by month or so: a check holds what it finds in one of them, no more."""
    while first <= last:
        end = min(last, first + timedelta(days=30))
        yield first, end
        first = end + timedelta(days=1)
