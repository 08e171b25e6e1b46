"""Sessions that end, and nothing without a second factor."""

from __future__ import annotations

from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from ims.audit.services import record
from ims.common import clock
from ims.people.middleware import address_of
from ims.people.selectors import actor_for
from ims.sign_in.recent import BEGAN, SEEN
from ims.sign_in.selectors import came_from_directory, has_second_factor

ENDED = "ims_ended"
"""Where the sign-in page finds why the last session ended."""
_TICK = 60
"""Seconds between two notes of a session's last use: one write a minute, not one a page."""


class SessionLimits:
    """Ends a session nobody used for `SESSION_IDLE_MINUTES`, and any session of the greatest age."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            self._look_at(request)
        return self.get_response(request)

    def _look_at(self, request: HttpRequest) -> None:
        now = int(clock.now().timestamp())
        began, seen = request.session.get(BEGAN), request.session.get(SEEN)
        if began is None or seen is None:
            request.session[BEGAN] = request.session[SEEN] = now
        elif now - seen >= settings.SESSION_IDLE_MINUTES * 60:
            self._end(request, "idle")
        elif now - began >= settings.SESSION_COOKIE_AGE:
            self._end(request, "age")
        elif now - seen >= _TICK:
            request.session[SEEN] = now
            UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=clock.now())

    @staticmethod
    def _end(request: HttpRequest, why: str) -> None:
        person = request.user
        record(
            "session_ended",
            actor=actor_for(person, address=address_of(request)),
            subject=person,
            data={"why": why},
        )
        UserSession.objects.filter(session_key=request.session.session_key).delete()
        request.session_is_over = True
        logout(request)
        request.session[ENDED] = why


class SecondFactor:
    """Shows a person with a local account and no second factor the page to add one, and nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self._must_enrol(request) and not _is_open(request.path):
            return HttpResponseRedirect(reverse("mfa_index"))
        return self.get_response(request)

    @staticmethod
    def _must_enrol(request: HttpRequest) -> bool:
        return (
            settings.SECOND_FACTOR_REQUIRED
            and request.user.is_authenticated
            and not came_from_directory(request)
            and not has_second_factor(request.user)
        )


_OPEN_NAMES = (
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "account_login",
    "account_reauthenticate",
    "admin:logout",
    "admin:password_change",
    "admin:password_change_done",
    "healthz",
    "readyz",
)


_OTHER_FACES = ("/pay/", "/api/")
"""Payers and other systems, whatever the browser's member of staff may do."""


def _is_open(path: str) -> bool:
    own = {reverse(name) for name in _OPEN_NAMES}
    return path in own or path.startswith((settings.STATIC_URL, *_OTHER_FACES))
