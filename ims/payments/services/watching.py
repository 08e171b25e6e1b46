"""Appointments to look again, and whether a service answers. Technical: nothing is lost with them but time."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import connection, transaction

from ims.audit.actors import Actor, authorise
from ims.common import clock
from ims.payments import rules
from ims.payments.models import PaymentService, ServiceHealth, Watch

CLAIMED_FOR = timedelta(minutes=2)
"""Whoever claims an appointment has so long; a killed worker's is taken up by the next one afterwards."""

_CLAIM = """
UPDATE payments_watch SET due_at = %(until)s, looks = looks + 1
WHERE id IN (
  SELECT w.id FROM payments_watch w
  LEFT JOIN payments_servicehealth h ON h.service_id = w.service_id
  WHERE w.due_at <= %(now)s AND (h.retry_at IS NULL OR h.retry_at <= %(now)s)
  ORDER BY w.due_at LIMIT %(most)s FOR UPDATE OF w SKIP LOCKED)
RETURNING kind, subject_id
"""


def watch(*, actor: Actor, kind: str, subject_id: int, service: PaymentService, due_at: datetime | None) -> None:
    """Look at something at `due_at`, give or take a tenth of the time until then; None: no more."""
    authorise(actor, "payments.view_paymentattempt", what="follow payments")
    if due_at is None:
        Watch.objects.filter(kind=kind, subject_id=subject_id).delete()
        return
    moment = clock.now()
    spread = max((due_at - moment).total_seconds(), 0) * random.uniform(0, 0.1)  # noqa: S311 - keeps looks apart
    appointment = Watch(kind=kind, subject_id=subject_id, service=service, due_at=due_at + timedelta(seconds=spread))
    # One statement, whether there is an appointment or not.
    Watch.objects.bulk_create(
        [appointment],
        update_conflicts=True,
        unique_fields=["kind", "subject_id"],
        update_fields=["service", "due_at"],
    )


@transaction.atomic
def claim(*, actor: Actor, most: int) -> list[tuple[str, int]]:
    """Take up to `most` appointments that are due, of services that are not being left alone; nobody else gets them."""
    authorise(actor, "payments.view_paymentattempt", what="follow payments")
    moment = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": moment, "until": moment + CLAIMED_FOR, "most": most})
        return cursor.fetchall()


def note_answer(*, actor: Actor, service: PaymentService) -> None:
    """The service answered: nothing is left alone any more."""
    authorise(actor, "payments.view_paymentattempt", what="follow payments")
    health = getattr(service, "health", None)
    moment = clock.now()
    if health is None:
        ServiceHealth.objects.get_or_create(service=service, defaults={"answered_at": moment})
    elif health.failures or health.answered_at is None or moment - health.answered_at > timedelta(minutes=1):
        # Written seldom, so that payments never wait for one another on this row.
        ServiceHealth.objects.filter(pk=service.pk).update(
            failures=0, failing_since=None, retry_at=None, answered_at=moment
        )


@transaction.atomic
def note_failure(*, actor: Actor, service: PaymentService, error: str, retry_after: int | None = None) -> None:
    """The service did not answer: background work leaves it alone for a while, longer each time."""
    authorise(actor, "payments.view_paymentattempt", what="follow payments")
    ServiceHealth.objects.get_or_create(service=service)
    health = ServiceHealth.objects.select_for_update().get(pk=service.pk)
    moment = clock.now()
    pause = max(rules.back_off(health.failures + 1), timedelta(seconds=retry_after or 0))
    health.failures += 1
    health.failing_since = health.failing_since or moment
    health.retry_at = moment + pause
    health.last_error = error
    health.save()


@transaction.atomic
def note_read(*, actor: Actor, service: PaymentService, read_to: datetime) -> None:
    """Everything made up to `read_to` has been compared with the provider's own list."""
    authorise(actor, "payments.view_paymentattempt", what="follow payments")
    ServiceHealth.objects.filter(pk=service.pk).update(read_to=read_to)
