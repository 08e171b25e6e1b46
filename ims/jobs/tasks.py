"""Housekeeping of the queue itself."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from ims.common import clock
from ims.jobs.models import JobRun
from ims.jobs.queue import schedule
from ims.jobs.sweep import sweep

DAYS_KEPT = 90


@schedule("jobs.sweep", "* * * * *", title="Find work whose worker stopped")
def sweep_every_minute() -> None:
    """Put back what dead workers left."""
    sweep()


@schedule("jobs.tidy", "17 3 * * *", title="Remove old job records")
def tidy() -> None:
    """Remove runs that succeeded, and the queue's own rows, after ninety days. Failures stay until looked at."""
    long_ago = clock.now() - timedelta(days=DAYS_KEPT)
    JobRun.objects.filter(state=JobRun.State.SUCCEEDED, finished_at__lt=long_ago).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE status IN ('succeeded', 'failed', 'cancelled', 'aborted')"
            " AND id IN (SELECT job_id FROM procrastinate_events WHERE at < %s)",
            [long_ago],
        )
