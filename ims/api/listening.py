"""Hearing of payments that clients asked for, and writing down what the client is to be told."""

from __future__ import annotations

from ims.api.models import ClientPayment
from ims.api.services import notifying
from ims.payments.models import PaymentAttempt, Refund
from ims.payments.observers import Event

EVENTS = {"paid": "payment.paid", "undone": "payment.undone", "refunded": "payment.refunded"}


def hear_of_payment(event: Event, attempt: PaymentAttempt, refund: Refund | None) -> None:
    """Runs in the payment's transaction; sends nothing."""
    payment = ClientPayment.objects.filter(basket=attempt.basket_id).first() if attempt.basket_id else None
    if payment is None or event not in EVENTS:
        return
    body = {
        "payment": str(payment.pk),
        "client_reference": payment.client_reference,
        "state": event,
        "total": f"{attempt.amount:.2f}",
        "receipt_number": str(attempt.posting) if attempt.posting else "",
    }
    if refund is not None:
        body["refunded"] = f"{refund.amount:.2f}"
    key = f"{event}:{attempt.reference}" + (f":{refund}" if refund is not None else "")
    notifying.tell(actor=notifying.NOTIFIER, payment=payment, event=EVENTS[event], key=key, body=body)
