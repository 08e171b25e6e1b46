"""Writing what finance owns, where more than one record is at stake.

Single records are edited in the admin, whose forms carry the reason; the database's constraints keep their promises.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common.errors import InvalidInput
from ims.funds.errors import FundsRefusal
from ims.funds.models import CheckDigitScheme, Fund, FundGroup, ReferenceRule
from ims.people.models import User
from ims.references import rules as reference_rules


@transaction.atomic
def save_fund_group(
    *,
    actor: Actor,
    name: str,
    funds: Iterable[Fund],
    people: Iterable[User],
    reason: str,
    group: FundGroup | None = None,
) -> FundGroup:
    """Make or change a fund group: its funds, and the people who see only those.

    Raises `FundsRefusal` when the actor would change what they themselves may see.
    """
    act = "add" if group is None else "change"
    authorise(actor, f"funds.{act}_fundgroup", what=f"{act} fund groups")
    if group is None:
        group = FundGroup(name=name.strip())
        before: set[str] = set()
    else:
        group = FundGroup.objects.select_for_update().get(pk=group.pk)
        group.name = name.strip()
        before = {str(pk) for pk in group.people.values_list("pk", flat=True)}
    chosen_funds = sorted(funds, key=lambda fund: fund.code)
    chosen_people = sorted(people, key=lambda person: str(person).casefold())
    after = {str(person.pk) for person in chosen_people}
    _scope_of_others(actor, group, before, after, {fund.code for fund in chosen_funds})
    group.members = _in_words(chosen_funds, chosen_people)
    try:
        group.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    with acting(actor, reason):
        group.save()
        group.funds.set(chosen_funds)
        group.people.set(chosen_people)
    data = {"members": group.members, "people_added": len(after - before), "people_removed": len(before - after)}
    record("fund_group_saved", actor=actor, subject=group, reason=reason, data=data)
    return group


@transaction.atomic
def save_reference_rule(*, actor: Actor, rule: ReferenceRule, reason: str) -> ReferenceRule:
    """Add or change a reference rule that works. Raises `InvalidInput` with what is wrong with it."""
    act = "add" if rule.pk is None else "change"
    authorise(actor, f"funds.{act}_referencerule", what=f"{act} reference rules")
    _clean(rule)
    problems = reference_rules.validate_rule(reference_rules.ReferenceRule.from_config(rule.as_config()))
    if problems:
        raise InvalidInput(problems[0], details=problems[1:])
    with acting(actor, reason):
        rule.save()
    return rule


@transaction.atomic
def save_check_digit_scheme(*, actor: Actor, scheme: CheckDigitScheme, reason: str) -> CheckDigitScheme:
    """Add or change a check digit scheme. Raises `InvalidInput` with what is wrong with it."""
    act = "add" if scheme.pk is None else "change"
    authorise(actor, f"funds.{act}_checkdigitscheme", what=f"{act} check digit schemes")
    _clean(scheme)
    with acting(actor, reason):
        scheme.save()
    return scheme


def _clean(record: ReferenceRule | CheckDigitScheme) -> None:
    try:
        record.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error


def _scope_of_others(actor: Actor, group: FundGroup, before: set[str], after: set[str], funds: set[str]) -> None:
    if actor.kind != "person":
        return
    held = set(group.funds.values_list("code", flat=True)) if group.pk else set()
    joins_or_leaves = (actor.identifier in before) != (actor.identifier in after)
    own_group_changes = actor.identifier in after and funds != held
    if joins_or_leaves or own_group_changes:
        raise FundsRefusal("You may not change which funds you yourself may see. Ask a colleague.")


def _in_words(funds: list[Fund], people: list[User]) -> str:
    return (
        f"Funds: {', '.join(fund.code for fund in funds) or 'none'}. "
        f"People: {', '.join(person.username for person in people) or 'none'}."
    )
