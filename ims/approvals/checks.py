"""Findings about requests and limits. They report; they never put anything right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F

from ims.approvals import directory, gate, kinds
from ims.approvals.models import Request
from ims.approvals.selectors import DECIDE
from ims.approvals.states import DECIDED_BY_ANOTHER, RequestState
from ims.common import clock
from ims.common.findings import Finding


def verify() -> Iterator[Finding]:
    """Decisions that should not be possible, requests left over, and kinds that nobody could approve."""
    yield from _impossible_decisions()
    overdue = clock.today() - timedelta(days=1)
    for request in Request.objects.filter(state=RequestState.WAITING, expires_on__lt=overdue)[:20]:
        yield Finding(
            "approvals.overdue",
            "warning",
            f"{request} should have expired on {request.expires_on:%-d %b %Y}. Is a worker running?",
            str(request),
        )
    yield from _nobody_approves()


def _impossible_decisions() -> Iterator[Finding]:
    decided = Request.objects.filter(state__in=DECIDED_BY_ANOTHER)
    own = decided.filter(decided_by_kind=F("requested_by_kind"), decided_by_id=F("requested_by_id"))
    for request in own[:20]:
        yield Finding("approvals.own", "error", f"{request} was decided by who asked for it.", str(request))
    for request in decided.exclude(decided_by_kind="person")[:20]:
        sentence = f"{request} was decided by {request.decided_by_name}, who is no person."
        yield Finding("approvals.no_person", "error", sentence, str(request))
    for request in Request.objects.filter(state=RequestState.APPROVED, outcome="")[:20]:
        sentence = f"{request} is approved, but nothing is on record of its being done."
        yield Finding("approvals.not_done", "error", sentence, str(request))


def _nobody_approves() -> Iterator[Finding]:
    limits, holders = gate.Limits(), directory.holders_of(DECIDE)
    for limit in kinds.limits():
        if not any(
            limits.may_approve(each.roles, {limit.code: "0.01" if limit.has_amount else None}) for each in holders
        ):
            yield Finding(
                "approvals.nobody",
                "warning",
                f"{limit.label}: nobody may approve any. Set a limit for a role that somebody active holds.",
                limit.code,
            )
