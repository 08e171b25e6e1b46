"""The Model Council's payment types."""

from __future__ import annotations

from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.funds.seed import add_missing, rows
from ims.payment_types.models import PaymentType


@transaction.atomic
def seed_payment_types(actor: Actor) -> int:
    """Add the payment types that are missing. Returns how many were added."""
    authorise(actor, "payment_types.add_paymenttype", what="load payment types")
    with acting(actor, "Model Council payment types"):
        return sum(
            add_missing(PaymentType, ("code",), row) for row in rows("ims.payment_types", "model_council/types.csv")
        )
