"""Take the pictures of the tour: run the demonstration in a folder of its own, sign in, visit, photograph.

    make screenshots

Needs Chromium (Debian's, or any that CHROMIUM names).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDE, NARROW = (1280, 860), (390, 844)


@dataclass(frozen=True)
class Picture:
    """One picture: whose screen, which page, how wide."""

    name: str
    username: str
    path: str
    size: tuple[int, int] = WIDE


@contextmanager
def served(home: Path, port: int) -> Iterator[None]:
    """The demonstration, served."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own command
        [sys.executable, "-m", "ims", "demo", "--port", str(port)],
        env=os.environ | {"IMS_DATA_DIRECTORY": str(home)},
    )
    try:
        _wait(f"http://127.0.0.1:{port}/healthz", process)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def pictures() -> list[Picture]:
    """What to photograph. Asks the database which records tell the story."""
    from ims.command_line.database import connect

    connect()
    from ims.exports.models import ExportBatch
    from ims.imports.models import ImportBatch, ImportRow, RoutingRule
    from ims.ledger.models import Entry
    from ims.suspense.models import MatchSuggestion

    general = ImportBatch.objects.filter(profile__code="mt940").latest("pk")
    doubtful = ImportRow.objects.filter(outcome="suspected_duplicate").latest("pk")
    likely = MatchSuggestion.objects.filter(rank=1, item__state="open", confidence__range=(65, 90)).latest("item")
    moved = Entry.objects.filter(corrections__posting__kind="journal").first() or Entry.objects.latest("pk")
    rule = RoutingRule.objects.get(name__startswith="Business rates")
    journal = ExportBatch.objects.latest("pk")
    olu, margaret, priya, sam, ruth = "olu.adeyemi", "margaret.hughes", "priya.nair", "sam.carter", "ruth.ellis"
    return [
        Picture("today", olu, "/"),
        Picture("import", olu, f"/imports/{general.pk}/"),
        Picture("held-row", olu, f"/imports/rows/{doubtful.pk}/"),
        Picture("suspense", olu, "/suspense/"),
        Picture("suspense-item", olu, f"/suspense/{likely.item_id}/"),
        Picture("receipt", margaret, f"/receipts/{moved.pk}/"),
        Picture("rule", margaret, f"/imports/rules/{rule.pk}/"),
        Picture("export", priya, f"/exports/{journal.pk}/"),
        Picture("proof", ruth, f"/proof/?date={journal.last_date.isoformat()}"),
        Picture("audit", ruth, "/audit/"),
        Picture("settings", sam, "/admin/"),
        Picture("today-narrow", olu, "/", NARROW),
        Picture("suspense-item-narrow", olu, f"/suspense/{likely.item_id}/", NARROW),
    ]


def take(wanted: list[Picture], address: str, chromium: str) -> None:
    """Photograph `wanted` into this folder."""
    from playwright.sync_api import sync_playwright

    from ims.demonstration.cast import PASSWORD

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for username in sorted({picture.username for picture in wanted}):
            context = browser.new_context(locale="en-GB", timezone_id="Europe/London")
            page = context.new_page()
            page.goto(f"{address}/account/sign-in/")
            page.fill("#id_username", username)
            page.fill("input[name=password]", PASSWORD)
            page.press("input[name=password]", "Enter")
            page.wait_for_load_state("networkidle")
            for picture in (each for each in wanted if each.username == username):
                page.set_viewport_size({"width": picture.size[0], "height": picture.size[1]})
                answer = page.goto(address + picture.path)
                if answer is None or answer.status != 200:
                    raise SystemExit(f"{picture.path} answered {answer and answer.status} to {username}.")
                page.wait_for_load_state("networkidle")
                file = HERE / f"{picture.name}.png"
                page.screenshot(path=str(file))
                print(f"{file.name}: {file.stat().st_size / 1024:.0f} kB")
            context.close()
        browser.close()


def main() -> None:
    """Take every picture."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        raise SystemExit("Chromium is not installed. On Debian: apt install chromium")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="ims-tour-"))
    os.environ.pop("IMS_DATABASE_URL", None)
    os.environ["IMS_DATA_DIRECTORY"] = str(home)
    try:
        with served(home, port):
            take(pictures(), f"http://127.0.0.1:{port}", chromium)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("The demonstration was not served.")


if __name__ == "__main__":
    main()
