"""Findings about how people come in. They report; they never put anything right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings

from ims.common import clock
from ims.common.findings import Finding
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR
from ims.people.selectors import known_roles, roles_held, with_access
from ims.sign_in.models import BreakGlassAccount, BreakGlassUse, DirectoryRole
from ims.sign_in.selectors import SECOND_FACTORS, has_second_factor

GRACE_DAYS = 14
"""How long a local account may have a password and no second factor, from the day access was given."""
_MOST_NAMED = 10


def verify() -> Iterator[Finding]:
    """What an administrator should see to about break-glass accounts, directories and second factors."""
    yield from _break_glass()
    yield from _uses()
    yield from _mappings()
    yield from _without_second_factor()


def why_unusable(person: User) -> str:
    """Why a break-glass account would not help on the day it is needed; empty when it would."""
    if not person.is_active or person.access_is_over:
        return "it can no longer sign in"
    if ADMINISTRATOR not in roles_held(person):
        return f"it does not have the role {ADMINISTRATOR}"
    has_passkey = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.WEBAUTHN).exists()
    if not person.has_usable_password() and not has_passkey:
        return "it has neither password nor passkey"
    if settings.SECOND_FACTOR_REQUIRED and not has_second_factor(person):
        return "it has no second factor"
    return ""


def _break_glass() -> Iterator[Finding]:
    """The demonstration, which does without second factors and directories, does without these accounts as well."""
    accounts = BreakGlassAccount.objects.select_related("person").order_by("pk")
    reasons = {str(account.person): why_unusable(account.person) for account in accounts}
    for name, why in reasons.items():
        if why:
            message = f"The break-glass account {name} is of no use: {why}. Put it right, or take the mark from it."
            yield Finding("sign_in.break_glass_unusable", "warning", message, name)
    if all(reasons.values()) and (settings.SECOND_FACTOR_REQUIRED or settings.DIRECTORIES):
        message = (
            "There is no break-glass account that could be used: on the day nobody else can sign in, nobody could put "
            "that right. Mark one under Settings, People, How they sign in."
        )
        yield Finding("sign_in.no_break_glass", "warning", message)


def _uses() -> Iterator[Finding]:
    for use in BreakGlassUse.objects.filter(review__isnull=True).select_related("person").order_by("pk"):
        message = f"The break-glass account {use.person} was used on {clock.day_of(use.used_at):%-d %b %Y}, and nobody "
        message += "has said why. An administrator who is not that account opens the notice under Today and says so."
        yield Finding("sign_in.break_glass_not_followed_up", "warning", message, str(use.person))


def _mappings() -> Iterator[Finding]:
    known = {role.name: role.is_in_use for role in known_roles(in_use_only=False)}
    named = {each["id"] for each in settings.DIRECTORIES}
    for mapping in DirectoryRole.objects.all():
        if mapping.role not in known:
            wrong = f"the role {mapping.role}, which does not exist"
        elif not known[mapping.role]:
            wrong = f"the role {mapping.role}, which is out of use"
        elif mapping.directory not in named:
            wrong = f"a role to people of the directory {mapping.directory}, which the settings no longer name"
        else:
            continue
        message = f"The directory group {mapping.note or mapping.value} gives {wrong}. Change or delete the mapping."
        yield Finding("sign_in.mapping", "warning", message, mapping.value)


def _without_second_factor() -> Iterator[Finding]:
    if not settings.SECOND_FACTOR_REQUIRED:
        return
    have_one = Authenticator.objects.filter(type__in=SECOND_FACTORS).values("user_id")
    latest = clock.now() - timedelta(days=GRACE_DAYS)
    found = [
        str(person)
        for person in with_access().exclude(pk__in=have_one).order_by("display_name", "username")
        if person.has_usable_password() and (person.access_began_at or person.date_joined) < latest
    ]
    if found:
        names = ", ".join(found[:_MOST_NAMED])
        if len(found) > _MOST_NAMED:
            names += f" and {len(found) - _MOST_NAMED} more"
        message = (
            f"A password and no second factor for more than {GRACE_DAYS} days: {names}. Whoever learnt such a password "
            "could add a second factor of their own. Have them sign in and add one, or make them inactive."
        )
        yield Finding("sign_in.no_second_factor", "warning", message)
