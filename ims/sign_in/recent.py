"""Whether a person showed lately who they are: dangerous acts ask for it."""

from __future__ import annotations

from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.http import HttpRequest

from ims.common import clock

BEGAN, SEEN, CONFIRMED = "ims_began", "ims_seen", "ims_confirmed"
"""Where a session keeps, in seconds, when it began, when it was last used, and when its person last proved who they
are."""


def confirmed_now(request: HttpRequest) -> None:
    """Remember that the person has just proved who they are."""
    request.session[CONFIRMED] = int(clock.now().timestamp())


def is_recent(request: HttpRequest) -> bool:
    """Whether the person signed in, or confirmed who they are, within `CONFIRM_MINUTES`."""
    confirmed = request.session.get(CONFIRMED, 0)
    return clock.now().timestamp() - confirmed < settings.CONFIRM_MINUTES * 60


def require_recent(request: HttpRequest) -> None:
    """Send the person to confirm who they are, unless they did lately; what they were doing is taken up afterwards.

    For views: raises what the middleware answers with the page that asks. A form that was sent is sent again once
    they have confirmed.
    """
    if not is_recent(request):
        raise ReauthenticationRequired
