"""What the API refuses in its own name."""

from __future__ import annotations

from ims.common.errors import Conflict, ImsError, InvalidInput


class ClientRefusal(ImsError):
    """A change of a client or its keys that may not be made."""

    code = "client_refused"


class KeyMissing(InvalidInput):
    """A write without an idempotency key."""

    code = "idempotency_key_missing"


class KeySpent(ImsError):
    """An idempotency key that was spent on another request."""

    code = "idempotency_key_spent"


class StillWorking(Conflict):
    """The same request is being worked on at this very moment."""

    code = "still_working"
