"""The queue: with the data or not at all, progress while it runs, and life after a worker's death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import transaction

from ims.audit.actors import command, current
from ims.audit.models import Event
from ims.common.errors import InvalidInput
from ims.jobs import queue, selectors
from ims.jobs.models import JobRun
from ims.jobs.own_connection import own_connection
from ims.jobs.running import try_lock
from ims.jobs.sweep import MOST_ATTEMPTS, sweep
from ims.jobs.worker import run_worker
from tests.support.world import person

ROOT = Path(__file__).resolve().parents[2]
SEEN: list[object] = []


@queue.task("tests.note", title="Note something")
def note(run, *, word: str) -> str:
    SEEN.append((word, current().actor.name))
    run.report(3, 10, "three of ten")
    with own_connection() as other:
        SEEN.append(
            other.execute("SELECT state, done, total, message FROM jobs_jobrun WHERE id = %s", [run.id]).fetchone()
        )
    return "noted"


@queue.task("tests.refuse", title="Refuse")
def refuse(run) -> None:
    raise InvalidInput("The word is not known.")


@queue.task("tests.break", title="Break")
def break_down(run) -> None:
    raise ZeroDivisionError


@queue.task("tests.sleep", title="Sleep")
def sleep(run) -> str:
    time.sleep(60)
    return "slept"


@pytest.fixture(autouse=True)
def empty(transactional_db):
    SEEN.clear()


def test_a_job_runs_as_the_person_who_asked_and_its_progress_is_seen_at_once():
    run = queue.enqueue("tests.note", actor=person("Olu Officer", "x.y"), word="hello")
    run_worker(wait=False)
    run.refresh_from_db()
    assert SEEN == [("hello", "Olu Officer"), ("running", 3, 10, "three of ten")]
    assert (run.state, run.message, run.percent) == ("succeeded", "noted", 100)
    event = Event.objects.get(verb="job_succeeded")
    assert (event.actor_name, event.subject_id, event.data["outcome"]) == ("Olu Officer", str(run.pk), "noted")


def test_a_job_of_a_transaction_that_is_undone_never_was():
    with pytest.raises(RuntimeError), transaction.atomic():
        queue.enqueue("tests.note", actor=command("t"), word="never")
        raise RuntimeError
    run_worker(wait=False)
    assert SEEN == []
    assert not JobRun.objects.exists()


def test_a_refusal_ends_the_job_with_its_sentence():
    run = queue.enqueue("tests.refuse", actor=command("t"))
    run_worker(wait=False)
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "The word is not known.")
    assert Event.objects.get(verb="job_failed").data["outcome"] == "The word is not known."
    assert list(selectors.in_trouble(command("tests"))) == [run]


def test_the_unexpected_ends_the_job_with_a_number_to_quote():
    run = queue.enqueue("tests.break", actor=command("t"))
    run_worker(wait=False)
    run.refresh_from_db()
    assert run.state == "failed"
    assert str(run.pk) in run.error
    assert "ZeroDivisionError" not in run.error


def test_a_finished_job_does_not_run_twice():
    run = queue.enqueue("tests.note", actor=command("t"), word="once")
    queue.perform(run.pk, run.task, run.arguments)
    queue.perform(run.pk, run.task, run.arguments)
    assert len(SEEN) == 2


def test_work_whose_worker_was_killed_is_put_back_and_given_up_the_third_time():
    run = queue.enqueue("tests.sleep", actor=command("t"))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        worker = _start_worker()
        _wait_for(lambda: JobRun.objects.get(pk=run.pk).state == "running")
        assert sweep() == []
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        _wait_for(lambda: sweep() == [run.pk])
        run.refresh_from_db()
        assert run.attempts == attempt
    assert run.state == "failed"
    assert "three times" in run.error
    assert list(selectors.in_trouble(command("tests"))) == [run]


def test_the_sweep_leaves_alone_what_a_live_worker_holds():
    run = queue.enqueue("tests.note", actor=command("t"), word="x")
    JobRun.objects.filter(pk=run.pk).update(state="running")
    with own_connection() as worker:
        assert try_lock(worker, run.pk)
        assert sweep() == []
    assert sweep() == [run.pk]


def _start_worker() -> subprocess.Popen:
    from django.db import connection

    code = (
        "import django; from django.conf import settings; django.setup();"
        f"from django.db import connection; connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r};"
        "import tests.jobs.test_jobs; from ims.jobs.worker import run_worker; run_worker()"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "ims.settings.test"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)


def _wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
