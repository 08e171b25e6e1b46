"""What this room refuses, in sentences."""

from __future__ import annotations

from ims.common.errors import Conflict, ImsError


class SuspenseRefusal(ImsError):
    """The work on suspense asked for cannot be done. Nothing was changed."""

    code = "suspense_refusal"


class ItemTaken(Conflict):
    """Somebody else moved money of an item between the plan and the act. Nothing was changed."""

    code = "item_taken"
