"""Installing Prism where it is not yet, and running it between a client and a server."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.payments.prism.patched import patched

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("IMS_PRISM_CACHE", HERE.parents[2] / "var" / "prism"))
PATIENCE_SECONDS = 60


def missing() -> str:
    """Why Prism cannot run here; empty when it can."""
    if not shutil.which("node") or not shutil.which("npm"):
        return (
            "NODE IS NOT INSTALLED: GOV.UK Pay's contract was NOT checked. Install Node 18 or later and run this again."
        )
    return ""


def install() -> Path:
    """The program, installed from the lock file into the cache if it is not there; one process at a time."""
    program = CACHE / "node_modules" / ".bin" / "prism"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (HERE / "package-lock.json").read_bytes()
        mark = CACHE / "installed.json"
        if not program.exists() or not mark.exists() or mark.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(HERE / name, CACHE / name)
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=CACHE, check=True, capture_output=True
            )
            mark.write_bytes(wanted)
    return program


@contextmanager
def between(upstream: str, folder: Path) -> Iterator[str]:
    """Prism in front of `upstream`: the address to talk to. What breaks the contract is answered with an error."""
    contract = folder / "contract.json"
    contract.write_text(json.dumps(patched()), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (folder / "prism.log").open("w")
    process = subprocess.Popen(
        [install(), "proxy", "--errors", "-h", "127.0.0.1", "-p", str(port), contract, upstream],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _until_it_answers(process, port, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _until_it_answers(process: subprocess.Popen, port: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError((folder / "prism.log").read_text())
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("Prism did not start in time.")
