"""The lists of the payment screens, a page at a time: newest first, without counting everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ims.audit import personal
from ims.audit.actors import Actor
from ims.audit.scope import beyond, scoped
from ims.common import clock
from ims.common.identifiers import record_number
from ims.payments import selectors
from ims.payments.models import (
    AttemptMove,
    BasketLine,
    Dispute,
    PaymentAttempt,
    PaymentException,
    PaymentLink,
    PaymentService,
    Payout,
    ProviderNotification,
    Refund,
    ServiceHealth,
)
from ims.payments.states import UNFINISHED

MOST_FOUND = 5_000
PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What to look for. `text`: our reference, the provider's, or an account reference, from its start."""

    text: str = ""
    state: str = ""
    service: str = ""
    channel: str = ""
    asked_from: date | None = None
    asked_to: date | None = None


@dataclass(frozen=True)
class Page:
    """Some of a list, and the number to ask for the next with; None at its end."""

    rows: list[Any]
    older: int | None


def attempts(actor: Actor, criteria: Criteria, *, before: str = "") -> Page:
    """Payments in the actor's scope that fit, newest first."""
    found = selectors.attempts_visible_to(actor)
    text = criteria.text.strip()
    if text:
        lines = BasketLine.objects.filter(account_reference__startswith=text)[:MOST_FOUND].values("basket")
        found = found.filter(
            Q(reference__startswith=text.upper()) | Q(provider_id=text) | Q(gateway_id=text) | Q(basket__in=lines)
        )
    if criteria.state == "unfinished":
        found = found.filter(state__in=UNFINISHED)
    elif criteria.state:
        found = found.filter(state=criteria.state)
    if criteria.service:
        found = found.filter(service__code=criteria.service)
    if criteria.channel:
        found = found.filter(basket__channel=criteria.channel)
    if criteria.asked_from:
        found = found.filter(asked_at__gte=_start(criteria.asked_from))
    if criteria.asked_to:
        found = found.filter(asked_at__lt=_start(criteria.asked_to + timedelta(days=1)))
    return _page(found.prefetch_related("basket__lines"), before)


def links(actor: Actor, *, before: str = "") -> Page:
    """Payment links in the actor's scope, newest first."""
    found = PaymentLink.objects.select_related("basket").prefetch_related("basket__lines")
    if actor.is_limited:
        outside = beyond(actor, BasketLine.objects.filter(basket=OuterRef("basket")))
        found = scoped(actor, found).filter(~Exists(outside))
    page = _page(found, before)
    personal.veil(actor, page.rows)
    personal.veil(actor, [link.basket for link in page.rows])
    return page


def refunds(actor: Actor, *, before: str = "") -> Page:
    """Refunds in the actor's scope, newest first."""
    found = Refund.objects.select_related("attempt__service", "attempt__basket")
    if actor.is_limited:
        found = found.filter(attempt__in=selectors.attempts_visible_to(actor))
    return _page(found, before)


def payouts(*, before: str = "") -> Page:
    """Payouts of every service, newest first."""
    return _page(Payout.objects.select_related("service", "bank_entry__posting").order_by("-id"), before)


def exceptions(actor: Actor, *, resolved: bool = False) -> QuerySet[PaymentException]:
    """What people must look at, the oldest first; or what was resolved lately."""
    found = selectors.exceptions_visible_to(actor).filter(resolved_at__isnull=not resolved)
    return found.order_by("-resolved_at")[:PAGE] if resolved else found.order_by("raised_at", "id")


def disputes(actor: Actor) -> QuerySet[Dispute]:
    """Disputes in the actor's scope: those to answer first, by deadline; those decided last."""
    return selectors.disputes_visible_to(actor).order_by("state", "respond_by", "-id")


def _page(found: QuerySet, before: str) -> Page:
    number = record_number(before)
    if number is not None:
        found = found.filter(pk__lt=number)
    rows = list(found.order_by("-id")[: PAGE + 1])
    return Page(rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None)


