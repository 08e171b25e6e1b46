"""The one family of errors a person may be shown."""

from __future__ import annotations

from collections.abc import Sequence


class ImsError(Exception):
    """A refusal that a council officer can understand and act on.

    Every room derives its own errors from this class; the faces (screens, command line, API) translate
    it once each. ``message`` is a whole sentence in plain English that names what was wrong (file, line,
    field, value) and what to do. ``code`` is a stable word for machines.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details = tuple(details)

    def __str__(self) -> str:
        return self.message


class NotAllowed(ImsError):
    """The actor lacks the permission, or the record is outside their scope."""

    code = "not_allowed"


class NotFound(ImsError):
    """The thing named does not exist, or the actor may not know that it does."""

    code = "not_found"


class Conflict(ImsError):
    """The world moved between the plan and the act: somebody else got there first."""

    code = "conflict"


class InvalidInput(ImsError):
    """What was given cannot be accepted as it is."""

    code = "invalid_input"
