"""Duties that one person should not hold together, and who would. Decides nothing about whose duties they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ims.approvals import directory
from ims.approvals.models import Conflict
from ims.audit.actors import Actor

ROLE = "role:"
"""What stands before the name of a role where a duty is a whole role instead of a permission."""

NOBODY = "nobody"

SEES_HOLDERS = ("people.view_user", "audit.view_event")
"""Who looks after people, or audits, sees by name who holds both duties; others see that duties are to be apart."""


def in_force() -> list[Conflict]:
    """Every conflict in force, refused ones first."""
    return sorted(
        Conflict.objects.filter(is_in_force=True), key=lambda conflict: (not conflict.is_refused, conflict.name)
    )


def conflicts_within(
    permissions: Collection[str], roles: Collection[str], conflicts: Sequence[Conflict] | None = None
) -> list[Conflict]:
    """The conflicts (None: all in force) that somebody with `permissions` and `roles` would hold, in their order."""
    held = {*permissions, *(f"{ROLE}{role}" for role in roles)}
    return [each for each in (in_force() if conflicts is None else conflicts) if held >= {each.first, each.second}]


def held_together(conflicts: Sequence[Conflict] | None = None) -> dict[Conflict, list[str]]:
    """The conflicts (None: all in force) whose duties somebody active holds both of, with the names of those people."""
    among = in_force() if conflicts is None else conflicts
    found: dict[Conflict, list[str]] = {}
    for person in directory.rights_of_everybody():
        for conflict in conflicts_within(person.permissions, person.roles, among):
            found.setdefault(conflict, []).append(person.name)
    return found


def how_many_hold(conflict: Conflict) -> str:
    """How many people hold both duties now: `NOBODY`, “1 person”, “12 people”."""
    held = len(held_together([conflict]).get(conflict, ()))
    return f"{held:,} {'person' if held == 1 else 'people'}" if held else NOBODY


def sees_holders(actor: Actor) -> bool:
    """Whether `actor` may see who holds duties that should be apart."""
    return any(actor.may(permission) for permission in SEES_HOLDERS)
