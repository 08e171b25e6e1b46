"""Roles a council composes itself, from named permissions. The six that come with IMS are declared in `roles.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ims.audit.actors import Actor, acting, authorise, require_reason
from ims.audit.services import record
from ims.common.errors import InvalidInput, NotFound
from ims.people.errors import PeopleRefusal
from ims.people.models import CouncilRole, User
from ims.people.roles import ROLE_NAMES

_VERBS = {"add": "Add", "change": "Change", "delete": "Delete", "view": "See"}

NOT_TO_COMPOSE = frozenset({"people.grant_administrator", "people.add_councilrole", "people.change_councilrole"})
"""What makes an administrator: it comes with that role alone, so that whoever has it is counted and protected."""


@dataclass(frozen=True)
class NamedPermission:
    """One thing somebody may do: its name, the room it belongs to, and a plain sentence."""

    name: str
    room: str
    sentence: str


def named_permissions() -> list[NamedPermission]:
    """Every permission that IMS declares, by room, in plain English. Histories go with their records, unnamed."""
    rows = Permission.objects.select_related("content_type").order_by("content_type__app_label", "codename")
    found = []
    for row in rows:
        room = row.content_type.app_label
        config = apps.get_app_config(room)
        if config.name.startswith("ims.") and not row.content_type.model.startswith("historical"):
            found.append(NamedPermission(f"{room}.{row.codename}", str(config.verbose_name), _sentence(row)))
    return found


def _sentence(permission: Permission) -> str:
    """The sentence a model declares; Django's own say the model's name, which is turned into the plural."""
    verb, _, _ = permission.codename.partition("_")
    model = permission.content_type.model_class()
    if model is not None and verb in _VERBS and permission.codename == f"{verb}_{model._meta.model_name}":
        return f"{_VERBS[verb]} {model._meta.verbose_name_plural}"
    said = permission.name.removeprefix("Can ")
    return said[:1].upper() + said[1:]


@transaction.atomic
def save_role(
    *,
    actor: Actor,
    name: str,
    purpose: str,
    permissions: Iterable[str],
    reason: str,
    role: CouncilRole | None = None,
    is_in_use: bool = True,
) -> CouncilRole:
    """Compose a role, or change one. Everybody who holds it gains and loses with it, from the next page they open.

    Raises `PeopleRefusal` for the name of a role that exists, for a role the actor holds themselves, and for what only
    the Administrator may hold; `InvalidInput` for a permission nobody declares.
    """
    act = "change" if role else "add"
    authorise(actor, f"people.{act}_councilrole", what="compose roles")
    require_reason(reason)
    wanted = _declared(permissions)
    name = " ".join(name.split())
    if "," in name:
        raise InvalidInput("A role's name has no comma: lists of roles are written with commas between them.")
    if name.casefold() in {ours.casefold() for ours in ROLE_NAMES}:
        raise PeopleRefusal(f"“{name}” is one of the roles that come with IMS, which stay as they are.")
    if role is None:
        role = CouncilRole(group=_new_group(name))
        before: list[str] = []
    else:
        role = CouncilRole.objects.select_for_update().get(pk=role.pk)
        before = sorted(role.permissions)
        _not_held_by(actor, role)
        _may_not_be_renamed(role, name)
    role.name, role.purpose, role.permissions, role.is_in_use = name, purpose.strip(), sorted(wanted), is_in_use
    try:
        role.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    with acting(actor, reason):
        role.save()
    role.group.permissions.set(wanted.values())
    record(
        "council_role_saved",
        actor=actor,
        subject=role,
        reason=reason,
        data={"gained": sorted(set(wanted) - set(before)), "lost": sorted(set(before) - set(wanted))},
    )
    return role


def get_role(role_id: int) -> CouncilRole:
    """The council's role. Raises `NotFound`."""
    found = CouncilRole.objects.filter(pk=role_id).first()
    if found is None:
        raise NotFound("There is no such role.")
    return found


def _declared(permissions: Iterable[str]) -> dict[str, Permission]:
    wanted = set(permissions)
    if not wanted:
        raise InvalidInput("Choose at least one permission: a role without any lets nobody do anything.")
    forbidden = sorted(wanted & NOT_TO_COMPOSE)
    if forbidden:
        raise PeopleRefusal(f"“{forbidden[0]}” comes with the role Administrator alone.")
    known = {each.name for each in named_permissions()}
    if unknown := sorted(wanted - known):
        raise InvalidInput(f"“{unknown[0]}” is not a permission of IMS.")
    found = {}
    for row in Permission.objects.select_related("content_type"):
        name = f"{row.content_type.app_label}.{row.codename}"
        if name in wanted:
            found[name] = row
    return found


def _new_group(name: str) -> Group:
    try:
        with transaction.atomic():
            return Group.objects.create(name=name)
    except IntegrityError as error:
        raise PeopleRefusal(f"There is a role called “{name}” already.") from error


def _not_held_by(actor: Actor, role: CouncilRole) -> None:
    if actor.person_key is not None and role.group.user_set.filter(pk=actor.person_key).exists():
        raise PeopleRefusal("You hold this role yourself, and may not change your own rights. Ask a colleague.")


def _may_not_be_renamed(role: CouncilRole, name: str) -> None:
    """The name stands in the history of everybody who held it."""
    if role.name != name and User.history.filter(role_names__contains=role.name).exists():
        raise PeopleRefusal(f"“{role.name}” has been given to people, and their history names it. Make a new role.")
    if role.name != name:
        role.group.name = name
        role.group.save(update_fields=["name"])
