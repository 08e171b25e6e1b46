"""Processes of their own on the test's database, to be killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


class Process:
    """A Python process that runs `code` on the test's database, under a name that the server knows it by."""

    def __init__(self, code: str) -> None:
        self.name = f"ims-killed-{uuid.uuid4()}"
        start = (
            "import django; django.setup(); from django.db import connection;"
            f"connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r};"
        )
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "ims.settings.test", "PGAPPNAME": self.name}
        self.popen = subprocess.Popen(
            [sys.executable, "-c", start + code], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )

    def said(self) -> str:
        """The next line it prints."""
        return self.popen.stdout.readline().decode().strip()

    def until_it_waits(self) -> None:
        """Return once it waits for a lock that another connection holds. Raises `AssertionError` when it does not."""
        self._until(lambda: self._sessions("wait_event_type = 'Lock'") > 0, "The process waits for nobody.")

    def strike(self) -> None:
        """Kill it outright. Its session may live on at the server for as long as that waits for a lock; see `kill`."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        self.popen.stdout.close()

    def kill(self) -> None:
        """Kill it outright, and return once the server has let go of what it held.

        Raises `AssertionError` when the server does not notice that it is gone.
        """
        self.strike()
        self._until(lambda: self._sessions("true") == 0, "The killed process still holds its connection.")

    def _sessions(self, condition: str) -> int:
        """How many of its sessions fit, as they are now: within a transaction the server would repeat itself."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                f"SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND {condition}",
                [self.name],
            )
            return cursor.fetchone()[0]

    @staticmethod
    def _until(holds: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if holds():
                return
            time.sleep(0.05)
        raise AssertionError(otherwise)
