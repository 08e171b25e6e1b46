"""How rooms above hear that a payment was made, failed or was refunded, without this room knowing them.

A room registers a function when the application starts; it runs in the transaction that records the event, so that
what it asks for (a receipt by e-mail, say) stands or falls with it. It must be quick and ask for a job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ims.payments.models import PaymentAttempt, Refund

Event = Literal["paid", "undone", "refunded", "resend_receipt"]
Observer = Callable[[Event, PaymentAttempt, Refund | None], None]

_observers: list[Observer] = []


def after_payment(observer: Observer) -> Observer:
    """Have `observer(event, attempt, refund)` called for every event of a payment; `refund` only for ``refunded``."""
    if observer not in _observers:
        _observers.append(observer)
    return observer


def tell(event: Event, attempt: PaymentAttempt, refund: Refund | None = None) -> None:
    """Call everybody who asked to hear."""
    for observer in _observers:
        observer(event, attempt, refund)
