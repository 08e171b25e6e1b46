"""Card payments: who takes them, what is to be paid, each attempt to pay it, and what comes after.

Amounts are pounds. A payment service is one account at a card provider; its keys are named here and kept elsewhere.
"""

from ims.payments.models.after import Dispute, Refund, RefundLine
from ims.payments.models.attempts import AttemptMove, PaymentAttempt, PaymentException, ProviderNotification, Watch
from ims.payments.models.baskets import Basket, BasketLine, PaymentLink
from ims.payments.models.set_up import PaymentRoute, PaymentService, ServiceHealth
from ims.payments.models.settlement import Payout, PayoutLine

__all__ = [
    "AttemptMove",
    "Basket",
    "BasketLine",
    "Dispute",
    "PaymentAttempt",
    "PaymentException",
    "PaymentLink",
    "PaymentRoute",
    "PaymentService",
    "Payout",
    "PayoutLine",
    "ProviderNotification",
    "Refund",
    "RefundLine",
    "ServiceHealth",
    "Watch",
]
