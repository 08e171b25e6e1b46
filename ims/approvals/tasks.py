"""Telling those who may decide, and ending what nobody decided."""

from __future__ import annotations

from ims.approvals import letters, services
from ims.audit.actors import job
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run


@task(services.TELL_JOB, title="Tell who may approve")
def tell(run: Run, *, request: int) -> str:
    """Write to everybody who may decide a request that still waits."""
    return letters.tell(request)


@schedule("approvals.expire", "10 0 * * *", title="End requests that nobody decided")
def expire() -> None:
    """Just after midnight: end the requests whose last day has passed."""
    services.expire(actor=job("approvals.expire"))
