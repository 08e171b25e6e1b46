"""Looking for matches in the background: for what just fell into suspense, and every morning for everything."""

from __future__ import annotations

from ims.audit.actors import job
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run
from ims.suspense import matching, services
from ims.suspense.models import SuspenseItem


@task(services.MATCH_JOB, title="Look for matches")
def match(run: Run, *, posting: int) -> str:
    """Suggest accounts for the open items of one posting."""
    opened = SuspenseItem.objects.filter(entry__posting=posting, state=SuspenseItem.State.OPEN)
    items = list(opened.values_list("pk", flat=True))
    matched = matching.remember(items)
    return f"{matched:,} of {len(items):,} items have a suggestion"


@task(services.MATCH_ALL_JOB, title="Look for matches in all of suspense")
def match_all_now(run: Run) -> str:
    """Suggest accounts for everything open, because somebody asked."""
    matched = matching.remember(None)
    return f"{matched:,} items have a suggestion"


@schedule("suspense.match_all", "15 5 * * *", title="Look for matches in all of suspense")
def match_all() -> None:
    """Accounts and balances change overnight: suggest afresh for everything before people come in."""
    services.refresh_suggestions(actor=job("suspense.match_all"))
