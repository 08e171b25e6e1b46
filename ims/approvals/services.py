"""Asking for what needs a second person, and deciding about it.

Who asks is never who decides: the services refuse it with a sentence, the database in any case. Approving applies the
request in the same transaction, as the act of who asked, with the rights they hold now; if the world has moved since
it was asked, the request is overtaken and nothing is applied.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from ims.approvals import directory, gate, kinds, selectors
from ims.approvals.errors import ApprovalRefusal, ApproverRefused, WorldHasMoved
from ims.approvals.kinds import Approval, Kind
from ims.approvals.models import Request
from ims.approvals.plans import Applied, first_difference
from ims.approvals.selectors import DECIDE
from ims.approvals.states import MOVES, RequestState
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import Conflict, ImsError, InvalidInput, NotAllowed
from ims.jobs.queue import enqueue

TELL_JOB = "approvals.tell"
LONGEST_REASON = 1000
_PASSING = frozenset({"busy"})
"""Codes of refusals that say nothing against the request: somebody is in the way just now. It goes on waiting."""
_REHEARSAL = Actor(kind="system", identifier="rehearsal", name="Rehearsal")


def draft(*, actor: Actor, kind: str, payload: Mapping[str, Any], reason: str = "", key: str = "") -> Request:
    """The request as it would be made, its plan included, to be shown before it is asked for. Nothing is kept.

    Does it for real, as if approved, and takes it back: raises whatever would refuse it, `NotAllowed` included, since
    the owning service authorises; and `ApprovalRefusal` for what may not be done even with an approval.
    """
    chosen, asked = kinds.find(kind), dict(payload)
    applied, covers = _rehearsed(actor, chosen, asked)
    if not covers:
        raise ApprovalRefusal("Nothing of this needs an approval, or it has been done already. Nothing was asked.")
    gate.refuse_beyond_all(actor, covers)
    amounts = [held for held in covers.values() if held is not None]
    plan = applied.plan.as_data()
    return Request(
        kind=kind,
        key=key,
        payload=asked,
        summary=applied.plan.summary,
        amount=max(map(gate.amount_of, amounts), default=None),
        covers=covers,
        plan=plan,
        stamp=dict(chosen.stamp(asked)),
        funds=plan["funds"],
        reason=reason,
        requested_by_kind=actor.kind,
        requested_by_id=actor.identifier,
        requested_by_name=actor.name,
        expires_on=clock.today() + timedelta(days=settings.APPROVAL_DAYS),
    )


@transaction.atomic
def request(*, actor: Actor, kind: str, payload: Mapping[str, Any], reason: str, key: str = "") -> Request:
    """Ask for what `actor` may not do alone. The same `key` again finds the request made first.

    Raises what the owning service refuses (so that nothing impossible waits for anybody), and `ApprovalRefusal` for
    what may not be done even with an approval.
    """
    why = _reason(reason, "Say why you ask. Who decides reads it, and the audit trail keeps it.")
    key = key or uuid.uuid4().hex
    waits = Q(payload=dict(payload), state=RequestState.WAITING)
    earlier = Request.objects.filter(Q(key=key) | waits, kind=kind).first()
    if earlier is not None:
        return _own(actor, earlier)
    made = draft(actor=actor, kind=kind, payload=payload, reason=why, key=key)
    try:
        with acting(actor, why), transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        # The same form was sent twice at the same moment.
        return _own(actor, Request.objects.get(kind=kind, key=key))
    made.refresh_from_db()
    record("approval_requested", actor=actor, subject=made, reason=why, data={"kind": kind, "covers": made.covers})
    enqueue(TELL_JOB, actor=actor, subject=made, request=made.pk)
    return made


def approve(*, actor: Actor, request_id: int, reason: str = "") -> Request:
    """Approve a request and apply it, in one transaction.

    Returns the request: “approved”, or “stale” with the sentence in `decision_reason` when the world has moved and
    nothing was applied. Raises `NotAllowed` for who may not approve it (who asked, first of all), and `Conflict` when
    it is decided already or somebody is deciding it at this moment.
    """
    _person(actor)
    authorise(actor, DECIDE, what="approve requests")
    with transaction.atomic():
        asked = _locked(actor, request_id)
        kind = _may_decide(actor, asked, what="approve")
        _not_expired(asked)
        try:
            with transaction.atomic():
                _apply(actor, asked, kind, reason.strip()[:LONGEST_REASON])
        except ImsError as refusal:
            if isinstance(refusal, (Conflict, ApproverRefused)) or refusal.code in _PASSING:
                raise
            asked.refresh_from_db()
            _end(asked, "overtake", actor=actor, reason=_in_full(refusal))
        return asked


@transaction.atomic
def reject(*, actor: Actor, request_id: int, reason: str) -> Request:
    """Turn a request down, saying why. Raises like `approve`."""
    _person(actor)
    authorise(actor, DECIDE, what="reject requests")
    why = _reason(reason, "Say why you reject it. Who asked reads it, and the audit trail keeps it.")
    asked = _locked(actor, request_id)
    _may_decide(actor, asked, what="reject")
    _end(asked, "reject", actor=actor, reason=why)
    return asked


@transaction.atomic
def withdraw(*, actor: Actor, request_id: int, reason: str = "") -> Request:
    """Take back a request of one's own."""
    asked = _locked(actor, request_id)
    if not selectors.asked_by(asked, actor):
        raise NotAllowed(
            f"Only {asked.requested_by_name}, who asked, may withdraw request {asked.pk}. Reject it instead."
        )
    _still_waiting(asked)
    _end(asked, "withdraw", actor=actor, reason=reason.strip()[:LONGEST_REASON])
    return asked


