"""What every page may show."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from ims.common import clock
from ims.console.navigation import links_for
from ims.funds.models import SystemMessage


def site(request: HttpRequest) -> dict[str, Any]:
    """The council's name, the navigation, and the notices running just now (read only if a page shows them)."""
    return {
        "council_name": settings.COUNCIL_NAME,
        "navigation": SimpleLazyObject(lambda: links_for(request)),
        "notices": SimpleLazyObject(_notices),
    }


def _notices() -> list[SystemMessage]:
    now = clock.now()
    return list(SystemMessage.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("starts_at"))
