"""What is written of an attempt, before and after its provider is talked to; never while.

`begin` and `hear` are durable: they refuse to run inside a larger transaction, so that no talk over the network can lie
within one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.funds.models import MethodOfPayment
from ims.payments import checking, elsewhere, observers, rules, selectors, states
from ims.payments.actors import CARD_DESK
from ims.payments.checking import Checked, NewLine
from ims.payments.gateways import ABILITIES
from ims.payments.models import (
    AttemptMove,
    Basket,
    PaymentAttempt,
    PaymentException,
    PaymentLink,
    PaymentRoute,
    PaymentService,
    Watch,
)
from ims.payments.services import baskets, receipting
from ims.payments.services.baskets import Payer
from ims.payments.services.troubles import raise_exception
from ims.payments.services.watching import watch
from ims.payments.states import State
from ims.providers.card import Payment, PaymentRequest, Status

LOOK = "payments.view_paymentattempt"
LONGEST_UNSEEN = timedelta(days=30)
"""How long ago a payment may have been made of which the provider does not say when."""


@dataclass(frozen=True)
class Begun:
    """The attempt to go on with. `goods`: what a new one pays, whose provider has not been asked yet."""

    attempt: PaymentAttempt
    goods: Checked | None = None

    @property
    def is_new(self) -> bool:
        """Whether its provider is still to be asked."""
        return self.goods is not None


def authorise_following(actor: Actor) -> None:
    """Raise `NotAllowed` unless `actor` may ask how payments stand: staff who see them, and payers themselves."""
    if not actor.may("payments.pay_online"):
        authorise(actor, LOOK, what="look at card payments")


@transaction.atomic(durable=True)
def begin(*, actor: Actor, basket_id: int) -> Begun:
    """Seal the basket and write down a new attempt, or find the one that is under way.

    Raises `AlreadyPaid`, or `PaymentRefusal` when the basket may not be paid (any more).
    """
    baskets.authorise_basket(actor, basket_id)
    basket = baskets.locked(basket_id)
    earlier = list(basket.attempts.select_related("service"))
    under_way = next((attempt for attempt in earlier if attempt.state in states.UNFINISHED), None)
    if under_way and basket.state != Basket.State.PAID:
        return Begun(under_way)
    baskets.refuse_closed(basket)
    goods = checking.checked(basket, checking.lines_of(basket), actor)
    checking.refuse_unpayable(basket, goods)
    return _begun(actor, basket, goods, number=len(earlier) + 1)


@transaction.atomic(durable=True)
def begin_new(*, actor: Actor, channel: str, lines: Sequence[NewLine], payer: Payer, source: str) -> Begun:
    """Open a basket, seal it and write down its first attempt, for a face that knows at once all that is to be paid.

    Raises `PaymentRefusal` when it may not be paid; nothing is kept then.
    """
    basket = baskets.new_basket(actor, channel, payer, source=source)
    if not selectors.is_office_in_scope(actor, basket):
        raise NotFound("Your own office is not one of those you may see. Ask an administrator to put that right.")
    goods = checking.checked(basket, lines, actor)
    checking.refuse_unpayable(basket, goods)
    baskets.keep(basket, goods, actor)
    return _begun(actor, basket, goods, number=1)


def _begun(actor: Actor, basket: Basket, goods: Checked, *, number: int) -> Begun:
    with acting(actor, "Payment started"):
        basket.state, basket.sealed_at = Basket.State.PAYING, basket.sealed_at or clock.now()
        basket.save()
        attempt = PaymentAttempt.objects.create(
            basket=basket,
            number=number,
            reference=f"{basket.reference}-{number}",
            return_token=secrets.token_urlsafe(24),
            service=goods.route.service,
            method_of_payment=goods.route.method_of_payment,
            amount=goods.total,
            actor_kind=actor.kind,
            actor_id=actor.identifier,
            actor_name=actor.name,
        )
    _move(attempt, "", State.NEW, heard_by="start", actor=actor)
    _appoint(attempt)
    record("payment_started", actor=actor, subject=attempt, data={"amount": str(attempt.amount)})
    return Begun(attempt, goods)


def request_for(attempt: PaymentAttempt, goods: Checked, return_url: str) -> PaymentRequest:
    """What the provider is asked for an attempt to pay `goods`."""
    basket = attempt.basket
    funds = [goods.funds[line.fund] for line, _ in goods.lines]
    return PaymentRequest(
        amount=rules.pence(attempt.amount),
        reference=attempt.reference,
        description=rules.describe([fund.display_name or fund.name for fund in funds]),
        return_url=return_url,
        language=basket.language,
        email=basket.email,
        payer_name=rules.clean(basket.payer_name),
        address=tuple(rules.clean(text) for text in basket.address.splitlines() if text.strip()),
        postcode=rules.clean(basket.postcode, 25),
        metadata={
            "ims_basket": basket.reference,
            "ims_attempt": attempt.reference,
            "funds": ",".join(sorted({fund.code for fund in funds}))[: rules.MOST_METADATA],
        },
        moto=basket.channel == "telephone",
    )


@transaction.atomic(durable=True)
def not_made(*, actor: Actor, attempt_id: int, state: str, code: str, reason: str) -> PaymentAttempt:
    """Write down that the provider refused to make the payment, or never had it; the basket is open again."""
    authorise_following(actor)
    attempt = _locked(attempt_id)
    if attempt.state == State.NEW:
        attempt.basket = baskets.locked(attempt.basket_id)
        _become(attempt, State(state), heard_by="provider", actor=actor, reason=reason, code=code)
        _after_failure(attempt)
        _appoint(attempt)
    return attempt


@transaction.atomic(durable=True)
def hear(*, actor: Actor, attempt_id: int, seen: Payment, heard_by: str, strong: bool = True) -> PaymentAttempt:
    """Take in what the provider says of an attempt: move it on, post its money once, undo what failed after all.

    May be called any number of times, in any order, by several at once. `strong` False: `seen` comes from a search,
    which may lag; nothing is undone on its word. What is posted is posted by the card desk, whoever looked.
    """
    authorise_following(actor)
    attempt = _locked(attempt_id)
    if attempt.basket_id and _concerns_basket(attempt, seen):
        attempt.basket = baskets.locked(attempt.basket_id)
    basket = attempt.basket
    verdict = rules.judge(
        seen,
        state=State(attempt.state),
        expected=rules.pence(attempt.amount),
        basket_is_paid=basket is not None and basket.state == Basket.State.PAID,
        strong=strong,
        reference=attempt.reference,
    )
    changed = _take_facts(attempt, seen) if strong or verdict.state != attempt.state else False
    trouble, sentence, state = verdict.trouble, verdict.sentence, verdict.state
    if verdict.post:
        attempt.paid_at = attempt.paid_at or rules.paid_at(seen, clock.now())
        attempt.paid_total = rules.pounds(seen.total)
        receipt = receipting.post(attempt, basket, seen, where=verdict.post if basket else "suspense")
        attempt.posting = receipt.posting
        state = state if receipt.posting else State.HELD
        trouble, sentence = receipt.trouble or trouble, receipt.sentence or sentence
        if basket is None and receipt.posting:
            trouble, sentence = receipting.taken_outside(attempt, seen)
    if verdict.undo:
        undone = receipting.undo(attempt, sentence)
        sentence = undone or sentence
    if state != attempt.state or attempt.provider_status != str(seen.status) or changed:
        _become(
            attempt, state, heard_by=heard_by, actor=actor, code=seen.code, said=dict(seen.said), status=seen.status
        )
        _after(attempt, basket, actor)
    if trouble:
        raise_exception(
            actor=CARD_DESK,
            kind=trouble,
            key=f"{attempt.reference}:{seen.status}" if trouble == "unknown_state" else attempt.reference,
            service=attempt.service,
            attempt=attempt,
            amount=attempt.paid_total or attempt.amount,
            message=sentence,
        )
    _report_stuck(attempt, seen)
    if not (heard_by == "start" and attempt.state in states.UNFINISHED):  # `begin` made that appointment a moment ago
        _appoint(attempt)
    return attempt


def _concerns_basket(attempt: PaymentAttempt, seen: Payment) -> bool:
    """Whether `seen` may end the payment or find it ended. Until then its basket stays as it is and need not wait."""
    return attempt.state not in states.UNFINISHED or states.OF_PROVIDER[seen.status] not in states.UNFINISHED


@transaction.atomic(durable=True)
def not_known(*, actor: Actor, attempt_id: int) -> None:
    """The provider does not know a payment it made: the key is another account's, most likely. Somebody is told."""
    authorise_following(actor)
    attempt = _locked(attempt_id)
    raise_exception(
        actor=CARD_DESK,
        kind=PaymentException.Kind.STUCK,
        key=f"{attempt.reference}:not-known",
        service=attempt.service,
        attempt=attempt,
        amount=attempt.amount,
        message=f"{attempt.service} does not know payment {attempt.reference}, which was made there. Its key may have "
        "been exchanged for that of another account: compare the payment service's settings.",
    )
    _appoint(attempt)


