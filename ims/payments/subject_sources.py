"""What payments hold about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from django.db.models import F, Func, Q, QuerySet, TextField, Value

from ims.audit.subjects import About, Found, source
from ims.ledger.subject_sources import entries_about
from ims.payments.models import Basket, BasketLine, PaymentAttempt, PaymentLink


@source(
    "card_payments",
    "Card payments",
    why="What was paid or meant to be paid by card, for receipts, refunds and disputes.",
    order=21,
)
def card_payments(about: About) -> Iterator[Found]:
    """Each thing to be paid, of baskets of the person or about the references."""
    lines = BasketLine.objects.filter(basket__in=baskets_about(about)).select_related("basket", "fund")
    for each in lines.order_by("basket_id", "line").iterator(500):
        yield Found(
            f"basket-line:{each.pk}",
            {
                "Reference": each.reference,
                "Made": each.basket.created_at,
                "State": each.basket.get_state_display(),
                "Payer": each.basket.payer_name,
                "E-mail": each.basket.email,
                "Telephone": each.basket.telephone,
                "Address": each.basket.address,
                "Postcode": each.basket.postcode,
                "Fund": str(each.fund),
                "Account reference": each.account_reference,
                "For": each.narrative,
                "Amount": each.amount,
            },
        )


@source("cards", "Cards that were used", why="To know a payment again and to give money back.", order=22)
def cards(about: About) -> Iterator[Found]:
    """The attempts to pay those baskets, with what the provider tells of the card."""
    baskets = baskets_about(about)
    attempts = PaymentAttempt.objects.filter(basket__in=baskets).select_related("posting").prefetch_related("disputes")
    for each in attempts.order_by("pk").iterator(500):
        yield Found(
            f"attempt:{each.pk}",
            {
                "Payment": each.reference,
                "Asked": each.asked_at,
                "State": each.get_state_display(),
                "Paid": each.paid_total,
                "Card": " ".join(filter(None, (each.card_brand, each.card_kind, each.card_last_four, each.wallet))),
                "Provider's number": each.provider_id or "",
                "Receipt": str(each.posting or ""),
                "Disputes": "; ".join(
                    filter(None, (f"{one} {one.cause} {one.note}".strip() for one in each.disputes.all()))
                ),
            },
        )


@source("payment_links", "Payment links", why="Invitations to pay, sent to the person.", order=23)
def payment_links(about: About) -> Iterator[Found]:
    """Links sent to the address or number, or for the baskets."""
    condition = Q(basket__in=baskets_about(about)) | _contact(about)
    for each in PaymentLink.objects.filter(condition).select_related("basket").order_by("pk"):
        yield Found(
            f"link:{each.pk}",
            {
                "Payment": each.basket.reference,
                "Made": each.created_at,
                "By": each.actor_name,
                "State": each.get_state_display(),
                "E-mail": each.email,
                "Telephone": each.telephone,
                "Message": each.message,
            },
        )


@source(
    "payment_history",
    "Earlier states of card payments",
    why="Who changed what, so that a mistake can be found and shown.",
    order=24,
)
def history(about: About) -> Iterator[Found]:
    """What payers' details and links said before."""
    baskets = set(baskets_about(about).values_list("pk", flat=True))
    past = Basket.history.filter(_payer(about)).values_list("id", flat=True)
    found = Basket.history.filter(id__in=baskets | set(past)).order_by("history_id")
    links = PaymentLink.history.filter(Q(basket_id__in=baskets) | _contact(about)).order_by("history_id")
    for each in chain(found.iterator(500), links.iterator(500)):
        yield Found(
            f"{each._meta.model_name}:{each.history_id}",
            {
                "When": each.history_date,
                "By": each.actor_name,
                "What": each.history_object._meta.verbose_name.capitalize(),
                "State": each.get_state_display(),
                "Payer": getattr(each, "payer_name", ""),
                "E-mail": each.email,
                "Telephone": each.telephone,
                "Address": getattr(each, "address", ""),
                "Postcode": getattr(each, "postcode", ""),
                "Message": getattr(each, "message", ""),
            },
        )


def baskets_about(about: About) -> QuerySet[Basket]:
    """The baskets that may be the person's: by what they gave of themselves, by the references, by the receipts."""
    condition = _payer(about)
    if about.references:
        lines = BasketLine.objects.filter(account_reference__in=about.spellings)
        condition |= Q(pk__in=lines.values("basket"))
    paid = entries_about(about).order_by().values("posting")
    condition |= Q(pk__in=PaymentAttempt.objects.filter(posting__in=paid, basket__isnull=False).values("basket"))
    return Basket.objects.filter(condition)


def _payer(about: About) -> Q:
    condition = _contact(about)
    if about.name:
        condition |= Q(payer_name__icontains=about.name)
    if about.postcode:
        compact = Func(F("postcode"), Value(" "), Value(""), function="replace", output_field=TextField())
        condition |= Q(pk__in=Basket.objects.alias(code=compact).filter(code__iexact=about.postcode.replace(" ", "")))
    return condition


def _contact(about: About) -> Q:
    """The e-mail address or telephone number, on a basket or a link."""
    condition = Q(pk__in=[])
    if about.email:
        condition |= Q(email__iexact=about.email)
    if about.digits:
        condition |= Q(telephone__regex=r"\D*".join(about.digits) + r"\D*$")
    return condition
