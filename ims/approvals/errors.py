"""What this room refuses, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ims.common.errors import ImsError


class ApprovalRefusal(ImsError):
    """What was asked may not be done, by anybody or by this person. Nothing was done."""

    code = "approval_refused"


class ApproverRefused(ImsError):
    """Who would approve may not; somebody else may. It says nothing against the request, which goes on waiting."""

    code = "approver_refused"


class ApprovalNeeded(ImsError):
    """The act is over what the actor may do alone. Nothing was done; it can be asked for instead.

    `kind` and `payload` are what `approvals.services.request` takes, so that any face can ask without knowing more.
    Without a kind it cannot be asked for as it stands: it was part of something larger that was refused as a whole.
    """

    code = "approval_needed"

    def __init__(
        self, message: str, *, kind: str = "", payload: Mapping[str, Any] | None = None, key: str = ""
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.payload = dict(payload or {})
        self.key = key


class WorldHasMoved(ImsError):
    """What a request relied on is no longer so: it is applied no more."""

    code = "stale"
