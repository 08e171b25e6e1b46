"""What approvals add to an evidence pack: who asked for what, who decided, within which limit, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Q

from ims.approvals import kinds
from ims.approvals.models import Conflict, Limit
from ims.approvals.models import Request as Asked
from ims.approvals.states import RequestState
from ims.audit.sections import Part, Request, Table, section

_REQUESTS = (
    "Request",
    "What",
    "Summary",
    "Amount",
    "Beyond the limit of",
    "Asked by",
    "Asked",
    "Why",
    "State",
    "Decided by",
    "Decided",
    "What they said",
    "What came of it",
    "Posting or record",
)
_LIMITS = ("Role", "Of what", "Alone up to", "With approval up to", "May approve up to")
_CONFLICTS = ("Conflict", "One duty", "The other duty", "Severity", "Why", "What makes up for it", "In force")
_TOTALS = ("What", "State", "Requests", "Amount")


@section(
    "approvals",
    "Approvals",
    why="That a second person decided where one was needed: who asked, who decided, when, beyond which limit, and what "
    "came of it.",
    order=45,
)
def approvals(request: Request) -> Iterator[Part]:
    """Requests asked for, waiting or decided in the period; limits and conflicts of duties as they stand."""
    still = Q(decided_at=None) | Q(decided_at__gte=request.since)
    found = Asked.objects.filter(still, requested_at__lt=request.until).order_by("pk")
    totals: dict[tuple[str, str], tuple[int, Decimal | None]] = {}

    def rows() -> Iterator[tuple]:
        for each in found.iterator(500):
            key = (kinds.label_of(each.kind), each.get_state_display())
            count, amount = totals.get(key, (0, None))
            totals[key] = (count + 1, amount if each.amount is None else (amount or 0) + each.amount)
            yield _request(each)

    yield Table("requests", "Requests that waited or were decided in the period", _REQUESTS, rows())
    added_up = ((what, state, *total) for (what, state), total in sorted(totals.items()))
    yield Table("summary", "Requests added up", _TOTALS, added_up, is_shown=True)
    limits = Limit.objects.order_by("kind", "role")
    yield Table("limits", "Limits as they stand", _LIMITS, (_limit(each) for each in limits.iterator(500)))
    conflicts = Conflict.objects.order_by("severity", "name")
    yield Table("conflicts", "Duties that one person should not hold together", _CONFLICTS, map(_conflict, conflicts))


def _request(each: Asked) -> tuple:
    beyond = "; ".join(
        kinds.limit_label(code) + (f" ({amount})" if amount is not None else "")
        for code, amount in sorted(each.covers.items())
    )
    is_decided = each.state != RequestState.WAITING
    return (
        each.pk,
        kinds.label_of(each.kind),
        each.summary,
        each.amount if each.amount is not None else "",
        beyond,
        each.requested_by_name,
        each.requested_at,
        each.reason,
        each.get_state_display(),
        each.decided_by_name if is_decided else "",
        each.decided_at or "",
        each.decision_reason,
        each.outcome,
        f"{each.outcome_type} {each.outcome_id}".strip(),
    )


def _limit(each: Limit) -> tuple:
    return (
        each.role or "everybody",
        kinds.limit_label(each.kind),
        *(_amount(value) for value in (each.alone_up_to, each.with_approval_up_to, each.may_approve_up_to)),
    )


def _amount(value: Decimal | None) -> Decimal | str:
    return "any amount" if value is None else value


def _conflict(each: Conflict) -> tuple:
    return (
        each.name,
        each.first,
        each.second,
        each.get_severity_display(),
        each.why,
        each.compensating_control,
        each.is_in_force,
    )
