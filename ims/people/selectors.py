"""Turning a signed-in person into the actor that services ask for."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Q

from ims.approvals.directory import Colleague
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


def roles_of(actor: Actor) -> frozenset[str]:
    """The names of the groups a person is in now, the six roles among them; none for who may no longer sign in."""
    if actor.person_key is None:
        return frozenset()
    held = User.objects.filter(pk=actor.person_key, is_active=True).values_list("groups__name", flat=True)
    return frozenset(name for name in held if name)


def actor_again(identifier: str, name: str) -> Actor | None:
    """The person with this primary key as they are now; None when they may no longer sign in."""
    person = User.objects.filter(pk=int(identifier), is_active=True).first() if identifier.isdigit() else None
    return actor_for(person) if person else None


def holders_of(permission: str) -> list[Colleague]:
    """Everybody active whose roles include `permission`."""
    room, _, codename = permission.partition(".")
    holds = Q(groups__permissions__content_type__app_label=room, groups__permissions__codename=codename)
    people = User.objects.filter(Q(is_superuser=True) | holds, is_active=True).distinct().prefetch_related("groups")
    return [
        Colleague(actor_for(person), frozenset(group.name for group in person.groups.all()), person.email)
        for person in people
    ]
