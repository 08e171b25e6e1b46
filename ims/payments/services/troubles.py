"""Telling a person about a payment, once for each thing, and hearing what they did about it."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.payments.errors import PaymentRefusal
from ims.payments.models import PaymentAttempt, PaymentException, PaymentService


@transaction.atomic
def raise_exception(
    *,
    actor: Actor,
    kind: str,
    key: str,
    service: PaymentService,
    message: str,
    attempt: PaymentAttempt | None = None,
    amount: Decimal | None = None,
) -> PaymentException:
    """Put something into the queue of exceptions. The same `kind` and `key` again finds what was raised first."""
    authorise(actor, "payments.view_paymentattempt", what="raise payment exceptions")
    with acting(actor, "Raised"):
        found, created = PaymentException.objects.get_or_create(
            kind=kind,
            key=key,
            defaults={"service": service, "attempt": attempt, "amount": amount, "message": message},
        )
    if created:
        record("payment_exception_raised", actor=actor, subject=found, data={"kind": kind})
    return found


@transaction.atomic
def resolve_exception(*, actor: Actor, exception_id: int, resolution: str) -> PaymentException:
    """Say what was done about an exception and take it off the queue. Raises `PaymentRefusal` without a word of it."""
    authorise(actor, "payments.resolve_exception", what="resolve payment exceptions")
    if not resolution.strip():
        raise PaymentRefusal("Say what was done. The audit trail keeps it.", code="reason_missing")
    found = PaymentException.objects.select_for_update().filter(pk=exception_id).first()
    if found is None:
        raise NotFound("There is no such exception.")
    if found.resolved_at:
        raise PaymentRefusal(f"{found.resolved_by} has resolved this already.", code="nothing_to_do")
    found.resolved_at, found.resolved_by, found.resolution = clock.now(), actor.name, resolution.strip()
    with acting(actor, resolution):
        found.save()
    record("payment_exception_resolved", actor=actor, subject=found, reason=resolution)
    return found
