"""Duties that one person should not hold together, and who would. Decides nothing about whose duties they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ims.approvals.models import Conflict

ROLE = "role:"
"""What stands before the name of a role where a duty is a whole role instead of a permission."""


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
