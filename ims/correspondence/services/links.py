"""Sending payment links that staff made."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from ims.audit.actors import Actor, authorise
from ims.common.errors import NotFound
from ims.common.money import format_pounds
from ims.correspondence import composing
from ims.correspondence.errors import CorrespondenceRefusal
from ims.correspondence.models import Channel, Message
from ims.correspondence.services import writing
from ims.payments import selectors
from ims.payments.models import PaymentLink
from ims.payments.services import links


@transaction.atomic
def send_link(*, actor: Actor, link_id: int, address: str) -> Message:
    """Send a payment link to whom it was made for: by e-mail where there is an address, else by text message.

    `address` is the whole address of the payer's page. Sent again it is a further message. Raises
    `CorrespondenceRefusal` for a link that is over, `NotFound` outside the actor's funds.
    """
    authorise(actor, "payments.send_link", what="send payment links")
    link = PaymentLink.objects.select_related("basket").filter(pk=link_id).first()
    if link is None or not selectors.is_in_scope(actor, link.basket):
        raise NotFound("There is no such link, or it is not in your funds.")
    if link.state not in links.OPEN:
        raise CorrespondenceRefusal(f"This link is over: {link.get_state_display().lower()}. Make a new one.")
    channel, to = (Channel.EMAIL, link.email) if link.email else (Channel.TEXT, link.telephone)
    before = Message.objects.filter(key__startswith=f"link:{link.pk}:").count()
    message = writing.write_link(
        actor=actor,
        channel=channel,
        to=to,
        language=link.basket.language,
        key=f"link:{link.pk}:{before + 1}",
        funds=[line.fund_id for line in link.basket.lines.all()],
        values=_values(link, address),
    )
    links.mark_sent(actor=actor, link_id=link.pk)
    return message


def _values(link: PaymentLink, address: str) -> dict[str, str]:
    language = link.basket.language
    lines = link.basket.lines.select_related("fund").order_by("line")
    return {
        "message": link.message,
        "lines": "\n".join(
            f"{composing.title_of(line.fund_id, line.narrative, line.fund.display_name or line.fund.name, language)}"
            f"{f', {line.account_reference}' if line.account_reference else ''}: {format_pounds(line.amount)}"
            for line in lines
        ),
        "total": format_pounds(link.basket.total),
        "link": address,
        "expires": composing.day_in_words(timezone.localtime(link.expires_at).date(), language),
    }
