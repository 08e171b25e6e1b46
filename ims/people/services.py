"""Writing about people: who may use IMS, in which roles, and who no longer does.

Nobody changes their own roles or makes themselves inactive. Only who may grant Administrator may give it, take it,
or touch a person who has it: otherwise the service desk could reset an administrator's password and sign in as them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, acting, authorise, require_reason
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.people import granting
from ims.people.errors import PeopleRefusal
from ims.people.models import AccessKind, User
from ims.people.roles import ADMINISTRATOR, in_words
from ims.people.selectors import is_limited, known_roles, roles_held, with_access


@transaction.atomic
def create_person(
    *,
    actor: Actor,
    username: str,
    display_name: str,
    roles: Iterable[str],
    email: str = "",
    office_code: str = "",
    access_kind: str = AccessKind.STAFF,
    access_ends_on: date | None = None,
    reason: str = "",
    approval: Approval | None = None,
) -> User:
    """Add a person who may sign in once they have chosen a password by a one-time link, or by their directory.

    Raises `PeopleRefusal` when the username is taken, a role is unknown, the actor may not grant it, or the roles do
    not go together; `ApprovalNeeded` where rights are granted by two people.
    """
    authorise(actor, "people.add_user", what="add people")
    granting.lock_rights()
    wanted = _known_roles(roles)
    _may_grant(actor, wanted)
    granting.check_combination(frozenset(), wanted)
    arguments = {
        "username": username,
        "display_name": display_name,
        "roles": sorted(wanted),
        "email": email,
        "office_code": office_code,
        "access_kind": access_kind,
        "access_ends_on": None if access_ends_on is None else access_ends_on.isoformat(),
        "reason": reason,
    }
    # A mistake is told before anybody is asked to approve it, while what was typed is still on the screen.
    person = _described(
        User(username=username, display_name=display_name, email=email, office_code=office_code,
             access_kind=access_kind, access_ends_on=access_ends_on),
        wanted,
    )  # fmt: skip
    if wanted:
        granting.agree(actor=actor, act="create", arguments=arguments, approval=approval)
    return _added(actor, person, wanted, reason)


def _described(given: User, wanted: frozenset[str]) -> User:
    """The person described by `given` with the roles `wanted`, not added yet. Raises `InvalidInput`."""
    person = User(
        username=given.username.strip(),
        display_name=given.display_name.strip(),
        email=given.email.strip(),
        office_code=given.office_code,
        access_kind=given.access_kind,
        access_ends_on=given.access_ends_on,
        access_began_at=clock.now(),
        is_staff=True,
        role_names=_in_words(wanted),
    )
    person.set_unusable_password()
    try:
        person.full_clean(exclude=["password"])
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    return person


def _added(actor: Actor, person: User, wanted: frozenset[str], reason: str) -> User:
    """Add a person who is `_described`, with the roles `wanted`."""
    try:
        with acting(actor, reason), transaction.atomic():
            person.save()
    except IntegrityError as error:
        raise PeopleRefusal(f"The username “{person.username}” is taken. Choose another.") from error
    person.groups.set(Group.objects.filter(name__in=wanted))
    record("person_created", actor=actor, subject=person, reason=reason, data={"roles": sorted(wanted)})
    return person


@transaction.atomic
def change_roles(
    *,
    actor: Actor,
    person: User,
    roles: Iterable[str],
    reason: str,
    scope_confirmed: bool = False,
    approval: Approval | None = None,
) -> User:
    """Give `person` exactly `roles`: of the six, and of those the council composed.

    Somebody who moves to other work must not keep what only the old work needed: for a person whose scope is limited,
    `scope_confirmed` says that somebody has looked whether it still fits. Raises `PeopleRefusal` without it. Taking
    roles away is one person's decision; giving one raises `ApprovalNeeded` where rights are granted by two.
    """
    authorise(actor, "people.change_user", what="change roles")
    require_reason(reason)
    with _locked(person) as locked:
        _not_oneself(actor, locked, "change your own roles. Ask a colleague")
        held = _roles_of(locked)
        wanted = _known_roles(roles, held)
        if wanted == held:
            return locked
        _may_touch(actor, locked)
        _may_grant(actor, wanted ^ held)
        granting.check_combination(held, wanted)
        _someone_must_administer(locked, losing=ADMINISTRATOR in held - wanted)
        if held and wanted - held and is_limited(locked) and not scope_confirmed:
            raise PeopleRefusal(
                f"{locked} moves from {_in_words(held)} to {_in_words(wanted)}. Look at what they may see, their "
                "scope, and say that it is what the new work needs: the old one must not stay by oversight.",
                code="scope_not_confirmed",
            )
        arguments = {
            "person": locked.pk, "roles": sorted(wanted), "reason": reason, "scope_confirmed": scope_confirmed
        }  # fmt: skip
        if wanted - held:
            granting.agree(actor=actor, act="change", arguments=arguments, approval=approval)
        locked.groups.remove(*Group.objects.filter(name__in=held - wanted))
        locked.groups.add(*Group.objects.filter(name__in=wanted - held))
        locked.role_names = _in_words(wanted)
        with acting(actor, reason):
            locked.save()
        before_and_after = {"before": sorted(held), "after": sorted(wanted)}
        record("roles_changed", actor=actor, subject=locked, reason=reason, data=before_and_after)
        return locked


@transaction.atomic
def change_details(*, actor: Actor, person: User, display_name: str, email: str, office_code: str, reason: str) -> User:
    """Correct a person's name, e-mail address or office. People may not edit their own office."""
    authorise(actor, "people.change_user", what="change people")
    require_reason(reason)
    with _locked(person) as locked:
        _may_touch(actor, locked)
        if office_code != locked.office_code:
            _not_oneself(actor, locked, "change your own office. Ask a colleague")
        locked.display_name, locked.email, locked.office_code = display_name.strip(), email.strip(), office_code
        try:
            locked.full_clean(exclude=["password"])
        except ValidationError as error:
            raise InvalidInput(" ".join(error.messages)) from error
        with acting(actor, reason):
            locked.save()
        return locked


