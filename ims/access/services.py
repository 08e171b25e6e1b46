"""Changing what people may see, moving them to other work, and reviewing everybody's access."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ims.access import selectors
from ims.access.errors import AccessRefusal
from ims.access.models import AccessReview, PersonScope, ReviewLine
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, acting, authorise, require_reason
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput, NotFound
from ims.funds import services as funds
from ims.funds.models import FundGroup, MethodOfPayment, Office
from ims.people import services as people
from ims.people.models import User
from ims.people.selectors import with_access

SET_SCOPE = "access.change_personscope"
MOVE = "access.move"
"""The kind of request a move is, where it gives roles that take a second person."""


@transaction.atomic
def set_scope(
    *,
    actor: Actor,
    person: User,
    fund_groups: Iterable[FundGroup],
    offices: Collection[str] | None,
    methods: Collection[str] | None,
    reason: str,
) -> str:
    """Limit what a person may see: to the funds of groups, to offices, to methods of payment. Returns it in words.

    No group, and None for offices and methods, is all of them. Raises `AccessRefusal` for one's own scope, for a scope
    without the person's own office, and for an empty list, which would be nothing at all.
    """
    authorise(actor, SET_SCOPE, what="change what people may see")
    require_reason(reason)
    locked = User.objects.select_for_update().get(pk=person.pk)
    _not_oneself(actor, locked, "change what you yourself may see")
    people.may_touch(actor=actor, person=locked)
    offices, methods = _known(Office, offices, "office"), _known(MethodOfPayment, methods, "method of payment")
    if offices is not None and locked.office_code and locked.office_code not in offices:
        raise AccessRefusal(
            f"{locked} works at office {locked.office_code}, which stands on the receipts they create. Include it, or "
            "change their office first."
        )
    before = selectors.scope_in_words(locked)
    _set_fund_groups(actor, locked, list(fund_groups), reason)
    scope = PersonScope.objects.filter(person=locked).first() or PersonScope(person=locked)
    if (scope.offices, scope.methods) != (offices, methods):
        scope.offices, scope.methods = offices, methods
        with acting(actor, reason):
            scope.save()
    after = selectors.scope_in_words(locked)
    if before != after:
        data = {"before": before, "after": after}
        record("scope_changed", actor=actor, subject=locked, reason=reason, data=data)
    return after


@transaction.atomic
def move_person(
    *,
    actor: Actor,
    person: User,
    roles: Collection[str],
    office: str,
    fund_groups: Iterable[FundGroup],
    offices: Collection[str] | None,
    methods: Collection[str] | None,
    old_access_removed: bool,
    reason: str,
    approval: Approval | None = None,
) -> User:
    """Somebody moves to other work: roles, office and scope change together, in one act with one reason.

    `old_access_removed` is the confirmation that what only the old work needed is gone. Raises `AccessRefusal`
    without it, and `ApprovalNeeded` where the new roles take a second person: for the whole move, so that nobody has
    the new roles with the old scope.
    """
    authorise(actor, SET_SCOPE, what="move people to other work")
    if not old_access_removed:
        raise AccessRefusal(
            f"Confirm that {person} keeps nothing that only the old work needed: compare the old roles and scope with "
            "the new ones, and tick the box."
        )
    fund_groups = list(fund_groups)
    if person.office_code != office:
        person = people.change_details(
            actor=actor,
            person=person,
            display_name=person.display_name,
            email=person.email,
            office_code=office,
            reason=reason,
        )
    set_scope(actor=actor, person=person, fund_groups=fund_groups, offices=offices, methods=methods, reason=reason)
    try:
        moved = people.change_roles(
            actor=actor, person=person, roles=roles, reason=reason, scope_confirmed=True, approval=approval
        )
    except ApprovalNeeded as needed:
        arguments = {
            "person": person.pk, "roles": sorted(roles), "office": office, "fund_groups": [g.pk for g in fund_groups],
            "offices": offices, "methods": methods, "old_access_removed": True, "reason": reason,
        }  # fmt: skip
        payload = {**needed.payload, "act": "move", "arguments": arguments}
        raise ApprovalNeeded(str(needed), kind=MOVE, payload=payload) from needed
    data = {"roles": moved.role_names, "scope": selectors.scope_in_words(moved)}
    record("person_moved", actor=actor, subject=moved, reason=reason, data=data)
    return moved


def _set_fund_groups(actor: Actor, person: User, wanted: list[FundGroup], reason: str) -> None:
    held = set(person.fund_groups.all())
    for group in held.symmetric_difference(wanted):
        members = list(group.people.all())
        members = [*members, person] if group in wanted else [each for each in members if each.pk != person.pk]
        funds.save_fund_group(
            actor=actor, group=group, name=group.name, funds=group.funds.all(), people=members, reason=reason
        )


def _known(model: type, codes: Collection[str] | None, name: str) -> list[str] | None:
    if codes is None:
        return None
    wanted = sorted(set(codes))
    if not wanted:
        raise AccessRefusal(f"Choose at least one {name}, or all of them: with none the person would see nothing.")
    unknown = set(wanted) - set(model.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    if unknown:
        raise InvalidInput(f"There is no {name} “{min(unknown)}”.")
    return wanted


# --- access reviews -------------------------------------------------------------------------------------------------


@transaction.atomic
def open_review(*, actor: Actor, title: str, due_on: date) -> AccessReview:
    """Open a review: everybody who may sign in, with their roles, scope and last sign-in as they are now.

    Raises `AccessRefusal` while another is open, and `InvalidInput` for a day that has passed.
    """
    authorise(actor, selectors.OPEN, what="open access reviews")
    if due_on < clock.today():
        raise InvalidInput(f"{due_on:%-d %b %Y} has passed. Give a day to come, by which everybody is decided about.")
    if AccessReview.objects.filter(signed_off_at=None).exists():
        raise AccessRefusal("An access review is open already. Sign it off before opening the next.")
    review = AccessReview(title=" ".join(title.split()), opened_at=clock.now(), opened_by=actor.name, due_on=due_on)
    try:
        review.full_clean()
        with acting(actor, "Access review opened"), transaction.atomic():
            review.save()
            for person in with_access().select_related("break_glass").order_by("display_name", "username"):
                _line_for(review, person).save()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    except IntegrityError as error:
        raise AccessRefusal("Somebody else opened an access review just now.") from error
    record("access_review_opened", actor=actor, subject=review, data={"people": review.lines.count()})
    return review


def _line_for(review: AccessReview, person: User) -> ReviewLine:
    return ReviewLine(
        review=review,
        person=person,
        name=str(person),
        username=person.username,
        roles=person.role_names,
        scope=selectors.scope_in_words(person),
        kind="Break-glass" if hasattr(person, "break_glass") else person.get_access_kind_display(),
        ends_on=person.access_ends_on,
        last_signed_in_at=person.last_login,
    )


@transaction.atomic
def decide(*, actor: Actor, line_id: int, decision: str, reason: str) -> ReviewLine:
    """Say of one person that their access is still needed, was changed, or goes: then it goes now.

    “Changed” is taken only when roles or scope do differ from what the review found. A decision may be replaced by
    another until the review is signed off. Raises `AccessRefusal` for oneself and for a review that is signed off.
    """
    authorise(actor, selectors.DECIDE, what="decide about people in access reviews")
    require_reason(reason)
    line = ReviewLine.objects.select_for_update(of=("self",)).select_related("review", "person").filter(pk=line_id)
    found = line.first()
    if found is None:
        raise NotFound("There is no such person in an access review.")
    if not AccessReview.objects.select_for_update().get(pk=found.review_id).is_open:
        raise AccessRefusal(f"{found.review} was signed off and stays as it is.")
    _not_oneself(actor, found.person, "review your own access")
    if actor.person_key is None:
        raise AccessRefusal("Access is reviewed by people, each under their own name.")
    if decision not in (ReviewLine.Decision.CONFIRMED, ReviewLine.Decision.CHANGED, ReviewLine.Decision.REMOVED):
        raise InvalidInput("Say whether the access is still needed, was changed, or is removed.")
    if decision == ReviewLine.Decision.CHANGED:
        _has_changed(found)
    if decision == ReviewLine.Decision.CONFIRMED and not found.person.is_active:
        raise AccessRefusal(f"{found.person} is not active any more. Say that the access was removed.")
    if decision == ReviewLine.Decision.REMOVED:
        # Who may decide may take away, and nothing else: the right to do so is lent for this one call.
        lent = actor.lent("people.change_user")
        people.deactivate(actor=lent, person=found.person, reason=f"{found.review}: {reason}")
    found.decision, found.reason = decision, reason.strip()
    found.decided_at, found.decided_by_id = clock.now(), actor.person_key
    with acting(actor, reason):
        found.save()
    data = {"person": found.username, "decision": decision}
    record("access_reviewed", actor=actor, subject=found.review, reason=reason, data=data)
    return found


@transaction.atomic
def sign_off(*, actor: Actor, review_id: int, statement: str) -> AccessReview:
    """Close a review for good. The database lets nothing of it change afterwards.

    Raises `AccessRefusal` while somebody is not decided about, or when it is signed off already.
    """
    authorise(actor, selectors.OPEN, what="sign off access reviews")
    if not statement.strip():
        raise InvalidInput("Say what you sign: that everybody's access was looked at, and what came of it.")
    review = AccessReview.objects.select_for_update().filter(pk=review_id).first()
    if review is None:
        raise NotFound("There is no such access review.")
    if not review.is_open:
        raise AccessRefusal(f"{review} was signed off by {review.signed_off_by} already.")
    waiting = review.lines.filter(decision="").count()
    if waiting:
        raise AccessRefusal(f"{waiting} people in {review} are not decided about yet.")
    review.signed_off_at, review.signed_off_by, review.statement = clock.now(), actor.name, statement.strip()
    with acting(actor, statement):
        review.save()
    counted = {name: review.lines.filter(decision=name).count() for name in ("confirmed", "changed", "removed")}
    record("access_review_signed_off", actor=actor, subject=review, reason=statement, data=counted)
    return review


def _has_changed(line: ReviewLine) -> None:
    now = User.objects.get(pk=line.person_id)
    if (now.role_names, selectors.scope_in_words(now)) == (line.roles, line.scope):
        raise AccessRefusal(
            f"The roles and scope of {now} are what they were when the review was opened. Change them first, then say "
            "so here."
        )


def _not_oneself(actor: Actor, person: User, what: str) -> None:
    if actor.person_key == person.pk:
        raise AccessRefusal(f"You may not {what}. Ask a colleague.")
