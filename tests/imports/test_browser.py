"""The screens of imports in a real browser: accessible, fitting narrow screens, and the progress bar at work."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from django.urls import reverse

from ims.audit.actors import command
from ims.imports import services
from ims.imports.models import ImportRow
from tests.console.test_browser import Visit, chromium  # noqa: F401 - a fixture
from tests.imports.files import checked, csv_of, line, posted, received, rule, simple_profile, when

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ALLOWED = "govuk-file-upload-button"
"""GOV.UK Frontend's own file input, whose button is named by its label and its text together."""
PICTURES = os.environ.get("IMS_PICTURES", "")
"""A directory to put pictures of the pages in, for whoever wants to look at them."""


@pytest.fixture
def addresses(world_committed) -> dict[str, str]:
    from tests.console.conftest import add_people

    add_people()
    simple_profile(name="Rent office receipts")
    actor = command("tests")
    rows = [line(f"{n}.00", narrative=f"COUNCIL TAX {n}") for n in range(20, 60)]
    rows += [line("7.00", fund="QQ"), line("twelve"), line("9.00", fund="", reference="", narrative="FPS UNKNOWN")]
    kept = rule("Garages to rents", [when("narrative", "contains", "GARAGE")], {"fund": "5"}, profiles=["simple"])
    first = posted(actor, rows, name="receipts-2026-11-19.csv")
    second = posted(actor, [rows[0], line("1.00", narrative="NEW")], name="overlapping.csv")
    waiting = checked(actor, [line("2.00", narrative="GARAGE 4", fund="5", reference="45006789013"), *rows[-3:]],
                      name="receipts-2026-11-20.csv")  # fmt: skip
    refused = received(actor, b"\n\n", name="empty.csv")
    services.check(actor=actor, batch_id=refused.pk)
    held = ImportRow.objects.get(batch=first, reason_code="unknown_fund")
    duplicate = ImportRow.objects.get(batch=second, outcome="suspected_duplicate")
    return {
        "index": reverse("imports:index"),
        "upload": reverse("imports:upload"),
        "posted": reverse("imports:batch", args=[first.pk]),
        "waiting": reverse("imports:batch", args=[waiting.pk]),
        "refused": reverse("imports:batch", args=[refused.pk]),
        "rows": reverse("imports:rows", args=[first.pk]),
        "held": reverse("imports:row", args=[held.pk]),
        "duplicate": reverse("imports:row", args=[duplicate.pk]),
        "post": reverse("imports:post", args=[waiting.pk]),
        "reverse": reverse("imports:reverse", args=[first.pk]),
        "rules": reverse("imports:rules"),
        "rule": reverse("imports:rule", args=[kept.pk]),
        "profiles": reverse("imports:profiles"),
        "profile": reverse("imports:profile", args=[first.profile_id]),
    }


def test_every_page_is_accessible_and_fits_at_every_width(live_server, chromium, addresses):  # noqa: F811
    visit = Visit(chromium, live_server.url, "income-manager")
    found = []
    for name, address in addresses.items():
        visit.open(address)
        found += [f"{name}: {violation}" for violation in visit.violations() if ALLOWED not in violation]
        for width in (320, 390, 1280):
            visit.page.set_viewport_size({"width": width, "height": 900})
            found += [f"{name} at {width} px: {visit.overflow()} px too wide"] * (visit.overflow() > 0)
            if PICTURES and width != 320:
                visit.page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}.png"), full_page=True)
    assert found + visit.complaints == []


def test_a_large_file_shows_its_progress_and_then_its_plan(live_server, chromium, addresses, settings, tmp_path):  # noqa: F811
    from ims.console.views import imports
    from ims.jobs.worker import run_worker

    visit = Visit(chromium, live_server.url, "income-officer")
    file = tmp_path / "large.csv"
    file.write_bytes(csv_of([line("1.00", narrative=f"{n:06d}" + "X" * 200) for n in range(5000)]))
    assert file.stat().st_size > imports.AT_ONCE_BYTES
    visit.open(addresses["upload"])
    visit.page.set_input_files("input[type=file]", str(file))
    visit.page.select_option("select[name=profile]", "simple")
    visit.page.get_by_role("button", name="Read and check").click()
    visit.page.wait_for_selector("progress")
    # In a thread of its own: Playwright's event loop occupies this one.
    worker = threading.Thread(target=run_worker, kwargs={"wait": False})
    worker.start()
    worker.join()
    visit.page.wait_for_selector("text=Ready to post", timeout=15_000)
    assert "£5,000.00" in visit.page.content()
