"""Finding work whose worker died, and putting it back."""

from __future__ import annotations

from django.db import connection, transaction

from ims.common import clock
from ims.jobs.models import JobRun
from ims.jobs.own_connection import own_connection
from ims.jobs.queue import hand_over
from ims.jobs.running import try_lock, unlock

MOST_ATTEMPTS = 3
GAVE_UP = (
    "The worker stopped three times in the middle of this work, which was then given up. Nothing was half done. "
    "Tell support the number of the job, {run}."
)
_FORSAKEN = """
SELECT r.id FROM jobs_jobrun r LEFT JOIN procrastinate_jobs q ON q.id = r.queue_id
WHERE r.state = 'running'
   OR (r.state = 'queued' AND r.queued_at < now() - interval '1 minute'
       AND (q.id IS NULL OR q.status <> 'todo'))
ORDER BY r.id
"""


def sweep() -> list[int]:
    """Put back the runs whose worker died; give up those that died three times. Returns the numbers of both.

    A live worker holds the lock of its run, so that work in progress is never touched. A run in the queue's hands
    but not begun after a minute is treated the same.
    """
    with own_connection() as own:
        candidates = [row[0] for row in own.execute(_FORSAKEN)]
        return [run_id for run_id in candidates if _put_back(own, run_id)]


def _put_back(own: object, run_id: int) -> bool:
    if not try_lock(own, run_id):
        return False
    try:
        with transaction.atomic():
            run = JobRun.objects.select_for_update().get(pk=run_id)
            if run.is_finished:
                return False
            _close_in_queue(run)
            if run.attempts >= MOST_ATTEMPTS:
                run.state, run.error = JobRun.State.FAILED, GAVE_UP.format(run=run.pk)
                run.finished_at = clock.now()
                run.save(update_fields=["state", "error", "finished_at"])
            else:
                run.state, run.message = JobRun.State.QUEUED, "Put back after its worker stopped"
                run.save(update_fields=["state", "message"])
                hand_over(run)
            return True
    finally:
        unlock(own, run_id)


def _close_in_queue(run: JobRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s AND status = 'doing'", [run.queue_id]
        )