@transaction.atomic(durable=True)
def found(*, actor: Actor, service: PaymentService, seen: Payment) -> PaymentAttempt | None:
    """Write down a paid payment that the provider has and we did not ask for; None when it is ours or not paid."""
    authorise(actor, LOOK, what="look at card payments")
    if seen.status != Status.SUCCESS:
        return None
    if PaymentAttempt.objects.filter(service=service, provider_id=seen.payment_id).exists():
        return None
    if PaymentAttempt.objects.filter(service=service, reference=seen.reference).exists():
        return None  # Ours, made while nobody heard the answer: looking for it by its reference will adopt it.
    if elsewhere.may_have_come(seen.payment_id, seen.created_at or clock.now() - LONGEST_UNSEEN):
        return None  # A file of the provider's brought it, or is doing so: the next reading asks again.
    method = _method_of(service)
    if method is None:
        raise_exception(
            actor=CARD_DESK,
            kind=PaymentException.Kind.HELD,
            key=f"{service.code}:{seen.payment_id}",
            service=service,
            amount=rules.pounds(seen.total),
            message=f"Payment {seen.payment_id} was made through {service} outside IMS and cannot be posted: the "
            "service has no route and no method of payment is a card. Add a route; it is posted within the hour.",
        )
        return None
    with transaction.atomic(), acting(actor, "Found at the provider"):
        attempt, created = PaymentAttempt.objects.get_or_create(
            service=service,
            provider_id=seen.payment_id,
            defaults={
                "reference": f"{service.code}:{seen.payment_id}",
                "return_token": secrets.token_urlsafe(24),
                "method_of_payment": method,
                "amount": rules.pounds(seen.amount),
                "actor_kind": actor.kind,
                "actor_id": actor.identifier,
                "actor_name": actor.name,
            },
        )
    if created:
        _move(attempt, "", State.NEW, heard_by="search", actor=actor, said=dict(seen.said))
        _appoint(attempt)
    return attempt


