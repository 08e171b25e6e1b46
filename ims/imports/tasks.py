"""The long steps of an import, as jobs. Both may run twice: the batch's state decides whether anything is left."""

from __future__ import annotations

from ims.audit.actors import job
from ims.common.money import format_pounds
from ims.imports import services
from ims.imports.models import ImportBatch
from ims.imports.moving import find_batch, is_claimed, move
from ims.imports.services.requesting import CHECK_JOB, POST_JOB
from ims.imports.states import BatchState
from ims.jobs.models import JobRun
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run


@task(CHECK_JOB, title="Check a file")
def check(run: Run, *, batch: int) -> str:
    """Check a batch; a second run after the first was killed begins again."""
    checked = services.check(actor=run.actor, batch_id=batch, report=run.report)
    if checked.state == BatchState.REFUSED:
        return f"Refused: {checked.error}"
    return f"{checked.row_count:,} rows checked"


@task(POST_JOB, title="Post a file")
def post(run: Run, *, batch: int) -> str:
    """Post a batch; does nothing when an earlier run, killed after its commit, has posted it."""
    found = find_batch(batch)
    if found.state != BatchState.POSTED:
        found = services.post(actor=run.actor, batch_id=batch, report=run.report)
    if found.posting is None:
        return "Nothing was ready to post; rows wait to be corrected"
    return f"{found.posting.entry_count:,} entries, {format_pounds(found.posting.total)}, posted as {found.posting}"


@schedule("imports.release", "* * * * *", title="Release imports whose worker stopped")
def release() -> list[int]:
    """Free batches left at work by a process that died outside the queue, so that somebody can go on with them.

    A batch being posted goes back to “ready to post”: its transaction was undone, so nothing of it is in the ledger.
    """
    released = []
    for batch in ImportBatch.objects.filter(state__in=[BatchState.CHECKING, BatchState.POSTING]):
        if is_claimed(batch.pk) or _is_in_the_queue(batch):
            continue
        if batch.state == BatchState.POSTING:
            move(
                batch,
                "stop_posting",
                actor=job("imports.release"),
                note="The posting was interrupted; nothing was posted.",
            )
        else:
            error = "The check was interrupted. Nothing was posted. Check it again."
            move(batch, "fail", actor=job("imports.release"), error=error)
        released.append(batch.pk)
    return released


def _is_in_the_queue(batch: ImportBatch) -> bool:
    waiting = (JobRun.State.QUEUED, JobRun.State.RUNNING)
    return JobRun.objects.filter(
        subject_type="imports.importbatch", subject_id=str(batch.pk), state__in=waiting
    ).exists()
