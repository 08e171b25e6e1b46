"""The auditor's screens in a real browser: accessible, fitting narrow screens, within the policy."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from django.urls import reverse

from ims.audit.actors import acting, command
from ims.funds.models import Fund
from ims.people.selectors import actor_for
from tests.console.conftest import add_people, add_receipts
from tests.console.test_browser import Visit, chromium  # noqa: F401 - a fixture
from tests.imports.files import line, posted, simple_profile

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURES = os.environ.get("IMS_PICTURES", "")
"""A directory to put pictures of the pages in, for whoever wants to look at them."""


@pytest.fixture
def addresses(world_committed) -> dict[str, str]:
    administrator = add_people()["Administrator"]
    add_receipts(world_committed)
    simple_profile()
    entry = posted(command("tests"), [line(amount="2000.00"), line(amount="10.00")]).posting.entries.first()
    fund = Fund.objects.get(code="31")
    fund.display_name, fund._history_user = "Building control fees and charges", administrator
    with acting(actor_for(administrator, address="192.0.2.9"), "Budget book 2026, page 14"):
        fund.save()
    day = date.today().isoformat()
    sample = "?method=monetary_unit&first=30+days+ago&last=today&size=5&seed=2026-Q3&fund="
    return {
        "search": reverse("assurance:search"),
        "wrong": reverse("assurance:search") + "?first=some+day",
        "record": reverse("assurance:record", args=["funds.fund", "31"]),
        "person": reverse("assurance:person", args=[administrator.pk]),
        "day": reverse("assurance:walk") + f"?day={day}",
        "walk": reverse("assurance:walk") + f"?fund=23&day={day}",
        "source": reverse("assurance:source", args=[entry.pk]),
        "samples": reverse("assurance:samples") + sample,
        "unusual": reverse("assurance:unusual"),
    }


def test_every_page_is_accessible_fits_and_keeps_the_policy(chromium, live_server, addresses):  # noqa: F811
    visit = Visit(chromium, live_server.url, "auditor")
    faults = []
    for name, address in addresses.items():
        for width in (1280, 390, 320):
            visit.page.set_viewport_size({"width": width, "height": 900})
            visit.open(address)
            if visit.overflow() > 0:
                faults.append(f"{name} scrolls sideways at {width}")
            if PICTURES:
                visit.page.screenshot(path=str(Path(PICTURES) / f"audit-{name}-{width}.png"), full_page=True)
            if width == 1280:
                faults += [f"{name}: {violation}" for violation in visit.violations()]
    visit.context.close()
    assert faults == []
    assert visit.complaints == []
