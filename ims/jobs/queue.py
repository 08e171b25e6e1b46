"""Asking for background work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models
from procrastinate.contrib.django import app

from ims.audit.actors import Actor, acting
from ims.common.errors import ImsError
from ims.jobs.models import JobRun, actor_as_data
from ims.jobs.own_connection import own_connection
from ims.jobs.running import Run

logger = logging.getLogger(__name__)

Work = Callable[..., str | None]


@dataclass(frozen=True)
class Task:
    """A function that can be run in the background, by name."""

    name: str
    title: str
    work: Work


TASKS: dict[str, Task] = {}
UNEXPECTED = "Something unexpected stopped this work. Nothing was half done. Tell support the number of the job, {run}."


def task(name: str, *, title: str) -> Callable[[Work], Work]:
    """Make ``work(run, **arguments)`` a job called `name`. What it returns, if anything, is the message at its end.

    An `ImsError` ends the job with its sentence; anything else is logged and ends it with a general one. Register in a
    room's ``tasks.py``, which is imported when the application starts.
    """

    def register(work: Work) -> Work:
        TASKS[name] = Task(name, title, work)
        app.task(name=name, queue="work")(_runner(name))
        return work

    return register


def schedule(name: str, cron: str, *, title: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Run a function at the times that `cron` says. It leaves a `JobRun` only when it fails."""

    def register(work: Callable[[], None]) -> Callable[[], None]:
        def run_it(timestamp: int) -> None:
            try:
                work()
            except Exception as error:
                logger.exception("The scheduled job %s failed.", name)
                _record_failure(name, title, error)
                raise

        app.periodic(cron=cron)(app.task(name=name, queue="schedule", queueing_lock=name)(run_it))
        return work

    return register


def enqueue(
    name: str, *, actor: Actor, subject: models.Model | None = None, title: str = "", **arguments: Any
) -> JobRun:
    """Ask for the job called `name`, in the caller's transaction: if that is rolled back, nothing was asked.

    `arguments` are plain values, ids above all. Raises `KeyError` for a name that is not a job.
    """
    run = JobRun.objects.create(
        task=name,
        title=title or TASKS[name].title,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=str(subject.pk) if subject is not None else "",
        arguments=arguments,
        actor=actor_as_data(actor),
    )
    hand_over(run)
    return run


def hand_over(run: JobRun) -> None:
    """Put `run` into the queue (again)."""
    run.queue_id = app.configure_task(name=run.task).defer(run_id=run.pk, **run.arguments)
    run.save(update_fields=["queue_id"])


def _runner(name: str) -> Callable[..., None]:
    def run_it(run_id: int, **arguments: Any) -> None:
        perform(run_id, name, arguments)

    return run_it


def perform(run_id: int, name: str, arguments: dict[str, Any]) -> None:
    """Do the work of one run, here and now. Does nothing when it is finished or another worker has it."""
    with own_connection() as connection:
        run = Run(connection, run_id)
        if not run.start():
            return
        try:
            with acting(run.actor):
                message = TASKS[name].work(run, **arguments)
        except ImsError as refusal:
            run.fail(refusal.message)
        except Exception:
            logger.exception("Job %s (%s) failed.", run_id, name)
            run.fail(UNEXPECTED.format(run=run_id))
            raise
        else:
            run.succeed(message or "Done")


def _record_failure(name: str, title: str, error: Exception) -> None:
    with own_connection() as connection:
        connection.execute(
            "INSERT INTO jobs_jobrun (task, title, subject_type, subject_id, arguments, actor, state, done, total,"
            " message, error, attempts, started_at, finished_at)"
            " VALUES (%s, %s, '', '', '{}', '{}', 'failed', 0, 0, '', %s, 1, now(), now())",
            [name, title, error.message if isinstance(error, ImsError) else "The scheduled work failed; see the log."],
        )
