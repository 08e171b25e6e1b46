"""Running `ims` as people and scripts do: as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    output: str
    errors: str

    @property
    def data(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.output)

    @property
    def error(self) -> dict[str, Any]:
        """The error it printed, as JSON."""
        return json.loads(self.errors)["error"]


def ims(*words: str, stdin: bytes = b"", timeout: int = 300, **environment: str) -> Ran:
    """Run `ims` with `words`. The settings of the tests are not passed on: what is run is what a council runs."""
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-m", "ims", *words],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env=inherited | environment,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


WITHOUT_DATABASE = {"IMS_DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "IMS_CONNECT_AS": "application"}
"""A database that cannot be reached: a command that works all the same did not ask for it."""
