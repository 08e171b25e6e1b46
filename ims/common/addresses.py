"""The address under which payers and other systems reach IMS, which may not be the one its people type."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings


class Asked(Protocol):
    """A request, of whichever face."""

    def build_absolute_uri(self, location: str) -> str: ...


def public_url(request: Asked, path: str) -> str:
    """`path` with the public address before it; with the address of the request where none is set."""
    return f"{settings.PUBLIC_ADDRESS}{path}" if settings.PUBLIC_ADDRESS else request.build_absolute_uri(path)