def _method_of(service: PaymentService) -> MethodOfPayment | None:
    """What a payment found at the provider is posted with: the method of the service's first route, or any card."""
    route = PaymentRoute.objects.filter(service=service).select_related("method_of_payment").order_by("pk").first()
    return route.method_of_payment if route else MethodOfPayment.objects.filter(is_card=True, is_active=True).first()


def _locked(attempt_id: int) -> PaymentAttempt:
    return PaymentAttempt.objects.select_for_update(of=("self",)).select_related("service", "basket").get(pk=attempt_id)


def _take_facts(attempt: PaymentAttempt, seen: Payment) -> bool:
    """Write on `attempt` what the provider knows of it; return whether anything worth a line in its story changed."""
    facts = {
        "provider_id": seen.payment_id or attempt.provider_id,
        "created_at": seen.created_at or attempt.created_at,
        "captured_on": seen.captured_on or attempt.captured_on,
        "settled_on": seen.settled_on or attempt.settled_on,
        "gateway_id": seen.gateway_id or attempt.gateway_id,
        "fee": attempt.fee if seen.fee is None else rules.pounds(seen.fee),
        "net": attempt.net if seen.net is None else rules.pounds(seen.net),
        "card_brand": seen.card.brand or attempt.card_brand,
        "card_last_four": seen.card.last_four or attempt.card_last_four,
        "card_kind": seen.card.kind or attempt.card_kind,
        "wallet": seen.card.wallet or attempt.wallet,
    }
    changed = False
    for name, value in facts.items():
        if getattr(attempt, name) != value:
            setattr(attempt, name, value)
            changed = True
    return changed


