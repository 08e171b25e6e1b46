"""What a directory says decides here: who comes in, and over the roles that are mapped.

People are found by issuer and subject. A name or an e-mail address that happens to be the same as somebody's here
opens nothing. Over the roles some group of the directory is mapped to, the directory decides at each sign-in; over all
other roles, IMS does.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from ims.audit.actors import Actor, acting, authorise, require_reason
from ims.audit.services import record
from ims.common.errors import ImsError, InvalidInput
from ims.people import services as people
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR
from ims.people.selectors import roles_held
from ims.sign_in.directories import Directory, directory_called
from ims.sign_in.errors import SignInRefusal
from ims.sign_in.models import DirectoryIdentity, DirectoryRole
from ims.sign_in.openid import Claims


def admit(*, directory: Directory, claims: Claims, address: str) -> User:
    """The person `claims` are about, with the roles the directory gives them now.

    Raises `SignInRefusal` with a sentence for the person; the refusal is on record, and roles that were taken away
    stay taken away.
    """
    actor = _speaks_for(directory, address)
    identity = DirectoryIdentity.objects.filter(issuer=claims.issuer, subject=claims.subject).first()
    try:
        if claims.too_many:
            raise SignInRefusal(
                f"{directory.name} counts you in more groups than it can name. Ask ICT to send app roles instead."
            )
        if identity is None:
            return _newcomer(actor, directory, claims)
        _follow(actor, directory, identity.person, claims)
        person = User.objects.get(pk=identity.person_id)
        if not person.is_active:
            raise SignInRefusal("Your account here is not active. Ask an administrator.")
        if not person.groups.exists():
            raise SignInRefusal(f"{directory.name} gives you no role here any more, and nobody else has given you one.")
        return person
    except SignInRefusal as refusal:
        record(
            "sign_in_refused",
            actor=actor,
            subject=identity.person if identity else None,
            data={"directory": directory.id, "subject": claims.subject, "why": str(refusal)},
        )
        raise


@transaction.atomic
def connect_identity(*, actor: Actor, person: User, directory: str, subject: str, reason: str) -> DirectoryIdentity:
    """Say who `person` is in a directory, before they first sign in with it.

    Raises `PeopleRefusal` for a person the actor may not touch, `SignInRefusal` when that identity is taken.
    """
    authorise(actor, "people.change_user", what="connect people with the directory")
    people.may_give_a_way_in(actor=actor, person=person)
    described = directory_called(directory)
    subject = subject.strip()
    if not subject or "@" in subject:
        raise InvalidInput(
            "Give the directory's own number for the person (Entra ID: object ID), not an e-mail address."
        )
    require_reason(reason)
    return _connect(actor, person, described, subject, reason)


@transaction.atomic
def disconnect_identity(*, actor: Actor, person: User, identity_id: int, reason: str) -> None:
    """Take a directory's word for `person` no longer. Twice changes nothing."""
    authorise(actor, "people.change_user", what="disconnect people from the directory")
    people.may_give_a_way_in(actor=actor, person=person)
    require_reason(reason)
    identity = DirectoryIdentity.objects.select_for_update().filter(pk=identity_id, person=person).first()
    if identity is None:
        return
    told = {"directory": identity.directory, "subject": identity.subject}
    with acting(actor, reason):
        identity.delete()
    record("directory_disconnected", actor=actor, subject=person, reason=reason, data=told)


def may_map(*, actor: Actor, role: str) -> None:
    """Raise unless `actor` may say which group gets `role`: mapping Administrator is granting it."""
    authorise(actor, "sign_in.change_directoryrole", what="map groups to roles")
    if role == ADMINISTRATOR:
        authorise(actor, "people.grant_administrator", what=f"map a group to the role {ADMINISTRATOR}")


def mapping_changed(*, actor: Actor, mapping: DirectoryRole, change: str, reason: str) -> None:
    """Record that a mapping was added, changed or removed."""
    may_map(actor=actor, role=mapping.role)
    record(
        "directory_mapping_changed",
        actor=actor,
        subject=mapping,
        reason=reason,
        data={"change": change, "directory": mapping.directory, "value": mapping.value, "role": mapping.role},
    )


def _speaks_for(directory: Directory, address: str) -> Actor:
    return Actor(
        kind="system",
        identifier=f"directory:{directory.id}",
        name=f"Directory: {directory.name}",
        everything=True,
        address=address,
    )


def _mapped(directory: Directory, claims: Claims) -> tuple[frozenset[str], frozenset[str]]:
    """The roles the directory decides over, and those of them it gives now."""
    rows = list(DirectoryRole.objects.filter(directory=directory.id).values_list("value", "role"))
    said = claims.roles or frozenset()
    return frozenset(role for _, role in rows), frozenset(role for value, role in rows if value in said)


@transaction.atomic
def _newcomer(actor: Actor, directory: Directory, claims: Claims) -> User:
    _, given = _mapped(directory, claims)
    if not directory.creates_people or not given:
        raise SignInRefusal(
            f"{directory.name} knows you, but you have no account here yet. Ask an administrator to add you; "
            f"they need this number: {claims.subject}"
        )
    username = claims.username or f"{directory.id}-{claims.subject}"
    try:
        with transaction.atomic():
            person = people.create_person(
                actor=actor,
                username=username,
                display_name=claims.name or username,
                email=_address(claims.email),
                roles=given,
                reason=f"First sign-in with {directory.name}",
            )
            _connect(actor, person, directory, claims.subject, f"First sign-in with {directory.name}")
    except ImsError as error:
        raise SignInRefusal(
            f"An account for you could not be made here ({error}). Ask an administrator to connect yours; "
            f"they need this number: {claims.subject}"
        ) from error
    return person


@transaction.atomic
def _follow(actor: Actor, directory: Directory, person: User, claims: Claims) -> None:
    """Give and take the mapped roles. What people's own rules refuse is on record, and the rest is done."""
    if not person.is_active:
        return
    decided, given = _mapped(directory, claims)
    held = roles_held(person)
    taken = (held & decided) - given
    # Taking first: a conflict between an old role and a new one must not keep the old.
    for wanted in (held - taken, (held - taken) | given):
        try:
            with transaction.atomic():
                people.change_roles(
                    actor=actor, person=person, roles=wanted, reason=f"Groups in {directory.name} at sign-in"
                )
        except ImsError as refusal:
            record(
                "directory_roles_refused",
                actor=actor,
                subject=person,
                data={"wanted": sorted(wanted), "why": str(refusal)},
            )
            return


def _connect(actor: Actor, person: User, directory: Directory, subject: str, reason: str) -> DirectoryIdentity:
    try:
        with acting(actor, reason), transaction.atomic():
            identity = DirectoryIdentity.objects.create(
                person=person, directory=directory.id, issuer=directory.issuer, subject=subject
            )
    except IntegrityError as error:
        raise SignInRefusal(
            f"Somebody is connected with {directory.name} as {subject} already, or {person} is as somebody else. "
            "Disconnect that first."
        ) from error
    told = {"directory": directory.id, "subject": subject}
    record("directory_connected", actor=actor, subject=person, reason=reason, data=told)
    return identity


def _address(email: str) -> str:
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email
