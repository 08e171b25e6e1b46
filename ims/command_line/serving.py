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
    """Run a web server and a worker until the person presses Ctrl-C, or the web server ends; then stop both.

    A worker that ends is started again: its work goes on where it stopped.
    """
    # Said for both: a shell that starts us in the background has Ctrl-C ignored.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    web = _start(
        "gunicorn", "ims.settings.wsgi", "--bind", f"{HOST}:{port}", "--workers", "2", "--log-level", "warning"
    )
    worker = _start("ims", "work")
    try:
        while web.poll() is None:
            if worker.poll() is not None:
                print(f"The worker stopped unexpectedly ({worker.returncode}). It is started again.", file=sys.stderr)
                worker = _start("ims", "work")
            time.sleep(0.5)
        print(f"The web server stopped unexpectedly ({web.returncode}), so the demonstration ends.", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    finally:
        for process in (web, worker):
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
