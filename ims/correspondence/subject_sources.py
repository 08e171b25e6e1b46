"""What correspondence holds about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from ims.audit.subjects import About, Found, source
from ims.correspondence.models import Channel, Message, Purpose
from ims.ledger.subject_sources import entries_about
from ims.payments.models import PaymentLink
from ims.payments.subject_sources import baskets_about


@source("messages", "Messages the council sent", why="What a payer was told of a payment, as it was sent.", order=25)
def messages(about: About) -> Iterator[Found]:
    """Messages to the address or number, about the receipts, or with payment links of the person."""
    for each in _fitting(about).select_related("posting").order_by("pk").iterator(500):
        yield Found(
            f"message:{each.pk}",
            {
                "Written": each.created_at,
                "What": each.get_purpose_display(),
                "By": each.get_channel_display(),
                "To": each.to,
                "About": str(each.posting or ""),
                "Subject": each.subject,
                "Words": each.body,
                "Became of it": each.get_state_display(),
                "Why not delivered": each.failure,
            },
        )


@source(
    "message_history",
    "Earlier states of messages",
    why="When a message was sent, tried again and delivered.",
    order=26,
)
def history(about: About) -> Iterator[Found]:
    """Each step of those messages. The words never change and are not said again."""
    keys = list(_fitting(about).values_list("pk", flat=True))
    for each in Message.history.filter(id__in=keys).order_by("history_id").iterator(500):
        yield Found(
            f"message-history:{each.history_id}",
            {
                "Message": each.id,
                "When": each.history_date,
                "By": each.actor_name,
                "To": each.to,
                "State": each.get_state_display(),
                "Carrier": each.carrier,
                "Why not delivered": each.failure,
            },
        )


def _fitting(about: About) -> QuerySet[Message]:
    condition = Q(posting__in=entries_about(about).order_by().values("posting"))
    for link in PaymentLink.objects.filter(basket__in=baskets_about(about)).values_list("pk", flat=True):
        condition |= Q(purpose=Purpose.LINK, key__startswith=f"link:{link}:")
    if about.email:
        condition |= Q(to__iexact=about.email)
    if about.digits:
        condition |= Q(channel=Channel.TEXT, to__regex=r"\D*".join(about.digits) + r"\D*$")
    for text in (about.name, about.postcode):
        if text:
            condition |= Q(channel=Channel.LETTER, to__icontains=text) | Q(body__icontains=text)
    return Message.objects.filter(condition)
