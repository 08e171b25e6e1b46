"""Findings about people and roles. They report; they never put anything right."""

from __future__ import annotations

from collections.abc import Iterator

from ims.approvals.duties import held_together
from ims.common.findings import Finding
from ims.people import roles
from ims.people.models import CouncilRole, User
from ims.people.selectors import known_roles, with_access

_MOST_NAMED = 10


def findings() -> Iterator[str]:
    """One sentence for each thing an administrator should look at."""
    unknown = roles.unknown_permissions()
    if unknown:
        yield f"The roles name permissions that nothing declares: {', '.join(unknown)}."
    if not with_access().filter(groups__name=roles.ADMINISTRATOR).exists():
        yield f"Nobody active has the role {roles.ADMINISTRATOR}. Make one on the server."
    known = {role.name for role in known_roles(in_use_only=False)}
    for person in User.objects.filter(is_active=True).prefetch_related("groups"):
        words = roles.in_words(group.name for group in person.groups.all() if group.name in known)
        if words != person.role_names:
            yield f"{person}'s roles were changed outside IMS: history says “{person.role_names}”, now “{words}”."
    for person in User.objects.filter(is_active=True, is_superuser=True):
        yield f"{person} is a superuser, who bypasses every role. Use roles instead."
    for role in CouncilRole.objects.select_related("group").prefetch_related("group__permissions__content_type"):
        held = {f"{each.content_type.app_label}.{each.codename}" for each in role.group.permissions.all()}
        if held != set(role.permissions):
            yield f"The role {role} was changed outside IMS: it does not hold what its history says."


def verify() -> Iterator[Finding]:
    """Who holds duties that should be apart: a warning where nobody may, else to know, with what makes up for it."""
    for conflict, people in held_together().items():
        names = ", ".join(people[:_MOST_NAMED])
        if len(people) > _MOST_NAMED:
            names += f" and {len(people) - _MOST_NAMED} more"
        sentence = f"{names}: “{conflict.name}”. {conflict.why} "
        if conflict.is_refused:
            sentence += "Nobody may hold both: take one of the roles away."
        else:
            sentence += f"What makes up for it: {conflict.compensating_control}"
        severity = "warning" if conflict.is_refused else "information"
        yield Finding(check="people.duties", severity=severity, message=sentence, subject=conflict.name)
