"""One-time links: how a person gets their first password, and a new one when the old is lost.

A link says who may choose a password; it is made by an administrator, by the service desk or by a command on the
server, works once, and only until it expires or the next is made.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.people import services as people
from ims.people.models import User
from ims.people.selectors import actor_for
from ims.sign_in.errors import SignInRefusal
from ims.sign_in.models import OneTimeLink, OneTimeLinkUse

_NO_LONGER = "This link no longer works: it was used, it expired, or a newer one was made. Ask for a new one."


@dataclass(frozen=True)
class MadeLink:
    """A link just made. `secret` is told only now and kept nowhere."""

    person: User
    secret: str
    expires_at: datetime


@transaction.atomic
def make_link(*, actor: Actor, person: User, hours: int | None = None, reason: str = "") -> MadeLink:
    """Make a link with which `person` chooses their password, working for `hours` (the council's setting unless told).

    Raises `PeopleRefusal` when the actor may not touch the person, or the person is not active.
    """
    authorise(actor, "people.change_user", what="make one-time links")
    people.may_give_a_way_in(actor=actor, person=person)
    secret = secrets.token_urlsafe(32)
    lifetime = timedelta(hours=hours if hours is not None else settings.ONE_TIME_LINK_HOURS)
    link = OneTimeLink.objects.create(
        person=person, digest=_digest(secret), made_by=actor.name, expires_at=clock.now() + lifetime
    )
    record(
        "one_time_link_made",
        actor=actor,
        subject=person,
        reason=reason,
        data={"expires_at": link.expires_at.isoformat(timespec="seconds")},
    )
    return MadeLink(person, secret, link.expires_at)


def person_of(secret: str) -> User:
    """Whose link this is. Raises `SignInRefusal` when it does not work any more, or never did."""
    return _working(secret).person


@transaction.atomic
def choose_password(*, secret: str, password: str, address: str = "") -> User:
    """Use the link: its person has `password` from now on. Raises `SignInRefusal`, or `InvalidInput` for a weak one.

    A refused password leaves the link as it was.
    """
    link = _working(secret)
    person = User.objects.select_for_update().get(pk=link.person_id)
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    try:
        with transaction.atomic():
            OneTimeLinkUse.objects.create(link=link, address=address)
    except IntegrityError as error:
        raise SignInRefusal(_NO_LONGER) from error
    person.set_password(password)
    actor = actor_for(person, address=address)
    with acting(actor, "One-time link used"):
        person.save()
    record("one_time_link_used", actor=actor, subject=person)
    return person


def _working(secret: str) -> OneTimeLink:
    link = OneTimeLink.objects.select_related("person").filter(digest=_digest(secret)).first()
    if (
        link is None
        or link.expires_at <= clock.now()
        or not link.person.is_active
        or OneTimeLinkUse.objects.filter(link=link).exists()
        or OneTimeLink.objects.filter(person=link.person, pk__gt=link.pk).exists()
    ):
        raise SignInRefusal(_NO_LONGER)
    return link


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