@transaction.atomic
def set_access_term(*, actor: Actor, person: User, kind: str, ends_on: date | None, reason: str) -> User:
    """Say why a person has access and until when: a leaver's last day, a supplier's, none for staff who stay.

    Raises `InvalidInput` for a supplier or temporary person without a last day, and for a day that has passed.
    """
    authorise(actor, "people.change_user", what="change how long people have access")
    require_reason(reason)
    with _locked(person) as locked:
        _not_oneself(actor, locked, "change how long you yourself have access. Ask a colleague")
        _may_touch(actor, locked)
        before = locked.get_access_kind_display(), locked.access_ends_on
        if ends_on is not None and ends_on != locked.access_ends_on and ends_on < clock.today():
            raise InvalidInput(f"{ends_on:%-d %b %Y} has passed. To stop access now, make the person inactive.")
        administers = ADMINISTRATOR in _roles_of(locked)
        _someone_must_administer(locked, losing=administers and ends_on is not None)
        locked.access_kind, locked.access_ends_on = kind, ends_on
        if (locked.get_access_kind_display(), ends_on) == before:
            return locked
        try:
            locked.full_clean(exclude=["password"])
        except ValidationError as error:
            raise InvalidInput(" ".join(error.messages)) from error
        with acting(actor, reason):
            locked.save()
        data = {"before": _term_in_words(*before), "after": _term_in_words(locked.get_access_kind_display(), ends_on)}
        record("access_term_changed", actor=actor, subject=locked, reason=reason, data=data)
        return locked


def _term_in_words(kind: str, ends_on: date | None) -> str:
    return f"{kind}, until {ends_on:%-d %b %Y}" if ends_on else f"{kind}, without an end"


@transaction.atomic
def deactivate(*, actor: Actor, person: User, reason: str) -> User:
    """Stop a leaver from signing in. Their roles go too, so that coming back is a decision. Twice changes nothing."""
    authorise(actor, "people.change_user", what="make people inactive")
    require_reason(reason)
    with _locked(person) as locked:
        if not locked.is_active:
            return locked
        _not_oneself(actor, locked, "make yourself inactive. Ask a colleague")
        _may_touch(actor, locked)
        held = _roles_of(locked)
        _someone_must_administer(locked, losing=ADMINISTRATOR in held)
        locked.groups.remove(*Group.objects.filter(name__in=held))
        locked.is_active, locked.role_names = False, ""
        locked.set_unusable_password()
        with acting(actor, reason):
            locked.save()
        record("person_deactivated", actor=actor, subject=locked, reason=reason, data={"roles": sorted(held)})
        return locked


