"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class FundsRefusal(ImsError):
    """A code, rate or mapping is missing or may not be used."""

    code = "funds_refused"
