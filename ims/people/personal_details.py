"""Showing personal details for a while: a person asks for them, and every page that then shows some is recorded."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from ims.audit import personal

SHOWN_FOR_SECONDS = 60 * 60
"""How long details stay shown after they were asked for; then the person asks again."""
SAME_PAGE_SECONDS = 10 * 60
"""The same page of the same search, opened again within this time, is one look and not two."""

_UNTIL = "personal_details_until"
_LAST = "personal_details_last_looks"
_REMEMBERED = 20


def unveil(session: MutableMapping[str, Any]) -> None:
    """Show personal details in this session from now on, for `SHOWN_FOR_SECONDS`."""
    session[_UNTIL] = int(time.time()) + SHOWN_FOR_SECONDS


def veil(session: MutableMapping[str, Any]) -> None:
    """Hide personal details again."""
    session.pop(_UNTIL, None)


def is_unveiled(session: MutableMapping[str, Any]) -> bool:
    """Whether personal details are shown in this session just now."""
    return session.get(_UNTIL, 0) > time.time()


class PersonalDataMiddleware:
    """Leaves one audit event for each request that showed personal data, whatever page it was."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with personal.looking() as looks:
            response = self.get_response(request)
        actor = getattr(request, "actor", None)
        if looks.counts and actor and not _seen_lately(request, looks):
            personal.record_looks(actor, looks, page=request.path, search=request.GET.urlencode())
        return response


def _seen_lately(request: HttpRequest, looks: personal.Looks) -> bool:
    """Whether this session recorded the very same look a moment ago; if not, remembers it."""
    session = getattr(request, "session", None)
    if session is None:
        return False
    what = f"{request.get_full_path()} {sorted(looks.counts.items())} {looks.only and looks.only.pk}"
    mark, now = hashlib.sha256(what.encode()).hexdigest()[:16], int(time.time())
    recent = {key: at for key, at in session.get(_LAST, {}).items() if at > now - SAME_PAGE_SECONDS}
    if mark in recent:
        return True
    newest = sorted({**recent, mark: now}.items(), key=lambda pair: pair[1])[-_REMEMBERED:]
    session[_LAST] = dict(newest)
    return False
