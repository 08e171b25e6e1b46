"""What people adds to an evidence pack: who may do what, as things stand when the pack is taken."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import Group

from ims.audit.sections import Part, Request, Table, section
from ims.people.models import User

_PEOPLE = ("Username", "Name", "Active", "Roles", "Office", "Last sign-in")
_ROLES = ("Role", "Permission")


@section(
    "access",
    "Who may do what",
    why="Everybody who can sign in, their roles, and what each role allows: does access match duties?",
    order=50,
)
def access(request: Request) -> Iterator[Part]:
    """People, and the permissions of each role."""
    people = User.objects.order_by("username")
    yield Table("people", "People", _PEOPLE, (_person(each) for each in people.iterator(500)))
    held = Group.objects.order_by("name").values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    )
    held = held.order_by("name", "permissions__content_type__app_label", "permissions__codename")
    yield Table("roles", "What each role allows", _ROLES, ((role, f"{room}.{code}") for role, room, code in held))


def _person(person: User) -> tuple:
    return (
        person.username,
        person.display_name,
        "yes" if person.is_active else "no",
        person.role_names,
        person.office_code,
        person.last_login or "",
    )
