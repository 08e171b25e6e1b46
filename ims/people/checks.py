"""Findings about people and roles. They report; they never put anything right."""

from __future__ import annotations

from collections.abc import Iterator

from ims.people import roles
from ims.people.models import User


def findings() -> Iterator[str]:
    """One sentence for each thing an administrator should look at."""
    unknown = roles.unknown_permissions()
    if unknown:
        yield f"The roles name permissions that nothing declares: {', '.join(unknown)}."
    if not User.objects.filter(is_active=True, groups__name=roles.ADMINISTRATOR).exists():
        yield f"Nobody active has the role {roles.ADMINISTRATOR}. Make one on the server."
    for person in User.objects.filter(is_active=True).prefetch_related("groups"):
        held = {group.name for group in person.groups.all()}
        words = ", ".join(name for name in roles.ROLE_NAMES if name in held)
        if words != person.role_names:
            yield f"{person}'s roles were changed outside IMS: history says “{person.role_names}”, now “{words}”."
    for person in User.objects.filter(is_active=True, is_superuser=True):
        yield f"{person} is a superuser, who bypasses every role. Use roles instead."
