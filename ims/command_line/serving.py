"""Serving the screens and doing the background work, until interrupted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from ims.command_line.answer import WrongUse

HOST = "127.0.0.1"
_PATIENCE = 10
"""Seconds a process has to end by itself."""


def require_free_port(port: int) -> None:
    """Raise `WrongUse` when something answers at `port` already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise WrongUse(f"Port {port} is in use already. Choose another: make demo PORT={port + 1}.") from error


def serve(port: int) -> None:
    """Run a web server and a worker until one of them ends or the person presses Ctrl-C; then stop both."""
    processes = [
        _start("gunicorn", "ims.settings.wsgi", "--bind", f"{HOST}:{port}", "--workers", "2", "--log-level", "warning"),
        _start("ims", "work"),
    ]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    finally:
        for process in processes:
            _stop(process)


def _start(module: str, *words: str) -> subprocess.Popen:
    # In a session of its own, so that Ctrl-C reaches only us and we end both in order.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own modules
        [sys.executable, "-m", module, *words], env=os.environ, start_new_session=True
    )


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
