"""Knowing that one connection waits for another, so that a race can be run step by step."""

from __future__ import annotations

import time

from django.db import connection

PATIENCE_SECONDS = 60


def until_somebody_waits() -> None:
    """Return once some connection to this database waits for a lock that another holds.

    Other workers' tests, on other databases of the same server, do not count. Raises `AssertionError` when none does.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # within a transaction the server would repeat itself
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("Nobody waited for anybody.")
