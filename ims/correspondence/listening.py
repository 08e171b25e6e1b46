"""Hearing of payments, and asking for the messages that follow. Runs in the payment's transaction; sends nothing."""

from __future__ import annotations

from ims.correspondence.actors import POST_ROOM
from ims.correspondence.services import writing
from ims.payments.models import PaymentAttempt, Refund
from ims.payments.observers import Event


def hear_of_payment(event: Event, attempt: PaymentAttempt, refund: Refund | None) -> None:
    """A receipt when money was posted; news when it failed after all, or was given back."""
    if attempt.basket is None or attempt.posting is None:
        return
    if event in ("paid", "resend_receipt"):
        writing.write_receipts(actor=POST_ROOM, attempt=attempt, is_copy=event == "resend_receipt")
    elif event == "undone":
        writing.write_undone(actor=POST_ROOM, attempt=attempt)
    elif event == "refunded" and refund is not None:
        writing.write_refund(actor=POST_ROOM, attempt=attempt, refund_key=str(refund), amount=refund.amount)
