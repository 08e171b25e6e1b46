"""Carrying out disposals in the background."""

from __future__ import annotations

from ims.jobs.queue import task
from ims.jobs.running import Run
from ims.records import services


@task(services.DISPOSAL_JOB, title="Dispose of records")
def dispose(run: Run, *, disposal: int) -> str:
    """Carry out a disposal two people decided on; a second run after a kill goes on where it stopped."""
    done = services.carry_out(actor=run.actor, disposal_id=disposal, report=run.report)
    return f"{done.done:,} rows done; certificate {done.sha256[:16]}…"
