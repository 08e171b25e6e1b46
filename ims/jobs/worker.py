"""The process that does background work."""

from __future__ import annotations

import threading

from procrastinate.contrib.django import app

from ims.jobs.sweep import sweep

QUEUES = ["work", "schedule"]


def run_worker(*, concurrency: int = 2, wait: bool = True, queues: list[str] | None = None) -> None:
    """Work until told to stop by SIGTERM or SIGINT, which let running jobs finish.

    `concurrency` jobs at a time. `wait` False: stop as soon as nothing is left to do. Starts with a sweep, so that
    what an earlier worker left behind is taken up at once.
    """
    sweep()
    # A copy: jobs that ask for further jobs go on doing so over Django's connection, in their own transaction.
    working = app.with_connector(app.connector.get_worker_connector())
    working.run_worker(
        queues=queues or QUEUES,
        concurrency=concurrency,
        wait=wait,
        delete_jobs="successful",
        # Only the main thread of a process can be asked to stop by a signal.
        install_signal_handlers=threading.current_thread() is threading.main_thread(),
    )
