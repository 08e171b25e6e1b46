"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class PeopleRefusal(ImsError):
    """A change of people or roles that may not be made."""

    code = "people_refused"
