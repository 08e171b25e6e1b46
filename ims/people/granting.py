"""Granting rights takes two, and some rights do not go together: for who is given a role, and for what a role allows.

While nobody else could approve, as in the first hours of an installation, an administrator grants alone; the audit
trail says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission

from ims.approvals import directory, duties, gate
from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval
from ims.approvals.selectors import DECIDE
from ims.audit.actors import Actor
from ims.audit.services import record
from ims.people.errors import PeopleRefusal
from ims.people.roles import ADMINISTRATOR

ROLES = "people.roles"


def check_combination(held: frozenset[str], wanted: frozenset[str]) -> None:
    """Refuse roles that together hold duties which must be apart, unless they were held together before.

    Raises `PeopleRefusal`, naming the duties and why they do not go together.
    """
    before = {conflict.pk for conflict in duties.conflicts_within(permissions_of(held), held)}
    for conflict in duties.conflicts_within(permissions_of(wanted), wanted):
        if conflict.is_refused and conflict.pk not in before:
            raise PeopleRefusal(
                f"{_listed(wanted)} cannot be held by one person. “{conflict.name}” do not go together: "
                f"{conflict.why} Give one of the roles to somebody else.",
                code="duties_conflict",
            )


def agree(
    *, actor: Actor, act: str, arguments: Mapping[str, Any], approval: Approval | None, kind: str = ROLES
) -> None:
    """Raise `ApprovalNeeded` unless `actor` may grant rights alone, somebody approved it, or nobody else could.

    To be called for what gives somebody more than they have; `act` and `arguments` are what a request of `kind` does.
    """
    if approval is None and not gate.allowed_alone(actor, ROLES, None) and not takes_two(actor):
        record("roles_granted_alone", actor=actor, data={"act": act, **arguments})
        return
    payload = {"act": act, "arguments": dict(arguments), "reason": arguments["reason"]}
    gate.require(
        actor=actor,
        limit=ROLES,
        amount=None,
        approval=approval,
        ask=lambda: Asked(kind=kind, payload=payload),
    )


def takes_two(actor: Actor) -> bool:
    """Whether what `actor` grants waits for a second person."""
    return not gate.allowed_alone(actor, ROLES, None) and _somebody_else_could_approve(actor)


def lock_rights() -> None:
    """Let one change of rights happen at a time, until the transaction ends.

    So two administrators who remove each other at the same moment cannot both succeed, nor can a role grow while
    somebody whose duties would then conflict is given it.
    """
    list(Group.objects.select_for_update().filter(name=ADMINISTRATOR))


def permissions_of(roles: frozenset[str]) -> frozenset[str]:
    """The permissions that `roles` hold together, like ``ledger.post_journal``."""
    rows = Permission.objects.filter(group__name__in=roles).values_list("content_type__app_label", "codename")
    return frozenset(f"{room}.{codename}" for room, codename in rows)


def _somebody_else_could_approve(actor: Actor) -> bool:
    limits = gate.Limits()
    return any(
        limits.may_approve(each.roles, {ROLES: None})
        for each in directory.holders_of(DECIDE)
        if (each.actor.kind, each.actor.identifier) != (actor.kind, actor.identifier)
    )


def _listed(roles: frozenset[str]) -> str:
    names = sorted(roles)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
