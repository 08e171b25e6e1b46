"""Who can do what, and how they came to it: read from roles as they are, and from the history that made them so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from ims.access import selectors
from ims.audit.actors import Actor, authorise
from ims.audit.models import Event
from ims.audit.services import record
from ims.people.council_roles import named_permissions
from ims.people.models import CouncilRole, User
from ims.people.selectors import KnownRole, known_roles, with_access

PERMISSION = "access.view_who_can"

HEADINGS = (
    "Name",
    "Username",
    "Permission",
    "In words",
    "Through the role",
    "Sees",
    "Scope set by",
    "Scope set at",
    "Why that scope",
    "Last day of access",
    "Role given by",
    "Role given at",
    "Why",
    "Permission in the role since",
    "Put there by",
)


@dataclass(frozen=True)
class Given:
    """How something came about: who, when and why. Empty where history began with it already there."""

    by: str = ""
    at: datetime | None = None
    why: str = ""


@dataclass(frozen=True)
class Holding:
    """One permission that one person holds through one role."""

    person: User
    permission: str
    sentence: str
    role: str
    scope: str
    scoped: Given
    """Who set the scope last, when and why. Fund groups changed as a whole are in their own history."""
    given: Given
    in_role: Given | None
    """How the permission came into a role the council composed; None for the six, which come with IMS."""


def holdings(actor: Actor, *, person: User | None = None, permission: str = "") -> list[Holding]:
    """Every permission every active person holds, by name; only of `person`, or only one permission, where given."""
    return list(each_holding(actor, person=person, permission=permission))


def each_holding(actor: Actor, *, person: User | None = None, permission: str = "") -> Iterator[Holding]:
    """As `holdings`, one person after the other: for files of any length."""
    authorise(actor, PERMISSION, what="see who may do what")
    people = with_access().filter(pk=person.pk) if person else with_access()
    roles = {role.name: role for role in known_roles(in_use_only=False)}
    sentences = {each.name: each.sentence for each in named_permissions()}
    composed = {role.name: _entered(role) for role in CouncilRole.objects.all()}
    for each in people.order_by("display_name", "username").prefetch_related("groups"):
        yield from _held_by(each, roles, sentences, composed, permission)


def as_row(each: Holding) -> tuple[Any, ...]:
    """A holding in the order of `HEADINGS`; moments as moments, None where there is none."""
    in_role = each.in_role
    return (
        str(each.person),
        each.person.username,
        each.permission,
        each.sentence,
        each.role,
        each.scope,
        each.scoped.by,
        each.scoped.at,
        each.scoped.why,
        each.person.access_ends_on,
        each.given.by,
        each.given.at,
        each.given.why,
        in_role.at if in_role else "comes with IMS",
        in_role.by if in_role else "",
    )


def _held_by(
    person: User,
    roles: dict[str, KnownRole],
    sentences: dict[str, str],
    composed: dict[str, dict[str, Given]],
    only: str,
) -> Iterator[Holding]:
    held = sorted((group.name for group in person.groups.all() if group.name in roles), key=str.casefold)
    wanted = [role for role in held if not only or only in roles[role].permissions]
    if not wanted:
        return
    given, scope, scoped = _granted(person), selectors.scope_in_words(person), _scoped(person)
    for role in wanted:
        for name in sorted(roles[role].permissions):
            if only in ("", name) and name in sentences:
                in_role = composed[role].get(name, Given()) if role in composed else None
                yield Holding(person, name, sentences[name], role, scope, scoped, given.get(role, Given()), in_role)


def _granted(person: User) -> dict[str, Given]:
    """For each role, the last time it was given."""
    return _last_additions(
        person.history.order_by("history_date", "history_id"), lambda row: row.role_names.split(", ")
    )


def _scoped(person: User) -> Given:
    changes = Event.objects.filter(verb="scope_changed", subject_type=person._meta.label_lower)
    last = changes.filter(subject_id=str(person.pk)).order_by("-pk").first()
    return Given(last.actor_name, last.occurred_at, last.reason) if last else Given()


def _entered(role: CouncilRole) -> dict[str, Given]:
    """For each permission of a composed role, the last time it was put there."""
    return _last_additions(role.history.order_by("history_date", "history_id"), lambda row: row.permissions)


def _last_additions(rows: QuerySet, names_of: Any) -> dict[str, Given]:
    found: dict[str, Given] = {}
    before: set[str] = set()
    for row in rows.select_related("history_user"):
        now = {name for name in names_of(row) if name}
        by = row.actor_name or str(row.history_user or "")
        for name in now - before:
            found[name] = Given(by, row.history_date, row.history_change_reason or "")
        before = now
    return found


def export(*, actor: Actor, person: User | None = None, permission: str = "") -> list[Holding]:
    """The report, to be taken away as a file; that it was taken stays on record."""
    found = holdings(actor, person=person, permission=permission)
    data = {"rows": len(found), "permission": permission}
    record("who_can_exported", actor=actor, subject=person, data=data)
    return found
