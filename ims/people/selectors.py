"""Turning a signed-in person into the actor that services ask for."""

from __future__ import annotations

from ims.audit.actors import Actor
from ims.people.models import User


def actor_for(user: User, *, address: str = "") -> Actor:
    """The actor `user` is, with the permissions their roles give them just now."""
    return Actor(
        kind="person",
        identifier=str(user.pk),
        name=str(user),
        permissions=frozenset(user.get_all_permissions()),
        office=user.office_code,
        address=address,
    )
