"""Knowing that one connection waits for another, so that a race can be run step by step."""

from __future__ import annotations

import time

from django.db import connection

PATIENCE_SECONDS = 20


def until_somebody_waits() -> None:
    """Return once some connection waits for a lock that another holds. Raises `AssertionError` when none does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("Nobody waited for anybody.")
