"""The states of a payment, and which may follow which. Everything else about states is derived from this table."""

from __future__ import annotations

from django.db import models

from ims.providers.card import Status


class State(models.TextChoices):
    """How an attempt stands."""

    NEW = "new", "Being asked for"
    OPEN = "open", "Waiting for the payer"
    IN_PROGRESS = "in_progress", "The payer is paying"
    PAID = "paid", "Paid"
    CAPTURED = "captured", "Paid and captured"
    SETTLED = "settled", "Paid out to the bank"
    HELD = "held", "Paid, not posted yet"
    DECLINED = "declined", "Declined"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    ERROR = "error", "Failed at the provider"
    NEVER_MADE = "never_made", "Never reached the provider"
    UNDONE = "undone", "Undone after success"


S = State

UNFINISHED = (S.NEW, S.OPEN, S.IN_PROGRESS)
POSTED = (S.PAID, S.CAPTURED, S.SETTLED)
TAKEN = (*POSTED, S.HELD)
"""Money was taken."""

NOT_PAID = (S.DECLINED, S.EXPIRED, S.CANCELLED, S.ERROR, S.NEVER_MADE)

_OUTCOMES = frozenset({S.PAID, S.CAPTURED, S.SETTLED, S.HELD, S.DECLINED, S.EXPIRED, S.CANCELLED, S.ERROR})

MOVES: dict[State, frozenset[State]] = {
    S.NEW: _OUTCOMES | {S.OPEN, S.IN_PROGRESS, S.NEVER_MADE},
    S.OPEN: _OUTCOMES | {S.IN_PROGRESS},
    S.IN_PROGRESS: _OUTCOMES,
    S.HELD: frozenset({S.PAID, S.CAPTURED, S.SETTLED, S.DECLINED, S.EXPIRED, S.CANCELLED, S.ERROR}),
    S.PAID: frozenset({S.CAPTURED, S.SETTLED, S.UNDONE}),
    S.CAPTURED: frozenset({S.SETTLED, S.UNDONE}),
    S.SETTLED: frozenset({S.UNDONE}),
    # A provider very rarely corrects what it called final; money that turns up late is still money.
    S.DECLINED: frozenset({S.PAID, S.CAPTURED, S.SETTLED, S.HELD}),
    S.EXPIRED: frozenset({S.PAID, S.CAPTURED, S.SETTLED, S.HELD}),
    S.CANCELLED: frozenset({S.PAID, S.CAPTURED, S.SETTLED, S.HELD}),
    S.ERROR: frozenset({S.PAID, S.CAPTURED, S.SETTLED, S.HELD}),
    S.NEVER_MADE: _OUTCOMES | {S.OPEN, S.IN_PROGRESS},
    S.UNDONE: frozenset(),
}

OF_PROVIDER: dict[Status, State | None] = {
    Status.CREATED: S.OPEN,
    Status.STARTED: S.IN_PROGRESS,
    Status.SUBMITTED: S.IN_PROGRESS,
    Status.CAPTURABLE: S.IN_PROGRESS,
    Status.SUCCESS: S.PAID,
    Status.DECLINED: S.DECLINED,
    Status.EXPIRED: S.EXPIRED,
    Status.CANCELLED: S.CANCELLED,
    Status.ERROR: S.ERROR,
    Status.UNKNOWN: None,
}
"""What each of the provider's states makes of an attempt; None: it stays as it is, and somebody is told."""


def may_move(before: State, after: State) -> bool:
    """Whether an attempt in `before` may become `after`."""
    return after in MOVES[State(before)]
