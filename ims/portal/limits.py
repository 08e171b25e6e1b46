"""How often one caller may do what costs, or what tells something. Addresses are shared (libraries, households,
mobile networks), so the limits on them are generous; a session's are not.
"""

from __future__ import annotations

from django.http import HttpRequest

from ims.people.middleware import address_of
from ims.throttling.limits import Limit, TooOften, seconds_exhausted, seconds_to_wait

CHECKS_BY_ADDRESS = Limit("portal.checks.address", most=120, seconds=900)
WRONG_BY_ADDRESS = Limit("portal.wrong.address", most=40, seconds=900)
WRONG_BY_SESSION = Limit("portal.wrong.session", most=12, seconds=900)
STARTS_BY_ADDRESS = Limit("portal.starts.address", most=40, seconds=900)
LOOKS_BY_ADDRESS = Limit("portal.looks.address", most=240, seconds=900)


def before_check(request: HttpRequest) -> None:
    """Count a look-up of a reference. Raises `TooOften`, also for whoever had too many wrong ones."""
    _count(CHECKS_BY_ADDRESS, address_of(request))
    _refuse(seconds_exhausted(WRONG_BY_ADDRESS, address_of(request)))
    if request.session.session_key:
        _refuse(seconds_exhausted(WRONG_BY_SESSION, request.session.session_key))


def after_wrong(request: HttpRequest) -> None:
    """Count a reference that was not right."""
    seconds_to_wait(WRONG_BY_ADDRESS, address_of(request))
    if not request.session.session_key:
        request.session.create()
    seconds_to_wait(WRONG_BY_SESSION, request.session.session_key)


def before_start(request: HttpRequest) -> None:
    """Count a payment begun. Raises `TooOften`."""
    _count(STARTS_BY_ADDRESS, address_of(request))


def before_look(request: HttpRequest) -> None:
    """Count a look at how a payment stands. Raises `TooOften`."""
    _count(LOOKS_BY_ADDRESS, address_of(request))


def _count(limit: Limit, caller: str) -> None:
    _refuse(seconds_to_wait(limit, caller))


def _refuse(wait: int) -> None:
    if wait:
        raise TooOften("Too many tries came from here in a short time.", seconds=wait)
