"""Every address that is open to the public: what it is for, the same for everybody, and silent about people.

    IMS_WRITE_PERMISSIONS=1 .venv/bin/python -m pytest tests/security/test_public_pages.py

writes docs/architecture/public-pages.md anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client as Browser
from django.urls import reverse

from ims.correspondence.status_links import status_path
from ims.payments.dealings import refresh
from ims.payments.services import NewLine, Payer, create_link, token_of
from ims.portal import urls
from tests.console.conftest import add_people
from tests.payments.conftest import build_desk, own_books
from tests.security.surface import _readable
from tests.support.world import World, add_payment_types

__all__ = ["own_books"]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "architecture" / "public-pages.md"
PAGES = {
    "start": "what can be paid; holds nothing of anybody",
    "bill": "asks for a reference and an amount; says whether they may be paid, not whose they are; tries are limited",
    "basket": "what this browser is about to pay, found by its session",
    "remove": "takes a bill out of this browser's list",
    "begin-again": "forgets this browser's list",
    "link": "what a link of staff's asks to be paid, to whoever holds its signed address; it works once and expires",
    "order": "takes up in this browser what another system asks to be paid, to whoever holds its token",
    "payer": "where the receipt goes; the address where a bill needs it; shown to this browser alone",
    "check": "everything once more; shown to this browser alone",
    "pay": "asks the card provider for the payment of this browser's list; payments begun are limited",
    "returned": "what came of a payment, to whoever holds its token of 192 random bits; looks are limited",
    "outcome": "whether it is known by now what came of it, yes or no, to whoever holds the token; looks are limited",
    "again": "another attempt at a failed payment, to whoever holds its token",
    "status": "whether a payment arrived, to whoever holds the receipt's signed address; ends of references",
    "cookies": "a text",
    "accessibility": "a text",
    "brand": "the council's colours as a style sheet",
}
ONLY_POSTED = {"remove", "begin-again", "pay", "again"}
HEAD = """# What is open to the public

Written by `tests/security/test_public_pages.py`, which asks every address below `/pay/` signed out and as somebody of
every role: a sign-in makes no difference there. A web server may let nothing but `/pay/`, `/static/`, `/notifications/`
(where card providers tell of payments) and, where other systems call, `/api/` through from outside, which is what
`public_hostname` in the [kit](deployment.md) is for. The machine's own questions (`/healthz`, `/readyz`) stay inside.

| address | what for, and what it gives away |
|---|---|
"""


@pytest.fixture
def places(transactional_db, world_committed: World) -> dict[str, str]:
    """A true address for every name, with a payment that was made."""
    desk = build_desk(world_committed)
    add_payment_types()
    attempt = desk.paid("145.00")
    refresh(actor=desk.public, attempt_id=attempt.pk)
    token = attempt.return_token
    line = NewLine(fund="5", amount=Decimal("10.00"), account_reference=world_committed.rents_account)
    link = create_link(actor=desk.staff, lines=[line], payer=Payer(email="ada@example.org"))
    arguments = {
        "bill": ["council-tax"],
        "link": [token_of(link)],
        "order": [attempt.basket.token],
        "returned": [token],
        "outcome": [token],
        "again": [token],
        "status": [status_path(token).rstrip("/").rsplit("/", 1)[-1]],
    }
    return {name: reverse(f"portal:{name}", args=arguments.get(name, ())) for name in PAGES}


def test_every_public_address_is_explained():
    assert {pattern.name for pattern in urls.urlpatterns} == set(PAGES)
    lines = [f"| `/pay/{_readable(str(pattern.pattern))}` | {PAGES[pattern.name]} |" for pattern in urls.urlpatterns]
    table = HEAD + "\n".join(lines) + "\n"
    if os.environ.get("IMS_WRITE_PERMISSIONS"):
        DOCUMENT.write_text(table, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == table, "docs/architecture/public-pages.md is out of date"


def test_a_sign_in_makes_no_difference_and_nobody_is_named(places: dict[str, str]):
    browsers = {"nobody": Browser()}
    for role, person in add_people().items():
        browsers[role] = Browser()
        browsers[role].force_login(person)
    for name, url in places.items():
        seen = {who: browser.get(url) for who, browser in browsers.items()}
        assert len({answer.status_code for answer in seen.values()}) == 1, name
        expected = 405 if name in ONLY_POSTED else 302 if name in ("payer", "check", "order") else 200
        assert seen["nobody"].status_code == expected, name
        for answer in seen.values():
            assert "login" not in answer.get("Location", "")
            for secret in ("Moss", "S70 2DR", "1,200", "1200.00", "Sam "):
                assert secret not in answer.content.decode(), (name, secret)


def test_every_form_needs_its_token(places: dict[str, str]):
    browser = Browser(enforce_csrf_checks=True)
    for name in (*ONLY_POSTED, "bill", "payer", "link"):
        assert browser.post(places[name]).status_code == 403, name


def test_no_public_page_may_be_framed_or_kept(places: dict[str, str]):
    for name in set(PAGES) - ONLY_POSTED - {"order"}:
        answer = Browser().get(places[name])
        assert "no-store" in answer["Cache-Control"], name
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