@transaction.atomic
def reactivate(
    *, actor: Actor, person: User, roles: Iterable[str], reason: str, approval: Approval | None = None
) -> User:
    """Let a person back in, with the roles named now. They need a one-time link to choose a password."""
    authorise(actor, "people.change_user", what="make people active")
    require_reason(reason)
    wanted = _known_roles(roles)
    _may_grant(actor, wanted)
    with _locked(person) as locked:
        _not_oneself(actor, locked, "make yourself active. Ask a colleague")
        if locked.is_active:
            raise PeopleRefusal(f"{locked} is active already.")
        _may_touch(actor, locked)
        granting.check_combination(frozenset(), wanted)
        if locked.access_is_over:
            raise PeopleRefusal(
                f"{locked}'s last day of access was {locked.access_ends_on:%-d %b %Y}. Change it first."
            )
        arguments = {"person": locked.pk, "roles": sorted(wanted), "reason": reason}
        if wanted:
            granting.agree(actor=actor, act="reactivate", arguments=arguments, approval=approval)
        locked.is_active, locked.role_names = True, _in_words(wanted)
        locked.access_began_at = clock.now()
        locked.groups.add(*Group.objects.filter(name__in=wanted))
        with acting(actor, reason):
            locked.save()
        record("person_reactivated", actor=actor, subject=locked, reason=reason, data={"roles": sorted(wanted)})
        return locked


def may_give_a_way_in(*, actor: Actor, person: User) -> None:
    """Raise unless `actor` may give `person` a new way to sign in: a password, a link, an unlocked account."""
    authorise(actor, "people.change_user", what="give people a way to sign in")
    _not_oneself(actor, person, "give yourself a new way to sign in. Ask a colleague")
    _may_touch(actor, person)
    if not person.is_active:
        raise PeopleRefusal(f"{person} is not active. Make the person active first.")


@transaction.atomic
def first_administrator(
    *, actor: Actor, username: str, display_name: str, email: str = "", password: str | None = None
) -> User:
    """The first person of a new installation, as Administrator. Refused once anybody is one.

    Without a `password` they have none, and need a one-time link.
    """
    if actor.kind != "command":
        raise PeopleRefusal("The first administrator is made on the server, with a command.")
    if User.objects.filter(is_active=True, groups__name=ADMINISTRATOR).exists():
        raise PeopleRefusal("There is an administrator already. Ask them to add you.", code="administrator_exists")
    roles = frozenset({ADMINISTRATOR})
    given = _described(User(username=username, display_name=display_name, email=email), roles)
    person = _added(actor, given, roles, "First administrator")
    if password is None:
        return person
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    person.set_password(password)
    with acting(actor, "First administrator"):
        person.save()
    return person


def _known_roles(roles: Iterable[str], held: frozenset[str] = frozenset()) -> frozenset[str]:
    """The roles, all of them known. One that is out of use may be kept by who holds it, and is given to nobody new."""
    wanted = frozenset(str(role) for role in roles)
    known = [role.name for role in known_roles()]
    unknown = sorted(wanted - set(known) - held)
    if unknown:
        raise InvalidInput(f"“{unknown[0]}” is not a role. The roles are {', '.join(known)}.")
    return wanted


def _roles_of(person: User) -> frozenset[str]:
    return roles_held(person)


def _in_words(roles: Iterable[str]) -> str:
    return in_words(roles)


@contextmanager
def _locked(person: User) -> Iterator[User]:
    # Ordered: first everybody's rights, then the person.
    granting.lock_rights()
    yield User.objects.select_for_update().get(pk=person.pk)


def _not_oneself(actor: Actor, person: User, what: str) -> None:
    if actor.kind == "person" and actor.identifier == str(person.pk):
        raise PeopleRefusal(f"You may not {what}.")


def _may_grant(actor: Actor, roles: Iterable[str]) -> None:
    if ADMINISTRATOR in roles:
        authorise(actor, "people.grant_administrator", what=f"grant or remove the role {ADMINISTRATOR}")


def may_touch(*, actor: Actor, person: User) -> None:
    """Raise `NotAllowed` unless `actor` may change this person at all: an administrator only by who may make one."""
    _may_touch(actor, person)


def _may_touch(actor: Actor, person: User) -> None:
    if person.is_superuser or ADMINISTRATOR in _roles_of(person):
        authorise(actor, "people.grant_administrator", what=f"change a person who has the role {ADMINISTRATOR}")


def _someone_must_administer(person: User, *, losing: bool) -> None:
    others = with_access().filter(groups__name=ADMINISTRATOR).exclude(pk=person.pk)
    if losing and not others.exists():
        raise PeopleRefusal(f"{person} is the only {ADMINISTRATOR}. Give the role to somebody else first.")
