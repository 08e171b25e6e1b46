"""Roles a council composes itself, from named permissions. The six that come with IMS are declared in `roles.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ims.approvals import duties
from ims.approvals.kinds import Approval
from ims.approvals.models import Conflict
from ims.audit.actors import Actor, acting, authorise, require_reason
from ims.audit.services import record
from ims.common.errors import InvalidInput, NotFound
from ims.people import granting
from ims.people.errors import PeopleRefusal
from ims.people.models import CouncilRole, User
from ims.people.roles import ROLE_NAMES
from ims.people.selectors import roles_held

COMPOSING = "people.council_role"
"""The kind of request that composing a role, or giving one more permissions, is."""

BY_ITSELF = "it"
"""Who holds duties together where a role holds both by itself."""

_MOST_NAMED = 5
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
    approval: Approval | None = None,
) -> CouncilRole:
    """Compose a role, or change one. Everybody who holds it gains and loses with it, from the next page they open.

    Raises `PeopleRefusal` for the name of a role that exists, for a role the actor holds themselves, for what only the
    Administrator may hold, and for duties that must be apart: in the role by itself, or in the hands of anybody who
    holds it. Raises `InvalidInput` for a permission nobody declares, and `ApprovalNeeded` where rights are granted by
    two people: for a new role, another name or more permissions. Taking permissions away is one person's decision.
    """
    act = "change" if role else "add"
    authorise(actor, f"people.{act}_councilrole", what="compose roles")
    require_reason(reason)
    granting.lock_rights()
    wanted = _declared(permissions)
    name = " ".join(name.split())
    if "," in name:
        raise InvalidInput("A role's name has no comma: lists of roles are written with commas between them.")
    if ":" in name:
        raise InvalidInput("A role's name has no colon: limits for parts of IMS are set under names with one.")
    if name.casefold() in {ours.casefold() for ours in ROLE_NAMES}:
        raise PeopleRefusal(f"“{name}” is one of the roles that come with IMS, which stay as they are.")
    arguments = {
        "role": role.pk if role else None,
        "name": name,
        "purpose": purpose.strip(),
        "permissions": sorted(wanted),
        "is_in_use": is_in_use,
        "reason": reason,
    }
    if role is not None:
        role = CouncilRole.objects.select_for_update(of=("self",)).get(pk=role.pk)
    together = duties_brought_together(role, name, wanted)
    if role is None:
        role = CouncilRole(group=_new_group(name))
        before: list[str] = []
    else:
        before = sorted(role.permissions)
        _not_held_by(actor, role)
        _may_not_be_renamed(role, name)
    gained = sorted(set(wanted) - set(before))
    _refuse_conflicts(name, together)
    if gained or name != role.name:
        granting.agree(actor=actor, act=act, arguments=arguments, approval=approval, kind=COMPOSING)
    role.name, role.purpose, role.permissions, role.is_in_use = name, purpose.strip(), sorted(wanted), is_in_use
    try:
        role.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    with acting(actor, reason):
        role.save()
    role.group.permissions.set(wanted.values())
    data = {"gained": gained, "lost": sorted(set(before) - set(wanted))}
    if together:
        data["duties_together"] = {conflict.name: in_hands(whose) for conflict, whose in together.items()}
    record("council_role_saved", actor=actor, subject=role, reason=reason, data=data)
    return role


def duties_brought_together(
    role: CouncilRole | None, name: str, permissions: Iterable[str]
) -> dict[Conflict, list[str]]:
    """The conflicts of duties that a role (None: a new one) brings together once it is `name` with `permissions`.

    Each with in whose hands: the role's by itself, and those of everybody who holds it beside other roles. What was
    together before is left out: a change is not refused for what it does not bring about.
    """
    after, before = frozenset(permissions), frozenset(role.permissions if role else ())
    before_names = {role.name} if role else set()
    in_force = duties.in_force()
    found: dict[Conflict, list[str]] = {}

    def compare(whose: str, others: frozenset[str]) -> None:
        rest = granting.permissions_of(others)
        earlier = duties.conflicts_within(rest | before, others | before_names, in_force)
        for conflict in duties.conflicts_within(rest | after, others | {name}, in_force):
            if conflict not in earlier:
                found.setdefault(conflict, []).append(whose)

    compare(BY_ITSELF, frozenset())
    for person in holders(role) if role else ():
        compare(str(person), roles_held(person) - before_names)
    return found


def holders(role: CouncilRole) -> list[User]:
    """Everybody active who holds the role, by name."""
    return list(role.group.user_set.filter(is_active=True).order_by("display_name", "username"))


def sentences_of(permissions: Iterable[str]) -> list[str]:
    """The plain sentences of permissions, those of one room together."""
    wanted = set(permissions)
    return [f"{each.room}: {each.sentence}" for each in named_permissions() if each.name in wanted]


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


def _refuse_conflicts(name: str, together: Mapping[Conflict, list[str]]) -> None:
    for conflict, whose in together.items():
        if not conflict.is_refused:
            continue
        way_out = "Leave one of the two out of the role."
        if BY_ITSELF not in whose:
            way_out = "Leave it out of the role, or take the role away from them first."
        raise PeopleRefusal(
            f"“{conflict.name}” do not go together: {conflict.why} {in_hands(whose)} would hold both with the role "
            f"“{name}”. {way_out}",
            code="duties_conflict",
        )


def in_hands(whose: list[str]) -> str:
    """Those who would hold both duties, in words; only the role where it holds both by itself."""
    if BY_ITSELF in whose:
        return f"Whoever holds {BY_ITSELF}"
    more = f" and {len(whose) - _MOST_NAMED} more" if len(whose) > _MOST_NAMED else ""
    return ", ".join(whose[:_MOST_NAMED]) + more


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
