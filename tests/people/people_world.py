"""Signed-in people of each role, for tests of services and screens."""

from __future__ import annotations

from django.contrib.auth.models import Group

from ims.audit.actors import Actor, acting, command
from ims.people.models import User
from ims.people.roles import sync_roles
from ims.people.selectors import actor_for

SET_UP = command("test set-up")


def member(username: str, *roles: str) -> User:
    """A person who holds `roles`, freshly read so that no permissions are cached."""
    sync_roles()
    with acting(SET_UP, "Test set-up"):
        person = User(username=username, display_name=username.title(), is_staff=True, role_names=", ".join(roles))
        person.set_password("a long pass phrase")
        person.save()
    person.groups.set(Group.objects.filter(name__in=roles))
    return User.objects.get(pk=person.pk)


def actor(username: str, *roles: str) -> Actor:
    """The actor of a new person who holds `roles`."""
    return actor_for(member(username, *roles))
