"""Reading how people sign in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.http import HttpRequest

from ims.audit.actors import Actor, authorise
from ims.common import clock
from ims.people.models import User
from ims.sign_in import attempts
from ims.sign_in.models import BreakGlassUse, DirectoryIdentity

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor. Recovery codes stand in for one; alone they are none."""


def has_second_factor(person: User) -> bool:
    """Whether `person` has an authenticator app or a passkey."""
    return Authenticator.objects.filter(user_id=person.pk, type__in=SECOND_FACTORS).exists()


def came_from_directory(request: HttpRequest) -> bool:
    """Whether this session began with a directory, whose own second factor counts."""
    return directory_of_session(request) != ""


def directory_of_session(request: HttpRequest) -> str:
    """The id of the directory this session began with; empty for a local account."""
    for entry in get_authentication_records(request, request.user):
        if entry["method"] == "socialaccount":
            return entry.get("provider", "")
    return ""


@dataclass(frozen=True)
class OpenSession:
    """One browser in which a person is signed in. `key` stays on the server: screens use `number`."""

    number: int
    key: str
    began: datetime
    seen: datetime
    address: str
    browser: str


def sessions_of(person: User) -> list[OpenSession]:
    """Where `person` is signed in just now, the last used first."""
    kept = list(UserSession.objects.filter(user_id=person.pk).order_by("-last_seen_at"))
    live = set(
        Session.objects.filter(
            session_key__in=[each.session_key for each in kept], expire_date__gt=clock.now()
        ).values_list("session_key", flat=True)
    )
    return [
        OpenSession(each.pk, each.session_key, each.created_at, each.last_seen_at, each.ip, browser(each.user_agent))
        for each in kept
        if each.session_key in live
    ]


_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Chrome", "Chrome"), ("Firefox", "Firefox"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


def browser(agent: str) -> str:
    """“Edge on Windows”, as far as what the browser says of itself can be told."""
    name = next((shown for word, shown in _BROWSERS if word in agent), "A browser")
    system = next((shown for word, shown in _SYSTEMS if word in agent), "")
    return f"{name} on {system}" if system else name


@dataclass(frozen=True)
class SignInOfPerson:
    """Everything an administrator sees of how a person signs in."""

    person: User
    has_password: bool
    is_locked: bool
    authenticators: list[Authenticator]
    identities: list[DirectoryIdentity]
    sessions: list[OpenSession]
    break_glass: object | None


def sign_in_of(*, actor: Actor, person: User) -> SignInOfPerson:
    """How `person` signs in. For whoever may see people."""
    authorise(actor, "people.view_user", what="see how people sign in")
    return SignInOfPerson(
        person=person,
        has_password=person.has_usable_password(),
        is_locked=attempts.is_locked(person),
        authenticators=list(Authenticator.objects.filter(user_id=person.pk).order_by("pk")),
        identities=list(DirectoryIdentity.objects.filter(person=person)),
        sessions=sessions_of(person),
        break_glass=getattr(person, "break_glass", None),
    )


def uses_to_review(actor: Actor) -> Iterable[BreakGlassUse]:
    """Uses of break-glass accounts nobody has looked into yet; none for whoever may not see them."""
    if not actor.may("sign_in.view_breakglassuse"):
        return []
    return list(BreakGlassUse.objects.filter(review__isnull=True).select_related("person")[:20])
