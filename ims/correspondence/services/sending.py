"""Sending what was written: once, with patience, and never inside a transaction.

A message is claimed in one transaction, handed over outside any, and its outcome written in another. When the answer
is lost, a carrier that remembers is asked by our reference before anything is sent again; one that does not (a mail
server) is not tried again by itself, so that nobody gets the same thing twice. Staff see it and can send a copy.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock, masking
from ims.common.errors import ImsError
from ims.correspondence import rules
from ims.correspondence.carriers import carrier_for
from ims.correspondence.models import CarrierAccount, Channel, Message
from ims.providers.messages import CarrierRefused, CarrierUnreachable, Fate, Letter
from ims.providers.messages import Channel as CarrierChannel

logger = logging.getLogger(__name__)
S = Message.State

TAKEN_OVER_AFTER = timedelta(minutes=5)
"""A message being sent for so long is nobody's: the worker that had it is gone."""

FOLLOW = "correspondence.send_message"


def send(*, actor: Actor, message_id: int) -> Message | None:
    """Send one message that is due; None when there is nothing to do for it (another worker has it, or it is sent)."""
    authorise(actor, FOLLOW, what="send messages to payers")
    message = _claimed(actor, message_id)
    if message is None:
        return None
    account = CarrierAccount.objects.filter(pk=message.channel, is_active=True).first()
    if account is None:
        return _failed(
            actor,
            message,
            f"No carrier is set up for {message.get_channel_display().lower()}. Set one up, then resend.",
        )
    try:
        carrier = carrier_for(account)
        carrier_id = carrier.find(message.reference) if message.may_have_gone and carrier.remembers else ""
        carrier_id = carrier_id or carrier.send(_letter(message))
    except CarrierRefused as refusal:
        return _failed(actor, message, refusal.message)
    except CarrierUnreachable as fault:
        return _not_now(actor, message, account, fault)
    except ImsError as refusal:
        return _failed(actor, message, refusal.message)
    return _sent(actor, message, account, carrier_id)


def send_due(*, actor: Actor, most: int = 200) -> int:
    """Send what waits and is due, and ask after what was sent; the number looked at."""
    authorise(actor, FOLLOW, what="send messages to payers")
    moment = clock.now()
    waiting = Message.objects.filter(state__in=[S.WAITING, S.SENDING], due_at__lte=moment)
    asked = Message.objects.filter(state=S.SENT, due_at__lte=moment)
    count = 0
    for pk in [*waiting.order_by("due_at").values_list("pk", flat=True)[:most]]:
        send(actor=actor, message_id=pk)
        count += 1
    for pk in [*asked.order_by("due_at").values_list("pk", flat=True)[:most]]:
        ask_after(actor=actor, message_id=pk)
        count += 1
    return count


def ask_after(*, actor: Actor, message_id: int) -> None:
    """Ask the carrier what became of a message it took."""
    authorise(actor, FOLLOW, what="follow messages to payers")
    message = Message.objects.filter(pk=message_id, state=S.SENT).first()
    account = CarrierAccount.objects.filter(pk=message.channel).first() if message else None
    if message is None or account is None:
        return
    try:
        fate, word = carrier_for(account).fate(message.carrier_id)
    except ImsError as fault:
        logger.warning("What became of message %s could not be asked: %s", message.pk, fault)
        fate, word = Fate.ON_ITS_WAY, message.carrier_word
    hear(actor=actor, message_id=message.pk, fate=fate, word=word)


@transaction.atomic
def hear(*, actor: Actor, message_id: int, fate: Fate, word: str) -> None:
    """Take in what a carrier says of a message, by asking or by being told; a second time changes nothing."""
    authorise(actor, FOLLOW, what="follow messages to payers")
    message = Message.objects.select_for_update().get(pk=message_id)
    came_back = message.state == S.DELIVERED and message.channel == Channel.LETTER and fate == Fate.BOUNCED
    if message.state not in (S.SENT, S.SENDING) and not came_back:
        return
    moment = clock.now()
    message.carrier_word = word
    if fate == Fate.DELIVERED:
        message.state, message.finished_at = S.DELIVERED, moment
    elif fate in (Fate.BOUNCED, Fate.FAILED):
        message.state, message.finished_at = S.FAILED, moment
        message.failure = _WHY_NOT[fate, message.channel == Channel.LETTER]
    else:
        wait = rules.next_question(moment - (message.sent_at or moment))
        message.due_at = moment + (wait or timedelta(days=3650))
    with acting(actor, f"Carrier says: {word}"):
        message.save()
    if message.state == S.FAILED:
        record("message_not_delivered", actor=actor, subject=message, data={"carrier": word})


