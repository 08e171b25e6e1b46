"""Reading the story of background work."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import QuerySet

from ims.common import clock
from ims.jobs.models import JobRun


def latest_run(subject: models.Model) -> JobRun | None:
    """The last job about `subject`, if any."""
    return JobRun.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk)).first()


def in_trouble(*, days: int = 7) -> QuerySet[JobRun]:
    """Jobs that failed within the last `days`, and jobs that have waited more than ten minutes. Latest first."""
    moment = clock.now()
    failed = models.Q(state=JobRun.State.FAILED, finished_at__gte=moment - timedelta(days=days))
    waiting = models.Q(state=JobRun.State.QUEUED, queued_at__lt=moment - timedelta(minutes=10))
    return JobRun.objects.filter(failed | waiting)
