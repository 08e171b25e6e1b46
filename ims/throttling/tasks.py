"""Forgetting old counts."""

from __future__ import annotations

from datetime import timedelta

from ims.common import clock
from ims.jobs.queue import schedule
from ims.throttling.models import Window

HOURS_KEPT = 26


@schedule("throttling.tidy", "41 * * * *", title="Forget old counts of callers")
def tidy() -> None:
    """Remove counts of spans that ended long ago."""
    Window.objects.filter(starts_at__lt=clock.now() - timedelta(hours=HOURS_KEPT)).delete()
