"""Talking to providers: between two transactions, never inside one.

Each function here goes: write down what is about to be asked → ask → write down what was answered. Killed at any point,
what was written before is enough for the next look to finish it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ims.audit.actors import Actor
from ims.common import clock
from ims.payments import rules
from ims.payments.actors import CARD_DESK
from ims.payments.checking import NewLine
from ims.payments.errors import AlreadyPaid, PaymentRefusal, ProviderDown, StillStarting
from ims.payments.gateways import provider_for
from ims.payments.models import PaymentAttempt, PaymentService
from ims.payments.services import attempts, watching
from ims.payments.services.attempts import Begun
from ims.payments.services.baskets import Payer
from ims.payments.states import UNFINISHED, State
from ims.providers.card import (
    Misconfigured,
    NextStep,
    Nonsense,
    NotThere,
    Payment,
    ProviderError,
    Refused,
    Search,
    TooLate,
    Unreachable,
)

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""How long a second click waits for the first one's answer."""

DOWN = "The card payment service does not answer just now. No money was taken. Try again in a few minutes."


@dataclass(frozen=True)
class Started:
    """A payment under way. `next_step` is where the payer's browser goes; None when it is finished already."""

    attempt: PaymentAttempt
    next_step: NextStep | None


def start_payment(*, actor: Actor, basket_id: int, return_url: Callable[[str], str]) -> Started:
    """Ask a provider for a payment of the basket, or take up the one that is under way.

    `return_url` makes the absolute address the payer comes back to from the attempt's return token. A second click and
    a second tab meet the same payment. After a failed one, a new attempt is made with a reference of its own.

    Raises `AlreadyPaid`, `PaymentRefusal` (the basket may not be paid), `StillStarting` or `ProviderDown`.
    """
    begun = attempts.begin(actor=actor, basket_id=basket_id)
    if not begun.is_new:
        resumed = _resume(actor, begun.attempt)
        if resumed is not None:
            return resumed
        begun = attempts.begin(actor=actor, basket_id=basket_id)
        if not begun.is_new:
            raise StillStarting("This payment is just being started in another tab. Go on there, or try again.")
    return _create(actor, begun, return_url)


def start_new_payment(
    *,
    actor: Actor,
    channel: str,
    lines: Sequence[NewLine],
    payer: Payer,
    source: str,
    return_url: Callable[[str], str],
) -> Started:
    """Open a basket and ask a provider for its payment at once: for a face that knows already all that is to be paid.

    Raises `PaymentRefusal` (nothing is kept then) or `ProviderDown`. See `start_payment`.
    """
    begun = attempts.begin_new(actor=actor, channel=channel, lines=lines, payer=payer, source=source)
    return _create(actor, begun, return_url)


def _create(actor: Actor, begun: Begun, return_url: Callable[[str], str]) -> Started:
    attempt = begun.attempt
    request = attempts.request_for(attempt, begun.goods, return_url(attempt.return_token))
    try:
        made = provider_for(attempt.service).create(request)
    except (Unreachable, Nonsense) as error:
        # Whether it exists is not known: the attempt stays, and whoever looks next searches for its reference.
        note_failure(attempt.service, error)
        raise ProviderDown(DOWN) from error
    except Refused as error:
        if isinstance(error, Misconfigured):
            note_failure(attempt.service, error)
        reason = f"The provider refused the payment: {error.message} ({error.provider_code})"
        attempts.not_made(
            actor=actor, attempt_id=attempt.pk, state=State.ERROR, code=error.provider_code, reason=reason
        )
        raise PaymentRefusal(
            "The card payment service did not accept this payment. No money was taken. "
            f"If it happens again, tell the council: {error.provider_code or 'refused'}, {attempt.reference}.",
            code="provider_refused",
        ) from error
    watching.note_answer(actor=CARD_DESK, service=attempt.service)
    attempt = attempts.hear(actor=actor, attempt_id=attempt.pk, seen=made, heard_by="start")
    return Started(attempt, made.next_step)


def _resume(actor: Actor, attempt: PaymentAttempt) -> Started | None:
    """Go on with an attempt under way; None when it has ended unpaid, so that a new one may be made."""
    if attempt.state == State.NEW and attempt.provider_id is None:
        attempt = _await_creation(attempt)
    attempt, seen = _look(actor, attempt, heard_by="return")
    if attempt.is_paid:
        raise AlreadyPaid("This has been paid. Nothing more is to be paid.")
    if attempt.state not in UNFINISHED:
        return None
    if seen is None:
        raise ProviderDown(DOWN)
    if seen.next_step is None:
        return _give_up(actor, attempt)
    return Started(attempt, seen.next_step)