def expire(*, actor: Actor) -> int:
    """End every waiting request whose last day has passed; return how many. Each in a transaction of its own."""
    authorise(actor, DECIDE, what="let requests expire")
    overdue = Request.objects.filter(state=RequestState.WAITING, expires_on__lt=clock.today())
    ended = 0
    for key in list(overdue.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            asked = (
                Request.objects.select_for_update(skip_locked=True).filter(pk=key, state=RequestState.WAITING).first()
            )
            if asked is not None:
                day = f"{asked.expires_on:%-d %b %Y}"
                _end(asked, "expire", actor=actor, reason=f"Nobody decided by {day}. Ask again if it is still wanted.")
                ended += 1
    return ended


def _rehearsed(actor: Actor, kind: Kind, payload: dict[str, Any]) -> tuple[Applied, dict[str, str | None]]:
    """What applying would do and which limits it meets: done in a savepoint that is taken back.

    The request it is done under is real for as long, so that the database lets through what it will let through later.
    """
    with transaction.atomic():
        provisional = Request(
            pk=-_backend_number(),
            kind=kind.code,
            key=f"rehearsal {uuid.uuid4().hex}",
            payload=payload,
            plan={},
            covers=dict.fromkeys(each.code for each in kinds.limits()),
            reason="Rehearsal",
            requested_by_kind=actor.kind,
            requested_by_id=actor.identifier,
            requested_by_name=actor.name,
            expires_on=clock.today(),
        )
        provisional.save_without_historical_record(force_insert=True)
        _write_decision(provisional, "approve", actor=_REHEARSAL, reason="", historical=False)
        approval = Approval(provisional, is_rehearsal=True)
        with acting(actor, "Rehearsal"):
            applied = kind.apply(actor, payload, approval)
        transaction.set_rollback(True)
    return applied, approval.covers


def _apply(actor: Actor, asked: Request, kind: Kind, reason: str) -> None:
    """Approve and apply. Raises an `ImsError` when it cannot be applied as it was asked."""
    maker = directory.actor_again(asked.requested_by_kind, asked.requested_by_id, asked.requested_by_name)
    if maker is None:
        raise WorldHasMoved(f"{asked.requested_by_name}, who asked, may no longer sign in. Nothing was done.")
    _same_world(asked, kind)
    gate.refuse_beyond_all(maker, asked.covers)
    with acting(actor, reason or f"Approved, as {asked.requested_by_name} asked"):
        _write_decision(asked, "approve", actor=actor, reason=reason)
    with acting(maker, f"{asked.reason} (request {asked.pk}, approved by {actor.name})"):
        try:
            applied = kind.apply(maker, asked.payload, Approval(asked))
        except NotAllowed as refusal:
            raise WorldHasMoved(f"{maker.name}, who asked, may no longer do this. Nothing was done.") from refusal
    surprise = first_difference(asked.plan, applied.plan.as_data())
    if surprise:
        raise WorldHasMoved(f"{surprise} Nothing was done. Ask again, so that the new plan is seen.")
    asked.outcome = applied.outcome
    if applied.record is not None:
        asked.outcome_type, asked.outcome_id = applied.record._meta.label_lower, str(applied.record.pk)
    with acting(actor, f"Applied: {applied.outcome}"):
        asked.save(update_fields=["outcome", "outcome_type", "outcome_id"])
    record(
        "approval_given",
        actor=actor,
        subject=asked,
        reason=reason,
        data={"kind": asked.kind, "requested_by": asked.requested_by_name, "outcome": applied.outcome},
    )


def _same_world(asked: Request, kind: Kind) -> None:
    now = dict(kind.stamp(asked.payload))
    for label in {**asked.stamp, **now}:
        before, after = asked.stamp.get(label, ""), now.get(label, "")
        if before != after:
            raise WorldHasMoved(
                f"{label} was “{before or 'nothing'}” when this was asked and is “{after or 'nothing'}” now. "
                "Nothing was done. Ask again if it is still wanted."
            )


def _end(asked: Request, event: str, *, actor: Actor, reason: str) -> None:
    with acting(actor, reason):
        _write_decision(asked, event, actor=actor, reason=reason)
    verb = {
        "reject": "approval_rejected",
        "withdraw": "approval_withdrawn",
        "expire": "approval_expired",
        "overtake": "approval_overtaken",
    }[event]
    record(verb, actor=actor, subject=asked, reason=reason, data={"kind": asked.kind})


def _write_decision(asked: Request, event: str, *, actor: Actor, reason: str, historical: bool = True) -> None:
    sources, target = MOVES[event]
    if asked.state not in sources:
        raise Conflict(selectors.decided_sentence(asked))
    asked.state = target
    asked.decided_by_kind, asked.decided_by_id, asked.decided_by_name = actor.kind, actor.identifier, actor.name
    asked.decided_at, asked.decision_reason = timezone.now(), reason
    names = ["state", "decided_by_kind", "decided_by_id", "decided_by_name", "decided_at", "decision_reason"]
    if historical:
        asked.save(update_fields=names)
    else:
        asked.save_without_historical_record(update_fields=names)
    asked.refresh_from_db()


def _locked(actor: Actor, request_id: int) -> Request:
    """The request, held until the transaction ends. Raises `Conflict` at once when somebody else holds it."""
    seen = selectors.get(actor, request_id)
    with _told_when_held(seen):
        return Request.objects.select_for_update(nowait=True).get(pk=seen.pk)


@contextmanager
def _told_when_held(seen: Request) -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except OperationalError as error:
        raise Conflict(f"Somebody else is deciding request {seen.pk} at this moment. Look again shortly.") from error


def _may_decide(actor: Actor, asked: Request, *, what: str) -> Kind:
    """Raise unless `actor` may decide `asked`, which still waits; return its kind."""
    _still_waiting(asked)
    kind = kinds.find(asked.kind)
    refusal = selectors.why_not_decide(actor, asked)
    if refusal:
        raise NotAllowed(f"You may not {what} request {asked.pk}: {refusal}")
    return kind


def _still_waiting(asked: Request) -> None:
    if not asked.is_waiting:
        raise Conflict(selectors.decided_sentence(asked))


def _not_expired(asked: Request) -> None:
    if asked.expires_on < clock.today():
        raise ApprovalRefusal(
            f"Request {asked.pk} could be approved until {asked.expires_on:%-d %b %Y}. It has to be asked again."
        )


def _person(actor: Actor) -> None:
    if actor.kind != "person":
        raise NotAllowed("A request is decided by a person who signs in, not by a command, a job or another system.")


def _own(actor: Actor, earlier: Request) -> Request:
    if not selectors.asked_by(earlier, actor):
        raise ApprovalRefusal(f"{earlier.requested_by_name} has asked for exactly this already: request {earlier.pk}.")
    return earlier


def _reason(given: str, sentence: str) -> str:
    why = given.strip()
    if not why:
        raise InvalidInput(sentence)
    if len(why) > LONGEST_REASON:
        raise InvalidInput(f"The reason has {len(why):,} characters; {LONGEST_REASON:,} is the most.")
    return why


def _in_full(refusal: ImsError) -> str:
    further = [detail for detail in refusal.details if detail not in refusal.message]
    return " ".join([refusal.message, *further])


def _backend_number() -> int:
    return connection.connection.info.backend_pid
