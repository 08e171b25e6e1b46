"""Turning a signed-in person into the actor that services ask for."""

from __future__ import annotations

from collections.abc import Callable

from ims.audit.actors import Actor
from ims.people.models import User

FundScope = Callable[[User], frozenset[str] | None]
_fund_scope: list[FundScope] = []


def register_fund_scope(scope: FundScope) -> None:
    """Let the room that knows funds say which a person may see; None is all. Called once, at start-up."""
    _fund_scope[:] = [scope]


def actor_for(user: User, *, address: str = "") -> Actor:
    """The actor `user` is, with the permissions and the funds their roles and groups give them just now."""
    return Actor(
        kind="person",
        identifier=str(user.pk),
        name=str(user),
        permissions=frozenset(user.get_all_permissions()),
        funds=_fund_scope[0](user) if _fund_scope else None,
        office=user.office_code,
        address=address,
    )
