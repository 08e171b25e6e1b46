"""Messages from providers: verified, kept, answered at once. They only say which payment to read again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from django.db import transaction

from ims.audit.actors import authorise
from ims.jobs.queue import enqueue
from ims.payments.actors import CARD_DESK
from ims.payments.gateways import provider_for, signing_secrets
from ims.payments.models import PaymentAttempt, PaymentService, ProviderNotification

READ_AGAIN = "payments.read_again"


def record_notification(*, service: PaymentService, headers: Mapping[str, str], body: bytes) -> bool:
    """Verify and keep a message, and ask for its payment to be read again; False when it is known already.

    The sender proves itself by its signature over the bytes as they came. Raises `ProviderError` (`Forged`, `Nonsense`)
    for what is thrown away; nothing is kept then.
    """
    authorise(CARD_DESK, "payments.view_paymentattempt", what="take in notifications")
    heard = provider_for(service).parse_notification(headers, body, secrets=signing_secrets(service))
    with transaction.atomic():
        _, is_new = ProviderNotification.objects.get_or_create(
            service=service,
            message_id=heard.message_id,
            defaults={
                "payment_id": heard.payment_id,
                "event": heard.event,
                "body_sha256": hashlib.sha256(body).hexdigest(),
                "said": dict(heard.said),
            },
        )
        attempt = PaymentAttempt.objects.filter(service=service, provider_id=heard.payment_id).first()
        if is_new and attempt is not None:
            enqueue(READ_AGAIN, actor=CARD_DESK, subject=attempt, attempt=attempt.pk)
    return is_new
