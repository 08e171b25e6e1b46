"""Names the person behind each request, so that services and history know who acts."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from ims.audit.actors import Actor, acting
from ims.people.selectors import actor_for


class ActorMiddleware:
    """Sets ``request.actor`` (None when nobody is signed in) and the current actor for history rows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _actor(request))
        if not request.user.is_authenticated:
            return self.get_response(request)
        with acting(request.actor):
            return self.get_response(request)


def _actor(request: HttpRequest) -> Actor | None:
    if not request.user.is_authenticated:
        return None
    return actor_for(request.user, address=request.META.get("REMOTE_ADDR", ""))
