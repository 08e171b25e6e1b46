"""Approvals in a real browser: accessible, fitting narrow screens, within the policy, decided from the keyboard."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse

from ims.approvals import services
from ims.approvals.models import Request
from ims.audit.actors import acting
from ims.funds.models import Fund, GeneralLedgerMapping
from ims.ledger.lines import Line
from ims.people.selectors import actor_for
from ims.suspense.models import SuspenseItem
from ims.suspense.services import open_items
from tests.console.conftest import add_people, receive
from tests.console.test_browser import Visit, chromium  # noqa: F401 - a fixture
from tests.support import limits
from tests.support.world import SET_UP, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURES = os.environ.get("IMS_PICTURES", "")
"""A directory to put pictures of the pages in, for whoever wants to look at them."""


@pytest.fixture
def addresses(world_committed: World) -> dict[str, str]:
    people = add_people()
    with acting(SET_UP, "Test set-up"):
        Fund.objects.create(code="WO", name="Write-offs", vat_code_id="N0", is_write_off=True)
    entry = receive("23", "9000.00", reference=world_committed.council_tax_account, key="big")
    unknown = receive("1", "42.00", key="unknown", narrative="FPS UNKNOWN PAYER")
    open_items(actor=SET_UP, posting=unknown.posting)
    limits.as_installed()
    manager, finance = actor_for(people["Income manager"]), actor_for(people["Finance"])
    line = Line(fund="5", amount=Decimal("6000.00"), account_reference=world_committed.rents_account).as_data()
    payload = {"entry_id": entry.pk, "targets": [line], "reason": "Wrong fund", "key": "k"}
    waiting = services.request(actor=manager, kind="ledger.journal", payload=payload, reason="Wrong fund")
    mapping = GeneralLedgerMapping.objects.get(side="income", fund="23")
    changed = {
        "model": "funds.generalledgermapping",
        "act": "change",
        "pk": str(mapping.pk),
        "values": {"gl_code": "111111"},
        "reason": "New codes",
    }
    setting = services.request(actor=finance, kind="funds.mapping", payload=changed, reason="New codes")
    services.reject(actor=manager, request_id=setting.pk, reason="Not this year")
    item = SuspenseItem.objects.get()
    return {
        "inbox": reverse("approvals:index"),
        "decided": reverse("approvals:index") + "?show=decided",
        "empty": reverse("approvals:index") + "?words=nothing+like+it",
        "request": reverse("approvals:request", args=[waiting.pk]),
        "setting": reverse("approvals:request", args=[setting.pk]),
        "duties": reverse("approvals:duties"),
        "journal": reverse("receipts:journal", args=[entry.pk]),
        "write-off": reverse("suspense:write_off", args=[item.pk]),
    }


def test_every_page_is_accessible_fits_and_keeps_the_policy(
    chromium: object,  # noqa: F811
    live_server: object,
    addresses: dict[str, str],
):
    faults = []
    for role, names in (("finance", ("inbox", "decided", "empty", "request", "setting")),
                        ("administrator", ("duties",)), ("income-manager", ("journal", "write-off"))):  # fmt: skip
        visit = Visit(chromium, live_server.url, role)
        for name in names:
            for width in (1280, 390, 320):
                visit.page.set_viewport_size({"width": width, "height": 900})
                visit.open(addresses[name])
                if visit.overflow() > 0:
                    faults.append(f"{name} scrolls sideways at {width}")
                if PICTURES:
                    visit.page.screenshot(path=str(Path(PICTURES) / f"approvals-{name}-{width}.png"), full_page=True)
                if width == 1280:
                    faults += [f"{name}: {violation}" for violation in visit.violations()]
        faults += visit.complaints
        visit.context.close()
    assert faults == []


def test_asked_and_decided_from_the_keyboard(
    chromium: object,  # noqa: F811
    live_server: object,
    addresses: dict[str, str],
):
    maker = Visit(chromium, live_server.url, "income-manager")
    maker.open(addresses["write-off"])
    maker.page.fill("[name=reason]", "Nobody has claimed it")
    maker.page.press("[name=reason]", "Tab")
    maker.page.keyboard.press("Enter")
    maker.page.wait_for_selector("text=This needs a second person")
    if PICTURES:
        maker.page.screenshot(path=str(Path(PICTURES) / "approvals-needed-1280.png"), full_page=True)
    assert maker.violations() == []
    maker.page.press("[name=reason]", "Tab")
    maker.page.keyboard.press("Enter")
    maker.page.wait_for_selector("text=was sent")
    request = Request.objects.latest("pk")

    checker = Visit(chromium, live_server.url, "finance")
    checker.open(addresses["inbox"])
    checker.page.keyboard.press("j")
    checker.page.keyboard.press("Enter")
    checker.page.wait_for_selector("text=Approve and do it")
    assert checker.page.url.endswith(f"/approvals/{request.pk}/")
    checker.page.focus("[name=reason]")
    checker.page.keyboard.press("Tab")
    checker.page.keyboard.press("Enter")
    checker.page.wait_for_selector("text=was approved and done")
    request.refresh_from_db()
    assert request.state == "approved"
    assert [*maker.complaints, *checker.complaints] == []
    maker.context.close()
    checker.context.close()
