"""Writing messages down. What is written is sent by a job, after the transaction that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.scope import beyond
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.money import format_pounds
from ims.correspondence import composing, rules
from ims.correspondence.errors import CorrespondenceRefusal
from ims.correspondence.models import CarrierAccount, Channel, Message, Purpose
from ims.correspondence.status_links import status_address
from ims.jobs.queue import enqueue
from ims.ledger.models import Posting
from ims.payments.models import Basket, PaymentAttempt
from ims.payments.selectors import get_attempt
from ims.payments.states import POSTED

SEND = "correspondence.send"
WRITE = "correspondence.send_message"


@transaction.atomic
def write_receipts(*, actor: Actor, attempt: PaymentAttempt, is_copy: bool = False) -> list[Message]:
    """Write the receipt of a payment, by every way the payer asked for; nothing when they asked for none."""
    authorise(actor, WRITE, what="write to payers")
    basket = attempt.basket
    method = composing.method_in_words(
        attempt.card_brand, attempt.card_last_four, attempt.method_of_payment.name, basket.language
    )
    values = composing.receipt_values(
        attempt.posting, basket.language, method=method, status=status_address(attempt.return_token), is_copy=is_copy
    )
    return [
        _write(
            actor=actor,
            purpose=Purpose.RECEIPT,
            channel=channel,
            to=to,
            language=basket.language,
            posting=attempt.posting,
            values=values,
            key=_copy_key(attempt.posting, channel) if is_copy else f"receipt:{attempt.posting_id}:{channel}",
            copy_of=_first(attempt.posting, channel) if is_copy else None,
        )
        for channel, to in _ways(basket)
    ]


@transaction.atomic
def write_undone(*, actor: Actor, attempt: PaymentAttempt) -> list[Message]:
    """Tell whoever had a receipt that the payment failed after all."""
    authorise(actor, WRITE, what="write to payers")
    values = composing.receipt_values(attempt.posting, attempt.basket.language, method="")
    return _write_every_way(actor, attempt, Purpose.UNDONE, values, key=f"undone:{attempt.posting_id}")


@transaction.atomic
def write_refund(*, actor: Actor, attempt: PaymentAttempt, refund_key: str, amount: Decimal) -> list[Message]:
    """Tell the payer that money was given back."""
    authorise(actor, WRITE, what="write to payers")
    values = {
        **composing.receipt_values(attempt.posting, attempt.basket.language, method=""),
        "amount": format_pounds(amount),
    }
    return _write_every_way(actor, attempt, Purpose.REFUND, values, key=f"refund:{refund_key}")


@transaction.atomic
def post_receipt(*, actor: Actor, attempt_id: int, address: Sequence[str], reason: str, key: str) -> Message:
    """Have the receipt of a payment printed and posted to `address`, its lines with the postcode last.

    Each letter costs money, so none is sent by itself. It is marked as a copy when the payer was sent the receipt
    before. `key` makes a second click the same letter. Raises `CorrespondenceRefusal` for an address that cannot be
    written to, a payment without a receipt, or a council without a carrier of letters; `NotFound` outside the actor's
    funds.
    """
    authorise(actor, WRITE, what="send receipts by post")
    attempt = get_attempt(actor, attempt_id)
    if attempt.posting is None or attempt.state not in POSTED:
        raise CorrespondenceRefusal("This payment has no receipt that holds.", code="no_receipt")
    if not CarrierAccount.objects.filter(channel=Channel.LETTER, is_active=True).exists():
        raise CorrespondenceRefusal(
            "No carrier of letters is set up. An administrator adds one under Carriers of messages.", code="no_carrier"
        )
    if not reason.strip():
        raise CorrespondenceRefusal("Say why it is sent by post. The audit trail keeps it.", code="reason_missing")
    lines = [line.strip() for line in address if line.strip()]
    if fault := rules.address_fault(lines):
        raise CorrespondenceRefusal(fault, code="bad_address")
    natural_key = f"receipt:{attempt.posting_id}:letter:{key}"
    if clicked_before := Message.objects.filter(key=natural_key).first():
        return clicked_before
    language = attempt.basket.language if attempt.basket else "en"
    earlier = Message.objects.filter(posting=attempt.posting, purpose=Purpose.RECEIPT, copy_of=None).first()
    letter = _write(
        actor=actor,
        purpose=Purpose.RECEIPT,
        channel=Channel.LETTER,
        to="\n".join([*lines[:-1], lines[-1].upper()]),
        language=language,
        posting=attempt.posting,
        values=composing.receipt_values(
            attempt.posting,
            language,
            method=composing.method_in_words(
                attempt.card_brand, attempt.card_last_four, attempt.method_of_payment.name, language
            ),
            status=status_address(attempt.return_token),
            is_copy=earlier is not None,
        ),
        key=natural_key,
        copy_of=earlier,
    )
    record("receipt_posted", actor=actor, subject=letter, reason=reason)
    return letter


@transaction.atomic
def send_again(*, actor: Actor, message_id: int, to: str = "", reason: str) -> Message:
    """Send a receipt once more, marked as a copy, to `to` or where it went before.

    Raises `CorrespondenceRefusal` for anything but a receipt, `NotFound` outside the actor's funds.
    """
    authorise(actor, WRITE, what="send receipts again")
    found = Message.objects.select_related("posting").filter(pk=message_id).first()
    if found is None or not is_in_scope(actor, found):
        raise NotFound("There is no such message, or it is about funds that you may not see.")
    if found.purpose != Purpose.RECEIPT or found.posting is None:
        raise CorrespondenceRefusal("Only receipts can be sent again.")
    where = to.strip() or found.to
    if not where:
        raise CorrespondenceRefusal("Where the receipt went was disposed of. Say where the copy goes.")
    if Posting.objects.filter(reverses=found.posting).exists():
        raise CorrespondenceRefusal(
            f"{found.posting} was reversed: its receipt does not hold any more, and no copy of it is sent.",
            code="no_receipt",
        )
    if fault := _cannot_reach(found.channel, where):
        raise CorrespondenceRefusal(fault, code="bad_address")
    attempt = PaymentAttempt.objects.select_related("basket", "method_of_payment").filter(posting=found.posting).first()
    method = (
        composing.method_in_words(
            attempt.card_brand, attempt.card_last_four, attempt.method_of_payment.name, found.language
        )
        if attempt
        else found.posting.entries.select_related("method_of_payment").first().method_of_payment.name
    )
    status = status_address(attempt.return_token) if attempt else ""
    copy = _write(
        actor=actor,
        purpose=Purpose.RECEIPT,
        channel=found.channel,
        to=where,
        language=found.language,
        posting=found.posting,
        values=composing.receipt_values(found.posting, found.language, method=method, status=status, is_copy=True),
        key=_copy_key(found.posting, found.channel),
        copy_of=found.copy_of or found,
    )
    record("receipt_sent_again", actor=actor, subject=copy, reason=reason, data={"copy_of": found.pk})
    return copy


def _cannot_reach(channel: str, where: str) -> str:
    if channel == Channel.LETTER:
        return rules.address_fault(where.splitlines())
    if channel == Channel.EMAIL:
        try:
            validate_email(where)
        except ValidationError:
            return "That is no e-mail address. Give one, like ada.moss@example.org."
    return ""


@transaction.atomic
def write_link(
    *,
    actor: Actor,
    channel: str,
    to: str,
    language: str,
    key: str,
    funds: list[str],
    values: dict[str, str],
) -> Message:
    """Write a payment link to whoever is to pay. `values` are for the places of a link's wording."""
    authorise(actor, "payments.send_link", what="send payment links")
    return _write(
        actor=actor,
        purpose=Purpose.LINK,
        channel=channel,
        to=to,
        language=language,
        posting=None,
        values={**composing.council_values(language), **values},
        key=key,
        funds=funds,
    )


