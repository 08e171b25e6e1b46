"""Refunds, as far as they need the provider: sent, looked at again, and found when made elsewhere."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ims.audit.actors import Actor, authorise
from ims.common import clock
from ims.payments import rules, selectors
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import note_failure
from ims.payments.errors import ProviderDown
from ims.payments.gateways import provider_for
from ims.payments.models import Refund
from ims.payments.services import refunds, watching
from ims.providers.card import (
    AmountChanged,
    Misconfigured,
    Nonsense,
    ProviderError,
    RefundStatus,
    Refused,
    Unreachable,
)
from ims.providers.card import Refund as SeenRefund

NEVER_SENT_AFTER = timedelta(minutes=10)
"""The provider's list of refunds may lag so long; what it does not show by then was not made."""


def available(*, actor: Actor, attempt_id: int) -> Decimal:
    """What the provider can refund of a payment just now, in pounds; £0.00 when it may not be refunded.

    Raises `ProviderDown`: without knowing, nothing is refunded.
    """
    authorise(actor, "payments.view_paymentattempt", what="look at card payments")
    attempt = selectors.get_attempt(actor, attempt_id)
    if attempt.provider_id is None:
        return Decimal("0.00")
    try:
        seen = provider_for(attempt.service).fetch(attempt.provider_id)
    except ProviderError as error:
        note_failure(attempt.service, error)
        raise ProviderDown("The card payment service does not answer, so nothing can be refunded now.") from error
    return rules.pounds(seen.refundable or 0)


def send_refund(*, actor: Actor, refund_id: int) -> Refund:
    """Send an approved refund to the provider. Sent once, whoever asks and however often.

    When no answer comes, the refund stays “being sent” and `refresh_refund` finds out whether it was made.
    """
    authorise(actor, "payments.view_paymentattempt", what="follow refunds")
    refund = Refund.objects.select_related("attempt__service").get(pk=refund_id)
    provider = provider_for(refund.attempt.service)
    try:
        known = [other.refund_id for other in provider.refunds_of(refund.attempt.provider_id)]
    except ProviderError as error:
        note_failure(refund.attempt.service, error)
        return refund
    sending = refunds.about_to_send(actor=actor, refund_id=refund_id, known_before=known)
    if sending is None:
        return Refund.objects.get(pk=refund_id)
    try:
        seen = provider.refund(
            sending.attempt.provider_id,
            amount=rules.pence(sending.amount),
            available=rules.pence(sending.available_seen),
            reference=str(sending),
        )
    except (Unreachable, Nonsense) as error:
        note_failure(sending.attempt.service, error)
        return sending
    except Refused as error:
        if isinstance(error, Misconfigured):
            note_failure(sending.attempt.service, error)
        return refunds.refund_not_made(actor=actor, refund_id=refund_id, why=_why(error))
    watching.note_answer(actor=CARD_DESK, service=sending.attempt.service)
    return refunds.hear_refund(actor=actor, refund_id=refund_id, seen=seen)


def _why(error: Refused) -> str:
    if isinstance(error, AmountChanged):
        return (
            "What can be refunded has changed since it was looked at: somebody may have refunded at the provider. "
            "No money went. Look at the payment again."
        )
    return f"The provider refused: {error.message} ({error.provider_code}). No money went."


def refresh_refund(*, actor: Actor, refund_id: int) -> Refund:
    """Look at a refund again and take in what the provider says; the refund as it stands afterwards."""
    authorise(actor, "payments.view_paymentattempt", what="follow refunds")
    refund = Refund.objects.select_related("attempt__service").get(pk=refund_id)
    if refund.state == Refund.State.APPROVED:
        return send_refund(actor=actor, refund_id=refund_id)
    if refund.state not in (Refund.State.SENDING, Refund.State.SUBMITTED, Refund.State.SUCCEEDED):
        return refund
    try:
        seen = _look(refund)
    except ProviderError as error:
        note_failure(refund.attempt.service, error)
        return refund
    watching.note_answer(actor=CARD_DESK, service=refund.attempt.service)
    if seen is not None:
        return refunds.hear_refund(actor=actor, refund_id=refund_id, seen=seen)
    if refund.sent_at and clock.now() - refund.sent_at > NEVER_SENT_AFTER and _nothing_went(refund):
        return refunds.refund_not_made(
            actor=actor, refund_id=refund_id, why="The provider did not answer, and made no refund. No money went."
        )
    return refund


def _look(refund: Refund) -> SeenRefund | None:
    provider = provider_for(refund.attempt.service)
    if refund.provider_refund_id:
        return provider.fetch_refund(refund.attempt.provider_id, refund.provider_refund_id)
    taken = set(refund.known_before) | set(
        refund.attempt.refunds.exclude(provider_refund_id=None).values_list("provider_refund_id", flat=True)
    )
    made = [
        seen
        for seen in provider.refunds_of(refund.attempt.provider_id)
        if seen.refund_id not in taken and seen.amount == rules.pence(refund.amount)
    ]
    return next((seen for seen in made if seen.status != RefundStatus.ERROR), made[0] if made else None)


def _nothing_went(refund: Refund) -> bool:
    """Whether the provider still has available what the officer saw: its one strongly consistent word on it."""
    seen = provider_for(refund.attempt.service).fetch(refund.attempt.provider_id)
    return seen.refundable == rules.pence(refund.available_seen)
