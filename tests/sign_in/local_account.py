"""Signing in as a browser would, without one."""

from __future__ import annotations

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from ims.people.models import User
from tests.people.people_world import member

PASSWORD = "a long pass phrase"


def person(username: str = "olu", *roles: str) -> User:
    """A member of staff with a password."""
    return member(username, *roles)


def sign_in(client: Client, username: str = "olu", password: str = PASSWORD, **extra: object):
    """Send the sign-in form."""
    return client.post("/account/sign-in/", {"login": username, "password": password}, **extra)


def with_app(who: User) -> str:
    """Give `who` an authenticator app; returns its secret."""
    secret = generate_totp_secret()
    TOTP.activate(who, secret)
    return secret


def code_of(secret: str, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def wrong_code(secret: str) -> str:
    """A code the app shows neither now nor about now."""
    shown = {code_of(secret, step) for step in range(-3, 4)}
    return next(
        code for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666") if code not in shown
    )


def factors_of(who: User) -> set[str]:
    """Kinds of second factor `who` has."""
    return set(Authenticator.objects.filter(user=who).values_list("type", flat=True))