def is_in_scope(actor: Actor, message: Message) -> bool:
    """Whether every line the message is about lies in the actor's scope."""
    if not actor.is_limited:
        return True
    return message.posting_id is not None and not beyond(actor, message.posting.entries.all()).exists()


def _write_every_way(
    actor: Actor, attempt: PaymentAttempt, purpose: str, values: dict[str, str], *, key: str
) -> list[Message]:
    """Write a message about a payment by every way the payer wants to hear, once each for `key`."""
    return [
        _write(
            actor=actor,
            purpose=purpose,
            channel=channel,
            to=to,
            language=attempt.basket.language,
            posting=attempt.posting,
            values=values,
            key=f"{key}:{channel}",
        )
        for channel, to in _ways(attempt.basket)
    ]


def _write(
    *,
    actor: Actor,
    purpose: str,
    channel: str,
    to: str,
    language: str,
    posting: Posting | None,
    values: dict[str, str],
    key: str,
    copy_of: Message | None = None,
    funds: list[str] | None = None,
) -> Message:
    """Write one message, once for its key, and ask for the job that sends it."""
    if earlier := Message.objects.filter(key=key).first():
        return earlier
    if funds is None:
        funds = list(posting.entries.values_list("fund_id", flat=True)) if posting else []
    words = composing.compose(purpose, channel, language, funds=funds, values=values)
    with acting(actor, "Written"):
        message, is_new = Message.objects.get_or_create(
            key=key,
            defaults={
                "purpose": purpose,
                "channel": channel,
                "language": language,
                "to": to,
                "subject": words.subject,
                "body": words.body,
                "posting": posting,
                "copy_of": copy_of,
                "due_at": clock.now(),
            },
        )
    if not is_new:  # written at the same moment by somebody else
        return message
    enqueue(SEND, actor=actor, subject=message, message=message.pk)
    return message


def _ways(basket: Basket) -> list[tuple[str, str]]:
    """How the payer wants to hear: by e-mail; by text only when there is no e-mail."""
    if basket.email:
        return [(Channel.EMAIL, basket.email)]
    return [(Channel.TEXT, basket.telephone)] if basket.telephone else []


def _first(posting: Posting, channel: str) -> Message | None:
    return Message.objects.filter(posting=posting, purpose=Purpose.RECEIPT, channel=channel, copy_of=None).first()


def _copy_key(posting: Posting, channel: str) -> str:
    copies = Message.objects.filter(posting=posting, purpose=Purpose.RECEIPT, channel=channel).count()
    return f"receipt:{posting.pk}:{channel}:copy-{copies}"
