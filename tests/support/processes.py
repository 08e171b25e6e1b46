"""Processes of their own on the test's database, to be killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 20


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

    def kill(self) -> None:
        """Kill it outright, and return once the server has let go of what it held.

        Raises `AssertionError` when the server does not notice that it is gone.
        """
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        self.popen.stdout.close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [self.name])
                if cursor.fetchone()[0] == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("The killed process still holds its connection.")
