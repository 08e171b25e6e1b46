"""Declaring interests and ending them, and refusing what somebody would do upon an account of their own."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, acting, authorise, require_reason
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.funds.models import Fund
from ims.interests import selectors
from ims.interests.errors import ApproverInterested, InterestRefusal
from ims.interests.models import Interest
from ims.people.models import User


@transaction.atomic
def declare(
    *, actor: Actor, person: User, account_reference: str, relation: str, fund: Fund | None = None, note: str = ""
) -> Interest:
    """Say that `person` has an interest in an account: everybody for themselves, for others with the right to.

    Declared already, it is found, not declared twice. Raises `InvalidInput` without a reference.
    """
    if actor.person_key != person.pk:
        authorise(actor, selectors.KEEP, what="declare interests for other people")
    locked = User.objects.select_for_update().get(pk=person.pk)
    reference = selectors.same_form(account_reference)
    earlier = Interest.objects.filter(
        person=locked, fund=fund, account_reference=reference, ended_on__isnull=True
    ).first()
    if earlier is not None:
        return earlier
    made = Interest(
        person=locked, fund=fund, account_reference=reference, relation=relation, note=note.strip(),
        declared_on=clock.today(),
    )  # fmt: skip
    try:
        made.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    with acting(actor, "Interest declared"):
        made.save()
    record("interest_declared", actor=actor, subject=made, data={"person": str(locked), "relation": relation})
    return made


@transaction.atomic
def end(*, actor: Actor, interest_id: int, reason: str) -> Interest:
    """Say that an interest is no more. Twice changes nothing. Raises `InterestRefusal` for one's own."""
    authorise(actor, selectors.KEEP, what="end declared interests")
    require_reason(reason)
    found = selectors.get(actor, interest_id)
    if found.person_id == actor.person_key:
        raise InterestRefusal("You may not end an interest of your own. Ask a colleague who keeps them.")
    kept = Interest.objects.select_for_update(of=("self",)).get(pk=found.pk)
    if kept.is_current:
        kept.ended_on = clock.today()
        with acting(actor, reason):
            kept.save()
        record("interest_ended", actor=actor, subject=kept, reason=reason, data={"person": str(kept.person)})
    return kept


def refuse_interested(
    *, actor: Actor, accounts: Iterable[tuple[str, str]], what: str, approval: Approval | None = None
) -> None:
    """Refuse what who acts (`InterestRefusal`) or who approves (`ApproverInterested`) has an interest in.

    `accounts` are pairs of fund and reference; `what` completes “You may not …”, like “reverse what was posted to”.
    """
    touched = list(accounts)
    if actor.person_key is not None and (found := selectors.touching(actor.person_key, touched)):
        raise InterestRefusal(
            f"You may not {what} {found.account_reference}: you declared an interest in that account on "
            f"{found.declared_on:%-d %b %Y}. Ask a colleague to do it."
        )
    if approval is not None and approval.approver and selectors.touching(approval.approver, touched):
        raise ApproverInterested(
            "You may not approve this: you declared an interest in an account it touches. A colleague has to decide."
        )
