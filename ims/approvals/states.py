"""The states of a request, and the moves allowed between them."""

from __future__ import annotations

from django.db import models


class RequestState(models.TextChoices):
    """Where a request is. Approving applies in the same transaction, so there is no “approved but not yet done”."""

    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved and done"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    STALE = "stale", "Overtaken"


S = RequestState

MOVES: dict[str, tuple[frozenset[RequestState], RequestState]] = {
    # event → (from any of these, to)
    "approve": (frozenset({S.WAITING}), S.APPROVED),
    "reject": (frozenset({S.WAITING}), S.REJECTED),
    "withdraw": (frozenset({S.WAITING}), S.WITHDRAWN),
    "expire": (frozenset({S.WAITING}), S.EXPIRED),
    "overtake": (frozenset({S.WAITING}), S.STALE),
}
"""Every move there is. `sql/guards.sql` holds the same in the database."""

DECIDED_BY_ANOTHER = frozenset({S.APPROVED, S.REJECTED, S.STALE})
"""Reached only by somebody who is not the one who asked."""
