"""Telling clients what became of their payments: written with the payment, sent by a job, tried with patience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from ims.api import outward
from ims.api.errors import ClientRefusal
from ims.api.models import ClientPayment, Notification, NotificationTry, NotifyAddress
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.jobs.queue import enqueue

SEND = "api.notify"
FOLLOW = "api.see_secret"
BOTH_SECRETS_FOR = timedelta(days=7)
WAITS = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1440, 1440)]
"""Between tries: three days in all, then it is given up and stays to be sent again by hand."""

HELD_FOR = timedelta(minutes=2)
"""Whoever sends has so long; a killed worker's is taken up by the next one afterwards."""

NOTIFIER = Actor(kind="system", identifier="notifier", name="Notifications to clients", permissions=frozenset({FOLLOW}))


@transaction.atomic
def tell(*, actor: Actor, payment: ClientPayment, event: str, key: str, body: dict[str, Any]) -> list[Notification]:
    """Write down what the payment's client is to be told, at each of its addresses, and ask for it to be sent."""
    authorise(actor, FOLLOW, what="notify clients")
    told = []
    for address in NotifyAddress.objects.filter(client=payment.client_id, is_active=True):
        notification, created = Notification.objects.get_or_create(
            address=address, key=key, defaults={"event": event, "body": body, "due_at": clock.now()}
        )
        if created:
            enqueue(SEND, actor=actor, notification=str(notification.pk))
        told.append(notification)
    return told


def send(*, actor: Actor, notification_id: str) -> Notification | None:
    """Call the client's address once, if it is due; None when there is nothing to do."""
    authorise(actor, FOLLOW, what="notify clients")
    claimed = _claimed(notification_id)
    if claimed is None:
        return None
    told = outward.call(
        claimed.address.url,
        {"id": str(claimed.pk), "event": claimed.event, "made_at": claimed.made_at.isoformat(), "data": claimed.body},
        secrets_in_force(claimed.address),
        {"IMS-Event": claimed.event, "IMS-Notification": str(claimed.pk)},
    )
    with transaction.atomic():
        found = Notification.objects.select_for_update().get(pk=claimed.pk)
        NotificationTry.objects.create(notification=found, status=told.status, outcome=told.outcome)
        if told.arrived:
            found.state, found.delivered_at = Notification.State.DELIVERED, clock.now()
        elif found.tries > len(WAITS):
            found.state = Notification.State.GIVEN_UP
            record("notification_given_up", actor=actor, subject=found, reason=told.outcome)
        else:
            found.due_at = clock.now() + WAITS[found.tries - 1]
        found.save()
    return found


def send_due(*, actor: Actor, most: int = 100) -> int:
    """Send what is due; the number looked at."""
    authorise(actor, FOLLOW, what="notify clients")
    due = Notification.objects.filter(state=Notification.State.WAITING, due_at__lte=clock.now()).order_by("due_at")
    found = list(due.values_list("pk", flat=True)[:most])
    for pk in found:
        send(actor=actor, notification_id=str(pk))
    return len(found)


@transaction.atomic
def send_again(*, actor: Actor, notification_id: str, reason: str) -> Notification:
    """Send a notification once more, whatever became of it: the same words, the same id."""
    authorise(actor, FOLLOW, what="send notifications again")
    found = Notification.objects.select_for_update().get(pk=notification_id)
    if not found.body:
        raise ClientRefusal("What the client was told was disposed of. It can read the payment itself.")
    found.state, found.tries, found.due_at = Notification.State.WAITING, 0, clock.now()
    found.save()
    enqueue(SEND, actor=actor, notification=str(found.pk))
    record("notification_sent_again", actor=actor, subject=found, reason=reason)
    return found


@transaction.atomic
def change_secret(*, actor: Actor, address: NotifyAddress, reason: str) -> NotifyAddress:
    """Begin to sign with a new secret; for a week the old one signs as well, so that the client can change over."""
    authorise(actor, FOLLOW, what="change secrets of notify addresses")
    address = NotifyAddress.objects.select_for_update().get(pk=address.pk)
    if address.previous_until and address.previous_until > clock.now():
        raise ClientRefusal(
            f"The secret was changed a short while ago; the one before works until "
            f"{address.previous_until:%-d %b %Y %H:%M}. Change it again afterwards."
        )
    address.secret_number += 1
    address.previous_until = clock.now() + BOTH_SECRETS_FOR
    with acting(actor, reason):
        address.save()
    record("notify_secret_changed", actor=actor, subject=address, reason=reason)
    return address


def secrets_in_force(address: NotifyAddress) -> list[str]:
    """What signs just now: the present secret and, for a week, the one before."""
    numbers = [address.secret_number]
    if address.previous_until and address.previous_until > clock.now():
        numbers.append(address.secret_number - 1)
    return [outward.secret_of(address.pk, number) for number in numbers]


@transaction.atomic
def _claimed(notification_id: str) -> Notification | None:
    found = (
        Notification.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("address")
        .filter(pk=notification_id, state=Notification.State.WAITING, due_at__lte=clock.now())
        .first()
    )
    if found is None or not found.address.is_active:
        return None
    found.tries, found.due_at = found.tries + 1, clock.now() + HELD_FOR
    found.save(update_fields=["tries", "due_at"])
    return found