_WHY_NOT = {
    (Fate.BOUNCED, False): "It cannot be delivered there: the address is wrong or closed. Ask the payer for another.",
    (Fate.BOUNCED, True): "The letter came back, or cannot be printed. Ask the payer for the right address.",
    (Fate.FAILED, False): "It was not delivered this time. Send a copy, or another way.",
    (Fate.FAILED, True): "The letter was not printed. Send it again, or another way.",
}
"""Why a message did not arrive: by its fate, and whether it was a letter."""


def _claimed(actor: Actor, message_id: int) -> Message | None:
    with transaction.atomic():
        message = Message.objects.select_for_update(skip_locked=True).filter(pk=message_id).first()
        if message is None or message.state not in (S.WAITING, S.SENDING) or message.due_at > clock.now():
            return None
        if message.state == S.SENDING and not _may_ask_again(message):
            _fail(actor, message, _NOBODY_KNOWS)
            return None
        message.may_have_gone = message.may_have_gone or message.state == S.SENDING
        message.state, message.tries = S.SENDING, message.tries + 1
        message.due_at = clock.now() + TAKEN_OVER_AFTER
        with acting(actor, "Sending"):
            message.save()
        return message


_NOBODY_KNOWS = (
    "The connection to the mail server broke while the message was handed over: it may have been sent or not. "
    "Ask the payer, and send a copy if it did not arrive."
)


def _may_ask_again(message: Message) -> bool:
    account = CarrierAccount.objects.filter(pk=message.channel).first()
    return account is not None and account.kind != CarrierAccount.Kind.SMTP


def _letter(message: Message) -> Letter:
    lines = message.to.splitlines() if message.channel == Channel.LETTER else []
    return Letter(
        channel=CarrierChannel(message.channel),
        reference=message.reference,
        to="" if lines else message.to,
        address=lines,
        subject=message.subject,
        body=message.body,
    )


@transaction.atomic
def _sent(actor: Actor, message: Message, account: CarrierAccount, carrier_id: str) -> Message:
    message = Message.objects.select_for_update().get(pk=message.pk)
    moment = clock.now()
    message.state, message.sent_at = S.SENT, moment
    message.carrier, message.carrier_id = account.kind, carrier_id
    message.failure = ""
    final = account.kind in (CarrierAccount.Kind.SMTP, CarrierAccount.Kind.PRACTICE)
    message.due_at = moment + (timedelta(days=3650) if final else timedelta(minutes=1))
    with acting(actor, f"Taken by {account.get_kind_display()}"):
        message.save()
    return message


@transaction.atomic
def _not_now(actor: Actor, message: Message, account: CarrierAccount, fault: CarrierUnreachable) -> Message:
    message = Message.objects.select_for_update().get(pk=message.pk)
    if fault.may_have_gone and account.kind == CarrierAccount.Kind.SMTP:
        return _fail(actor, message, _NOBODY_KNOWS)
    wait = rules.wait_after(message.tries)
    if wait is None:
        return _fail(actor, message, f"{fault.message} It was tried {message.tries} times and given up.")
    message.state, message.may_have_gone = S.WAITING, message.may_have_gone or fault.may_have_gone
    why = masking.contacts_within(fault.message)
    message.failure = f"{why} It is tried again."
    message.due_at = clock.now() + max(wait, timedelta(seconds=fault.seconds))
    with acting(actor, why):
        message.save()
    return message


def _failed(actor: Actor, message: Message, sentence: str) -> Message:
    with transaction.atomic():
        return _fail(actor, Message.objects.select_for_update().get(pk=message.pk), sentence)


def _fail(actor: Actor, message: Message, sentence: str) -> Message:
    sentence = masking.contacts_within(sentence)  # it goes into the trail, which is kept longer than addresses
    message.state, message.failure, message.finished_at = S.FAILED, sentence, clock.now()
    with acting(actor, sentence):
        message.save()
    record("message_not_sent", actor=actor, subject=message, reason=sentence)
    return message
