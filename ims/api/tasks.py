"""Calling clients, and forgetting spent keys."""

from __future__ import annotations

from datetime import timedelta

from ims.api.models import SpentKey
from ims.api.services import notifying
from ims.common import clock
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run

DAYS_KEPT = 90


@task(notifying.SEND, title="Notify another system of a payment")
def notify(run: Run, *, notification: str) -> str:
    """Send one notification; a second run finds it sent."""
    sent = notifying.send(actor=notifying.NOTIFIER, notification_id=notification)
    return sent.get_state_display() if sent else "Nothing was left to do"


@schedule("api.follow", "* * * * *", title="Notify other systems again where it failed")
def follow() -> None:
    """Try again what did not arrive."""
    notifying.send_due(actor=notifying.NOTIFIER)


@schedule("api.tidy", "23 3 * * *", title="Forget spent idempotency keys")
def tidy() -> None:
    """Keys are kept ninety days."""
    SpentKey.objects.filter(spent_at__lt=clock.now() - timedelta(days=DAYS_KEPT)).delete()
