"""Reading messages to payers."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from ims.audit.actors import Actor
from ims.audit.scope import beyond
from ims.common import clock
from ims.correspondence.models import CarrierAccount, Channel, Message
from ims.ledger.models import Entry, Posting


def messages_visible_to(actor: Actor) -> QuerySet[Message]:
    """Messages about postings whose every line lies in the actor's scope; every message for who has no limits."""
    if not actor.may("correspondence.view_message"):
        return Message.objects.none()
    if not actor.is_limited:
        return Message.objects.all()
    outside = beyond(actor, Entry.objects.filter(posting=OuterRef("posting")))
    return Message.objects.filter(~Exists(outside), posting__isnull=False)


def messages_about(actor: Actor, posting: Posting) -> list[Message]:
    """What the payer of `posting` was told, the latest first."""
    return list(messages_visible_to(actor).filter(posting=posting))


def may_post_letters(actor: Actor) -> bool:
    """Whether somebody carries letters, and `actor` may have receipts sent."""
    return (
        actor.may("correspondence.send_message")
        and CarrierAccount.objects.filter(channel=Channel.LETTER, is_active=True).exists()
    )


def not_delivered(actor: Actor, *, days: int = 7) -> QuerySet[Message]:
    """Messages of the last `days` that did not arrive."""
    since = clock.now() - timedelta(days=days)
    return messages_visible_to(actor).filter(state=Message.State.FAILED, finished_at__gte=since)