def _start(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@dataclass(frozen=True)
class Happening:
    """One thing in the life of a payment."""

    at: datetime
    title: str
    by: str = ""
    text: str = ""
    tone: str = ""


_TONES = {"paid": "good", "captured": "good", "settled": "good", "undone": "bad", "held": "warning", "error": "bad"}


def story(attempt: PaymentAttempt) -> list[Happening]:
    """The whole life of a payment, the latest first: every move, message, refund, dispute, exception and payout."""
    found = [
        Happening(move.happened_at, _title(move), move.actor_name, _said(move), _TONES.get(move.after, ""))
        for move in AttemptMove.objects.filter(attempt=attempt)
    ]
    if attempt.provider_id:
        messages = ProviderNotification.objects.filter(service=attempt.service, payment_id=attempt.provider_id)
        found += [Happening(message.received_at, f"Message: {message.event}", "The provider") for message in messages]
    for refund in attempt.refunds.all():
        text = f"£{refund.amount:,.2f}: {refund.reason}"
        found.append(Happening(refund.requested_at, f"Refund {refund.number} asked for", refund.requested_name, text))
        if refund.sent_at:
            found.append(Happening(refund.sent_at, f"Refund {refund.number} sent", "Card payments"))
        if refund.finished_at:
            tone = "good" if refund.state == Refund.State.SUCCEEDED else "bad"
            title = f"Refund {refund.number}: {refund.get_state_display().lower()}"
            found.append(Happening(refund.finished_at, title, "Card payments", refund.failure, tone))
    for dispute in attempt.disputes.all():
        text = f"£{dispute.amount:,.2f}, {dispute.cause or 'no reason given'}: {dispute.get_state_display().lower()}"
        found.append(Happening(dispute.heard_at, "Disputed by the payer’s bank", "The provider", text, "bad"))
    for trouble in attempt.exceptions.all():
        found.append(Happening(trouble.raised_at, trouble.get_kind_display(), "", trouble.message, "warning"))
        if trouble.resolved_at:
            found.append(Happening(trouble.resolved_at, "Resolved", trouble.resolved_by, trouble.resolution, "good"))
    for line in attempt.payout_lines.select_related("payout__service"):
        found.append(Happening(line.payout.read_at, f"In payout {line.payout.key}", "The provider"))
    return sorted(found, key=lambda happening: happening.at, reverse=True)


def _title(move: AttemptMove) -> str:
    after = move.get_after_display()
    return after if move.before != move.after else f"{after}: more is known"


_HEARD_BY = {
    "start": "the answer to our request",
    "return": "the payer came back",
    "notification": "a message from the provider",
    "poll": "looked at again",
    "search": "compared with the provider’s list",
    "settlement": "the provider’s payouts",
    "cancel": "cancelled from here",
    "staff": "an officer looked again",
    "provider": "the provider’s refusal",
}


def _said(move: AttemptMove) -> str:
    parts = [f"Heard by: {_HEARD_BY.get(move.heard_by, move.heard_by)}."] if move.before else []
    if move.reason:
        parts.append(move.reason)
    words = [f"{key} {value}" for key, value in move.said.items() if key in ("status", "code")]
    if words:
        parts.append(f"The provider said: {', '.join(words)}.")
    return " ".join(parts)


@dataclass(frozen=True)
class Standing:
    """How card payments stand: what Today and the head of the screens show."""

    exceptions: int
    disputes: list[Dispute]
    failing: list[ServiceHealth]
    held: int

    @property
    def needs_somebody(self) -> bool:
        return bool(self.exceptions or self.disputes or self.failing or self.held)


def standing(actor: Actor) -> Standing:
    """What about card payments needs somebody, within the actor's scope."""
    return Standing(
        exceptions=selectors.exceptions_visible_to(actor).filter(resolved_at__isnull=True).count(),
        disputes=list(
            selectors.disputes_visible_to(actor).filter(state=Dispute.State.NEEDS_RESPONSE).order_by("respond_by")[:10]
        ),
        failing=list(ServiceHealth.objects.select_related("service").filter(failures__gt=0)),
        held=selectors.attempts_visible_to(actor).filter(state="held").count(),
    )


def days_left(dispute: Dispute) -> int | None:
    """Days until a dispute must be answered; None without a deadline."""
    return (dispute.respond_by - clock.today()).days if dispute.respond_by else None


def services() -> QuerySet[PaymentService]:
    """Every payment service, those in use first."""
    return PaymentService.objects.select_related("health").order_by("-is_active", "code")
