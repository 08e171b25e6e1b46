"""Show IMS at work: the Model Council's day from bank file to proof, and then its screens.

Uses a database of its own (PostgreSQL that comes with IMS, under var/). Running it again adds nothing twice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ims.command_line import serving
from ims.command_line.answer import Answer, WrongUse
from ims.command_line.database import SETTINGS, connect


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--no-serve", action="store_true", help="do everything but serve the screens")
    parser.add_argument("--reset", action="store_true", help="throw the demonstration's database away first")
    parser.add_argument("--port", type=int, default=8000, help="where the screens are served (default 8000)")
    parser.add_argument("--stop", action="store_true", help="only stop the demonstration's database")


def run(arguments: Namespace) -> Answer:
    """Set up, work one day, print the proof, and serve until interrupted. A finding when the proof does not agree."""
    if os.environ.get("IMS_DATABASE_URL") or os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS) != SETTINGS:
        raise WrongUse(
            "The demonstration is never put into another database than its own: unset IMS_DATABASE_URL and "
            "DJANGO_SETTINGS_MODULE."
        )
    if arguments.stop:
        stopped = _database().stop()
        return Answer({"stopped": stopped}, "The database is stopped." if stopped else "No database was running.")
    if not arguments.no_serve:
        serving.require_free_port(arguments.port)
    database = _database()
    was_running = database.is_running() and not arguments.reset
    teller = Teller(quiet=arguments.json)
    try:
        if arguments.reset:
            database.throw_away()
        answer = _work(database.folder, teller)
        if not arguments.no_serve:
            teller.text(_sign_ins(arguments.port))
            serving.serve(arguments.port)
        return answer
    finally:
        if not was_running:
            database.stop()


class Teller:
    """Prints what happens, with the seconds it took, and keeps it for the answer."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._since = time.monotonic()
        self.told: list[dict[str, Any]] = []

    def event(self, event: Any) -> None:
        """Tell one step that has just been done."""
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        self.told.append({"what": event.what, "detail": event.detail, "who": event.who, "seconds": round(seconds, 2)})
        who = f"  ({event.who})" if event.who else ""
        self.text(f"{seconds:6.1f} s  {event.what:<28}  {event.detail}{who}")

    def text(self, text: str) -> None:
        """Print, unless a machine is listening."""
        if not self._quiet:
            print(text, flush=True)


def _work(folder: Path, teller: Teller) -> Answer:
    from ims.demonstration.telling import Event

    _migrate()
    teller.event(Event("Database", "PostgreSQL started and migrated by its owner"))
    connect()
    from ims.command_line.commands.proof import prove
    from ims.common.clock import today
    from ims.demonstration.run import run as work_one_day

    day = work_one_day(today(), folder, teller.event)
    proof = prove(day)
    teller.text(f"\n{proof.text}\n\nThe day's files are in {folder}. One, try-this-…, waits to be brought in.")
    data = {"day": day, "steps": teller.told, "proof": proof.data, "files": str(folder)}
    return Answer(data, "", finding=proof.finding)


def _migrate() -> None:
    """Migrate as the owner of the tables, in a process of its own: this one connects as the application."""
    done = subprocess.run(
        [sys.executable, "-m", "ims", "migrate", "--verbosity", "0"],
        env=os.environ | {"IMS_CONNECT_AS": "owner"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["the migration said nothing"])[-1])


def _sign_ins(port: int) -> str:
    from ims.demonstration.cast import CAST, PASSWORD

    people = [f"  {each.username:<16} {each.role:<15} {each.work}" for each in CAST]
    return "\n".join(
        [
            f"\nServing http://{serving.HOST}:{port}/ until you press Ctrl-C. Residents pay at /pay/ there.",
            f"Sign in as any of these, password {PASSWORD}:",
            *people,
        ]
    )


class _Database:
    """The embedded server of the demonstration and the folder its files go to."""

    def __init__(self, data_directory: Path) -> None:
        self.folder = data_directory / "demonstration"
        self._server = data_directory / "postgres"

    def is_running(self) -> bool:
        """Whether somebody has started it before."""
        return (self._server / "postmaster.pid").exists()

    def stop(self) -> bool:
        """Stop it; False when it was not running."""
        from ims.settings import embedded_postgres

        return embedded_postgres.stop(self._server)

    def throw_away(self) -> None:
        """Stop it and remove everything in it."""
        self.stop()
        shutil.rmtree(self._server, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _database() -> _Database:
    from ims.settings.base import DATA_DIRECTORY

    return _Database(DATA_DIRECTORY)