def _become(
    attempt: PaymentAttempt,
    state: State,
    *,
    heard_by: str,
    actor: Actor,
    reason: str = "",
    code: str = "",
    said: dict | None = None,
    status: str = "",
) -> None:
    before, attempt.state = attempt.state, state
    attempt.provider_code = code or (attempt.provider_code if state == before else "")
    attempt.provider_status = str(status) if status else attempt.provider_status
    with acting(actor, reason or f"Heard by {heard_by}"):
        attempt.save()
    _move(attempt, before, state, heard_by=heard_by, actor=actor, reason=reason, said=said)


def _move(
    attempt: PaymentAttempt,
    before: str,
    after: str,
    *,
    heard_by: str,
    actor: Actor,
    reason: str = "",
    said: dict | None = None,
) -> None:
    AttemptMove.objects.create(
        attempt=attempt,
        before=before,
        after=after,
        heard_by=heard_by,
        said=said or {},
        reason=reason,
        actor_name=actor.name,
    )


def _after(attempt: PaymentAttempt, basket: Basket | None, actor: Actor) -> None:
    if basket is None:
        return
    if attempt.is_paid and basket.state != Basket.State.PAID:
        basket.state = Basket.State.PAID
        with acting(actor, f"Paid by {attempt.reference}"):
            basket.save()
            for link in PaymentLink.objects.filter(basket=basket).exclude(state=PaymentLink.State.PAID):
                link.state, link.closed_at = PaymentLink.State.PAID, clock.now()
                link.save()
        record("payment_made", actor=actor, subject=attempt, data={"amount": str(attempt.paid_total)})
        observers.tell("paid", attempt)
    elif attempt.state in states.NOT_PAID:
        _after_failure(attempt)
    elif attempt.state == State.UNDONE:
        _after_failure(attempt, was_paid=True)
        observers.tell("undone", attempt)


def _after_failure(attempt: PaymentAttempt, *, was_paid: bool = False) -> None:
    """The payment came to nothing: its basket can be paid again while it lasts."""
    basket = attempt.basket
    other = basket.attempts.filter(state__in=(*states.UNFINISHED, *states.TAKEN)).exclude(pk=attempt.pk).exists()
    closed = (Basket.State.CANCELLED,) if was_paid else (Basket.State.PAID, Basket.State.CANCELLED)
    if other or basket.state in closed:
        return
    basket.state = Basket.State.OPEN if basket.expires_at > clock.now() else Basket.State.EXPIRED
    with acting(CARD_DESK, f"{attempt.reference} came to nothing"):
        basket.save()


def _report_stuck(attempt: PaymentAttempt, seen: Payment) -> None:
    if not rules.is_late(seen.status, attempt.asked_at, clock.now()):
        return
    raise_exception(
        actor=CARD_DESK,
        kind=PaymentException.Kind.STUCK,
        key=attempt.reference,
        service=attempt.service,
        attempt=attempt,
        amount=attempt.amount,
        message=f"The provider has not finished payment {attempt.reference} for more than "
        f"{rules.STUCK_AFTER.seconds // 3600} hours. Look at it in the provider's own pages.",
    )


def _appoint(attempt: PaymentAttempt) -> None:
    due = rules.next_look(
        State(attempt.state),
        asked_at=attempt.asked_at,
        now=clock.now(),
        settles=ABILITIES[attempt.service.provider].settlement,
        captured=attempt.captured_on is not None,
    )
    watch(actor=CARD_DESK, kind=Watch.Kind.ATTEMPT, subject_id=attempt.pk, service=attempt.service, due_at=due)
