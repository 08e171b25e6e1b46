"""What every page may show."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from ims.accounts.models import AccountHolder
from ims.audit.scope import in_words
from ims.common import clock
from ims.console.navigation import links_for
from ims.funds.selectors import messages_now
from ims.ledger.models import Entry


def site(request: HttpRequest) -> dict[str, Any]:
    """The council's name, the navigation, and the notices running just now (read only if a page shows them)."""
    return {
        "council_name": settings.COUNCIL_NAME,
        "navigation": SimpleLazyObject(lambda: links_for(request)),
        "limited_to": _limited_to(request),
        "may_show_personal_details": _may_show_personal_details(request),
        "notices": SimpleLazyObject(lambda: messages_now(clock.now())),
    }


def _limited_to(request: HttpRequest) -> str:
    actor = getattr(request, "actor", None)
    return in_words(actor) if actor else ""


def _may_show_personal_details(request: HttpRequest) -> bool:
    actor = getattr(request, "actor", None)
    return bool(actor) and any(actor.may(model.personal.permission) for model in (Entry, AccountHolder))
