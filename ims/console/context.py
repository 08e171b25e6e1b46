"""What every page may show."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from ims.common import clock
from ims.console.navigation import links_for
from ims.funds.selectors import messages_now


def site(request: HttpRequest) -> dict[str, Any]:
    """The council's name, the navigation, and the notices running just now (read only if a page shows them)."""
    return {
        "council_name": settings.COUNCIL_NAME,
        "navigation": SimpleLazyObject(lambda: links_for(request)),
        "notices": SimpleLazyObject(lambda: messages_now(clock.now())),
    }
