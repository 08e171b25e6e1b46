"""Two people at work: one asks, another decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ims.approvals import services
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.models import Request
from ims.demonstration.cast import REASON, Person, act_as


def act_or_ask(act: Callable[[], Any], *, maker: Person, checker: Person) -> None:
    """Do `act`; where `maker` may not alone, have them ask and `checker` approve."""
    try:
        act()
    except ApprovalNeeded as needed:
        reason = needed.payload.get("reason") or REASON
        asked = services.request(
            actor=act_as(maker), kind=needed.kind, payload=needed.payload, key=needed.key, reason=reason
        )
        agree(asked, checker)


def agree(asked: Request, checker: Person, reason: str = "") -> Request:
    """Have `checker` approve. Raises `RuntimeError` when it could not be applied: the demonstration is then wrong."""
    asked = services.approve(actor=act_as(checker), request_id=asked.pk, reason=reason)
    if asked.outcome == "":
        raise RuntimeError(asked.decision_reason)
    return asked
