"""Reading requests. Who may see one of its funds not, does not see a request; who asked always does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from ims.approvals import directory, kinds
from ims.approvals.directory import Colleague
from ims.approvals.gate import Limits
from ims.approvals.models import Request
from ims.approvals.plans import NAMING
from ims.approvals.states import RequestState
from ims.audit import personal
from ims.audit.actors import Actor
from ims.common import masking
from ims.common.errors import NotFound
from ims.common.money import format_pounds

VIEW = "approvals.view_request"
DECIDE = "approvals.decide_request"


def visible(actor: Actor) -> QuerySet[Request]:
    """The requests `actor` may see, newest first: their own; with the permission, all within their funds."""
    own = Q(requested_by_kind=actor.kind, requested_by_id=actor.identifier)
    if not (actor.may(VIEW) or actor.may(DECIDE)):
        return Request.objects.filter(own)
    if not actor.is_limited:
        return Request.objects.all()
    if (actor.offices, actor.methods) != (None, None):
        return Request.objects.filter(own)  # a plan names its funds; whose office and method it is it does not say
    return Request.objects.filter(own | Q(funds__contained_by=sorted(actor.funds)))


def get(actor: Actor, request_id: int) -> Request:
    """One request. Raises `NotFound` when there is none, or `actor` may not know of it."""
    found = visible(actor).filter(pk=request_id).first()
    if found is None:
        raise NotFound(f"There is no request {request_id}, or it is not about your funds.")
    return found


def asked_by(request: Request, actor: Actor) -> bool:
    """Whether `actor` is who asked."""
    return (request.requested_by_kind, request.requested_by_id) == (actor.kind, actor.identifier)


def waiting_for(actor: Actor) -> list[Request]:
    """The waiting requests that `actor` may decide, the oldest first."""
    if actor.kind != "person" or not actor.may(DECIDE):
        return []
    waiting = visible(actor).filter(state=RequestState.WAITING).order_by("pk")
    limits, roles = Limits(), directory.roles_of(actor)
    return [each for each in waiting if not _why_not(actor, each, limits, roles)]


def own(actor: Actor) -> QuerySet[Request]:
    """What `actor` asked for, newest first."""
    return Request.objects.filter(requested_by_kind=actor.kind, requested_by_id=actor.identifier)


def why_not_decide(actor: Actor, request: Request) -> str:
    """Why `actor` may not decide `request`, as the end of a sentence; empty when they may."""
    return _why_not(actor, request, Limits(), directory.roles_of(actor))


def deciders(request: Request) -> list[Colleague]:
    """Everybody who could decide `request` now, by name."""
    limits = Limits()
    holders = directory.holders_of(DECIDE)
    found = [each for each in holders if not _why_not(each.actor, request, limits, each.roles)]
    return sorted(found, key=lambda colleague: colleague.actor.name)


def _why_not(actor: Actor, request: Request, limits: Limits, roles: frozenset[str]) -> str:
    if asked_by(request, actor):
        return "you asked for it yourself. A colleague has to decide."
    if actor.kind != "person":
        return "only people who sign in decide."
    if not actor.may(DECIDE):
        return f"your role lacks the permission “{DECIDE}”."
    kind = kinds.known(request.kind)
    if kind is None:
        return "this version of IMS no longer knows requests of its kind."
    if actor.identifier in set(kind.barred(request.payload)):
        return "it is about yourself. A colleague has to decide."
    sees_parts = (actor.offices, actor.methods) != (None, None)
    if sees_parts or (actor.funds is not None and not set(request.funds) <= actor.funds):
        return "it touches funds that are not among yours."
    if not limits.may_approve(roles, request.covers):
        return f"{_in_words(request)} is more than your roles may approve."
    return ""


def decided_sentence(request: Request) -> str:
    """What became of a request that no longer waits."""
    state = RequestState(request.state).label.lower()
    return f"Request {request.pk} is “{state}”: {request.decided_by_name} decided on {_moment(request.decided_at)}."


def veiled_plan(actor: Actor, request: Request) -> dict[str, Any]:
    """The plan, with what may name a payer masked unless details are shown to `actor`; what is shown is noted."""
    plan = request.plan
    if personal.reveals(actor, Request):
        if any(line["narrative"] for line in plan["lines"]) or any(name in NAMING for name, _ in plan["facts"]):
            personal.note(request)
        return plan
    return {
        **plan,
        "lines": [{**line, "narrative": masking.hidden(line["narrative"])} for line in plan["lines"]],
        "facts": [[name, masking.hidden(value) if name in NAMING else value] for name, value in plan["facts"]],
    }


def for_record(model: str, key: Any) -> Request | None:
    """The approved request that left the record `key` of `model` (like ``ledger.posting``), if any."""
    return Request.objects.filter(state=RequestState.APPROVED, outcome_type=model, outcome_id=str(key)).first()


def _in_words(request: Request) -> str:
    label = kinds.label_of(request.kind)
    return f"{label} of {format_pounds(request.amount)}" if request.amount is not None else label


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%-d %b %Y at %H:%M}" if at else "an earlier day"
