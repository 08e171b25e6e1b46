"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class CorrespondenceRefusal(ImsError):
    """A message that cannot be written or sent."""

    code = "correspondence_refused"
