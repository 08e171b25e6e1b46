"""Names the person behind each request."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from ims.audit.actors import Actor, acting
from ims.people.personal_details import is_unveiled
from ims.people.selectors import actor_for


class ActorMiddleware:
    """Sets ``request.actor`` (None when nobody is signed in) and the current actor for history rows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _actor(request))
        if not request.user.is_authenticated:
            return self.get_response(request)
        if request.user.access_is_over:
            logout(request)
            return HttpResponseRedirect(reverse("account_inactive"))
        with acting(request.actor):
            return self.get_response(request)


def _actor(request: HttpRequest) -> Actor | None:
    if not request.user.is_authenticated:
        return None
    return actor_for(request.user, address=address_of(request), unveiled=is_unveiled(request.session))


def address_of(request: HttpRequest) -> str:
    """The address the request came from.

    A request through the local socket has none of its own: only our web server can write there, and it names the
    caller. What a caller says of itself over the network counts for nothing.
    """
    return request.META.get("REMOTE_ADDR") or request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
