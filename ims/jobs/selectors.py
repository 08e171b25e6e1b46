"""Reading the story of background work."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import QuerySet

from ims.audit.actors import Actor
from ims.common import clock
from ims.jobs.models import JobRun


def latest_run(subject: models.Model) -> JobRun | None:
    """The last job about `subject`, if any."""
    return JobRun.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk)).first()


def visible_to(actor: Actor) -> QuerySet[JobRun]:
    """Every job; for people whose scope is limited those they asked for, because a job tells of the money it moved."""
    jobs = JobRun.objects.all()
    return jobs.filter(actor__kind=actor.kind, actor__identifier=actor.identifier) if actor.is_limited else jobs


def in_trouble(actor: Actor, *, days: int = 7) -> QuerySet[JobRun]:
    """Of the jobs the actor may see: failed within the last `days`, or waiting for over ten minutes. Latest first."""
    moment = clock.now()
    failed = models.Q(state=JobRun.State.FAILED, finished_at__gte=moment - timedelta(days=days))
    waiting = models.Q(state=JobRun.State.QUEUED, queued_at__lt=moment - timedelta(minutes=10))
    return visible_to(actor).filter(failed | waiting)
