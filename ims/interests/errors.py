"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class InterestRefusal(ImsError):
    """A declaration that cannot be made or ended, or an act upon an account somebody has an interest in."""

    code = "interest"
