"""`ims demo` as a newcomer runs it: a database of its own, once, twice, served and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.command_line.running import ROOT, ims

# One group: the tests share a database, which takes long to fill.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    """A data directory of its own; its database is stopped afterwards."""
    # The embedded server listens on a socket in this directory, whose path may not be long.
    directory = tmp_path_factory.mktemp("demo")
    yield directory
    ims("demo", "--stop", IMS_DATA_DIRECTORY=str(directory))


def run(home: Path, *words: str):
    return ims(*words, timeout=900, IMS_DATA_DIRECTORY=str(home), IMS_DATABASE_URL="", IMS_TEST_POSTGRES="")


@pytest.fixture(scope="module")
def first(home):
    """The first run."""
    ran = run(home, "demo", "--no-serve", "--json")
    assert ran.code == 0, ran.errors
    return ran.data


def figures(proof: dict) -> dict:
    return {key: proof[key] for key in ("funds", "methods", "files", "exports", "suspense", "total")}


def test_the_day_is_proven(first):
    assert first["proof"]["proven"] is True
    assert not [each for each in first["proof"]["differences"] if each["severity"] == "error"]
    assert len(first["proof"]["files"]) >= 6
    assert all(row["difference"] == "0.00" for row in first["proof"]["files"])


def test_what_is_left_for_people_to_do_is_there(first):
    waiting = [each for each in first["proof"]["differences"] if each["severity"] == "warning"]
    assert len(waiting) == 1  # one suspected duplicate to decide
    assert float(first["proof"]["suspense"]["items"]) > 0
    assert list(Path(first["files"]).glob("try-this-*.csv"))


def test_a_second_run_adds_nothing(home, first):
    again = run(home, "demo", "--no-serve", "--json")
    assert again.code == 0, again.errors
    assert figures(again.data["proof"]) == figures(first["proof"])
    assert again.data["proof"]["seal"]["hash"] == first["proof"]["seal"]["hash"]


def test_the_other_commands_work_on_it_as_the_application(home, first):
    verified = run(home, "verify", "--json")
    assert verified.code == 0, verified.output
    assert verified.data["entries"] > 1000
    assert run(home, "proof", "--date", first["day"], "--json").data["proven"] is True
    again = run(home, "export", "General ledger journal", "--date", first["day"], "--json")
    assert again.data["created"] is False
    (to_try,) = Path(first["files"]).glob("try-this-*.csv")
    rehearsed = run(home, "import", str(to_try), "--dry-run", "--json")
    assert rehearsed.code == 0, rehearsed.errors
    assert rehearsed.data["posted"] is False


def test_it_is_served_and_everything_stops_when_interrupted(home, first):
    assert run(home, "demo", "--stop", "--json").code == 0  # a database that runs already would be left running
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    server = subprocess.Popen(
        [sys.executable, "-m", "ims", "demo", "--port", str(port)],
        cwd=ROOT,
        env=environment | {"IMS_DATA_DIRECTORY": str(home), "IMS_DATABASE_URL": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        page = _fetch(f"http://127.0.0.1:{port}/", server)
    finally:
        server.send_signal(signal.SIGINT)
        output, _ = server.communicate(timeout=120)
    assert "Model Council" in page or "Sign in" in page
    assert b"olu.adeyemi" in output
    assert b"Traceback" not in output
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_it_keeps_out_of_any_other_database(home):
    ran = ims("demo", "--no-serve", "--json", IMS_DATABASE_URL="postgres://someone@db.example/ims")
    assert ran.code == 2
    assert "never put into another database" in ran.error["message"]


def test_a_port_in_use_is_said_before_anything_is_done(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = run(home, "demo", "--port", str(taken.getsockname()[1]))
    assert ran.code == 2
    assert "in use" in ran.errors


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _fetch(address: str, server: subprocess.Popen) -> str:
    """The page, as soon as it is served."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert answer.status == 200
                return answer.read().decode()
        except OSError:
            time.sleep(0.5)
    raise AssertionError("The screens were not served.")
