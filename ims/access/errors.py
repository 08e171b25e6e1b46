"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class AccessRefusal(ImsError):
    """A change of somebody's scope, or a step of an access review, that may not be made."""

    code = "access_refused"