def _await_creation(attempt: PaymentAttempt) -> PaymentAttempt:
    """Wait a moment for whoever is asking the provider at this very time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while attempt.state == State.NEW and attempt.provider_id is None:
        if clock.now() - attempt.asked_at > rules.LOST_AFTER:
            return attempt
        if time.monotonic() > deadline:
            raise StillStarting("This payment is just being started. Wait a moment and try again.")
        time.sleep(0.1)
        attempt = PaymentAttempt.objects.select_related("service", "basket").get(pk=attempt.pk)
    return attempt


def _give_up(actor: Actor, attempt: PaymentAttempt) -> None:
    """An unfinished payment that cannot be taken up again is cancelled, so that a new one can be made."""
    cancelled = cancel_payment(actor=actor, attempt_id=attempt.pk)
    if cancelled.is_paid:
        raise AlreadyPaid("This has been paid. Nothing more is to be paid.")
    if cancelled.state in UNFINISHED:
        raise StillStarting("The payment is under way on the card page. Finish it there.")


def refresh(*, actor: Actor, attempt_id: int, heard_by: str = "return") -> PaymentAttempt:
    """Read a payment again at its provider and take in what it says; the attempt as it stands afterwards.

    When the provider does not answer, the attempt is returned as it was, and is looked at again later. This is what
    the return page, the notification, the poller and the officer's button all do.
    """
    attempts.authorise_following(actor)
    attempt = PaymentAttempt.objects.select_related("service", "basket").get(pk=attempt_id)
    return _look(actor, attempt, heard_by=heard_by)[0]


def _look(actor: Actor, attempt: PaymentAttempt, *, heard_by: str) -> tuple[PaymentAttempt, Payment | None]:
    try:
        provider = provider_for(attempt.service)
        if attempt.provider_id is None:
            seen = _search_for(attempt)
            if seen is None:
                return _never_made(actor, attempt), None
        else:
            seen = provider.fetch(attempt.provider_id)
    except NotThere:
        attempts.not_known(actor=actor, attempt_id=attempt.pk)
        return attempt, None
    except ProviderError as error:
        note_failure(attempt.service, error)
        return attempt, None
    watching.note_answer(actor=CARD_DESK, service=attempt.service)
    return attempts.hear(actor=actor, attempt_id=attempt.pk, seen=seen, heard_by=heard_by), seen


def _search_for(attempt: PaymentAttempt) -> Payment | None:
    """The payment whose creation nobody heard the answer of. What a search finds is read again: searches lag."""
    provider = provider_for(attempt.service)
    for candidate in provider.search(Search(reference=attempt.reference)):
        if candidate.reference.upper() == attempt.reference.upper():
            return provider.fetch(candidate.payment_id)
    return None


def _never_made(actor: Actor, attempt: PaymentAttempt) -> PaymentAttempt:
    """Nobody has its next step, so nobody can pay a payment whose creation was lost: it harms nothing."""
    if attempt.state != State.NEW or clock.now() - attempt.asked_at < rules.LOST_AFTER:
        return attempt
    return attempts.not_made(
        actor=actor,
        attempt_id=attempt.pk,
        state=State.NEVER_MADE,
        code="",
        reason="The provider did not answer, and does not know the payment",
    )


def cancel_payment(*, actor: Actor, attempt_id: int) -> PaymentAttempt:
    """Stop a payment that nobody has finished. When the payer was quicker, the payment is taken in as paid."""
    attempts.authorise_following(actor)
    attempt = PaymentAttempt.objects.select_related("service", "basket").get(pk=attempt_id)
    if attempt.state not in UNFINISHED:
        raise PaymentRefusal("This payment is finished and cannot be cancelled.", code="too_late")
    if attempt.provider_id is not None:
        try:
            provider_for(attempt.service).cancel(attempt.provider_id)
        except TooLate:
            pass  # A race with the payer: reading it again says who won.
        except (Unreachable, Nonsense) as error:
            note_failure(attempt.service, error)
            raise ProviderDown("The card payment service does not answer just now. Try again.") from error
    return refresh(actor=actor, attempt_id=attempt_id, heard_by="cancel")


def note_failure(service: PaymentService, error: ProviderError) -> None:
    """Say that a service did not answer, so that it is left alone for a while and the dashboard says so."""
    logger.warning("Payment service %s: %s %s", service.code, error.code, error.provider_code)
    if isinstance(error, NotThere):
        return
    watching.note_failure(
        actor=CARD_DESK,
        service=service,
        error=f"{error.message} {error.provider_code}".strip(),
        retry_after=getattr(error, "retry_after", None),
    )
