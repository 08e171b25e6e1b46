"""Suspense, exports and the proof in a real browser: accessible, by keyboard, on narrow screens, without script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from ims.audit.actors import command
from ims.common import clock
from ims.exports import services as exports
from ims.exports.models import ExportBatch
from ims.exports.seed import seed_profiles
from ims.suspense import services
from ims.suspense.models import SuspenseItem
from tests.console.conftest import add_people
from tests.console.test_browser import WIDTHS, chromium, visit  # noqa: F401 - the fixtures of every browser test
from tests.suspense.conftest import OFFICER, Unidentified

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

YESTERDAY = clock.today() - timedelta(days=1)


@pytest.fixture
def items(unidentified_committed: Unidentified) -> list[SuspenseItem]:
    """Three items received on different days, matched; people; a journal of the first day."""
    add_people()
    made = [
        unidentified_committed.item(amount, text, received_on=YESTERDAY - timedelta(days=days))
        for days, amount, text in ((40, "55.00", "CTAX 700123452"), (9, "95.50", "D RAO RENT"), (0, "1.00", "?"))
    ]
    services.refresh_suggestions(actor=OFFICER)
    exports.build(actor=command("tests"), profile=seed_profiles(command("tests"))[0], first=clock.today(), key="k")
    return made


def pages(items: list[SuspenseItem]) -> list[str]:
    first = reverse("suspense:item", args=[items[0].pk])
    return [
        reverse("suspense:index"),
        reverse("suspense:index") + "?words=nobody",
        reverse("suspense:index") + "?amount_from=x",
        first,
        first + "rule/",
        reverse("suspense:together") + f"?item={items[0].pk}&item={items[1].pk}",
        reverse("exports:index"),
        reverse("exports:build"),
        reverse("exports:batch", args=[ExportBatch.objects.latest("pk").pk]),
        reverse("proof:index") + f"?date={clock.today().isoformat()}",
        reverse("proof:period"),
    ]


def test_every_page_is_accessible_fits_and_keeps_the_policy(visit, items):  # noqa: F811
    window = visit("income-manager")
    for address in pages(items):
        window.page.set_viewport_size({"width": 1280, "height": 900})
        window.open(address)
        if "exports" in address and window.page.title().startswith("You may not"):
            continue
        assert window.violations() == [], address
        for width in WIDTHS:
            window.page.set_viewport_size({"width": width, "height": 900})
            assert window.overflow() == 0, (address, width)
    unexpected = [line for line in window.complaints if "403" not in line]
    assert unexpected == []


def test_a_list_is_cleared_by_keys(visit, items):  # noqa: F811
    window = visit("income-officer")
    window.open(reverse("suspense:index"))
    window.page.keyboard.press("w")
    window.page.wait_for_url(f"**{reverse('suspense:item', args=[items[0].pk])}")
    window.page.keyboard.press("a")
    window.page.wait_for_selector("text=These lines will be posted")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url(f"**{reverse('suspense:item', args=[items[1].pk])}")
    items[0].refresh_from_db()
    assert items[0].state == "allocated"
    window.page.keyboard.press("n")
    window.page.wait_for_url(f"**{reverse('suspense:item', args=[items[2].pk])}")
    window.page.fill("#id_text", "a n t w j k")
    assert window.page.input_value("#id_text") == "a n t w j k"


def test_keys_can_be_turned_off_and_stay_off(visit, items):  # noqa: F811
    window = visit("income-officer")
    window.open(reverse("suspense:index"))
    window.page.click("text=Turn keys off")
    window.page.reload()
    window.page.keyboard.press("w")
    window.page.wait_for_timeout(300)
    assert window.page.url.endswith(reverse("suspense:index"))
    assert window.page.is_visible("text=Turn keys on")


def test_all_of_it_works_without_script(visit, items):  # noqa: F811
    window = visit("income-officer", script=False)
    window.open(reverse("suspense:item", args=[items[0].pk]))
    window.page.click("button[value=accept] >> nth=0")
    window.page.click("button[value=confirm]")
    items[0].refresh_from_db()
    assert items[0].state == "allocated"
