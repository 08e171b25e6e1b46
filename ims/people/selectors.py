"""Turning a signed-in person into the actor that services ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from ims.approvals.directory import Colleague, Rights
from ims.audit.actors import Actor
from ims.common import clock
from ims.people.models import CouncilRole, User
from ims.people.roles import ROLE_NAMES, ROLES

Side = Callable[[User], frozenset[str] | None]
_scope: dict[str, Side] = {}


def register_scope(side: str, codes_of: Side) -> None:
    """Let the room that knows a side of people's scopes (``funds``, ``offices``, ``methods``) say what it is.

    `codes_of` a person gives the codes they are limited to; None is all. Called once for each side, at start-up.
    """
    _scope[side] = codes_of


def actor_for(user: User, *, address: str = "", unveiled: bool = False) -> Actor:
    """The actor `user` is, with the permissions and the scope their roles and records give them just now."""
    return Actor(
        kind="person",
        identifier=str(user.pk),
        name=str(user),
        permissions=frozenset(user.get_all_permissions()),
        office=user.office_code,
        address=address,
        unveiled=unveiled,
        **{side: codes_of(user) for side, codes_of in _scope.items()},
    )


@dataclass(frozen=True)
class KnownRole:
    """A role a person may be given: its name, what it is for, and the number of a role the council composed."""

    name: str
    purpose: str
    permissions: frozenset[str]
    is_in_use: bool = True
    number: int | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it came with IMS."""
        return self.number is None


def known_roles(*, in_use_only: bool = True) -> list[KnownRole]:
    """The six roles, then those the council composed itself, by name."""
    groups = Group.objects.filter(name__in=ROLE_NAMES).prefetch_related("permissions__content_type")
    held = {
        group.name: frozenset(f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all())
        for group in groups
    }
    ours = [KnownRole(role.name, role.purpose, held.get(role.name, frozenset())) for role in ROLES]
    theirs = CouncilRole.objects.filter(is_in_use=True) if in_use_only else CouncilRole.objects.all()
    return [
        *ours,
        *(KnownRole(role.name, role.purpose, frozenset(role.permissions), role.is_in_use, role.pk) for role in theirs),
    ]


def is_limited(user: User) -> bool:
    """Whether some side of the person's scope is limited."""
    return any(codes_of(user) is not None for codes_of in _scope.values())


def roles_held(user: User) -> frozenset[str]:
    """The roles a person was given: of the six, and of those the council composed."""
    known = Q(name__in=ROLE_NAMES) | Q(council_role__isnull=False)
    return frozenset(user.groups.filter(known).values_list("name", flat=True))


def with_access() -> QuerySet[User]:
    """Everybody who may sign in today: active, and not past their last day."""
    return User.objects.filter(is_active=True).exclude(access_ends_on__lt=clock.today())


def roles_of(actor: Actor) -> frozenset[str]:
    """The names of the groups a person is in now, the six roles among them; none for who may no longer sign in."""
    if actor.person_key is None:
        return frozenset()
    held = with_access().filter(pk=actor.person_key).values_list("groups__name", flat=True)
    return frozenset(name for name in held if name)


def actor_again(identifier: str, name: str) -> Actor | None:
    """The person with this primary key as they are now; None when they may no longer sign in."""
    person = with_access().filter(pk=int(identifier)).first() if identifier.isdigit() else None
    return actor_for(person) if person else None


def who_may(permission: str) -> QuerySet[User]:
    """Everybody active whose roles include `permission`."""
    room, _, codename = permission.partition(".")
    holds = Q(groups__permissions__content_type__app_label=room, groups__permissions__codename=codename)
    return with_access().filter(Q(is_superuser=True) | holds).distinct()


def holders_of(permission: str) -> list[Colleague]:
    """The same people as those who may decide: with all their rights, their roles and where to write to them."""
    return [
        Colleague(actor_for(person), frozenset(group.name for group in person.groups.all()), person.email)
        for person in who_may(permission).prefetch_related("groups")
    ]


def rights_of_everybody() -> Iterator[Rights]:
    """What everybody active holds, by name."""
    for person in User.objects.filter(is_active=True).prefetch_related("groups").order_by("display_name", "username"):
        names = frozenset(group.name for group in person.groups.all())
        yield Rights(str(person), frozenset(person.get_all_permissions()), names)
