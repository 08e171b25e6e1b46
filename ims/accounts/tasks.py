"""Checking and loading large files of account holders in the background. Both may run twice."""

from __future__ import annotations

from ims.accounts import services
from ims.accounts.models import AccountLoad
from ims.jobs.queue import task
from ims.jobs.running import Run


@task(services.CHECK_JOB, title="Check a file of account holders")
def check(run: Run, *, load: int) -> str:
    """Check a file that was stored; a second run finds it checked."""
    checked = services.check_received(actor=run.actor, load_id=load, report=run.report)
    if checked.state == AccountLoad.State.REFUSED:
        return "Refused: nothing can be loaded from it as it is"
    return f"{checked.rows:,} accounts checked"


@task(services.LOAD_JOB, title="Load a file of account holders")
def load_accounts(run: Run, *, load: int) -> str:
    """Load a checked file; a second run changes nothing."""
    done = services.confirm_load(actor=run.actor, load_id=load, report=run.report)
    return f"{done.added:,} accounts added, {done.changed:,} changed, {done.gone:,} gone"
