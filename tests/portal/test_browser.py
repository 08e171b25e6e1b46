"""The payment pages in a real browser, from the first page over the practice provider's card page to the result: two
bills, a failure and a second try, Welsh, without script, by keyboard.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ims.ledger.models import Posting
from ims.payments import gateways
from ims.payments.models import PaymentAttempt
from ims.providers import stub
from tests.console.test_browser import WIDTHS, chromium, overflow, violations
from tests.payments.conftest import Desk

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Visit:
    """Somebody's browser at the payment pages, which looks at every page at every width as it goes."""

    def __init__(self, browser: object, root: str, *, script: bool = True) -> None:
        self.root, self.script = root, script
        self.context = browser.new_context(java_script_enabled=script, viewport={"width": 390, "height": 844})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console",
            lambda message: message.type == "error" and self.complaints.append(f"{self.page.url} {message.text}"),
        )

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.root}/pay/{path}")

    def looks(self) -> None:
        """No fault that axe finds, nothing wider than the window, on phones and desks."""
        if not self.script:
            return
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            assert overflow(self.page) <= 0, f"{self.page.url} at {width}"
        faults = violations(self.page, self.complaints)
        assert faults == [], f"{self.page.url}: {faults}"

    def bill(self, title: str, reference: str, amount: str, button: str = "Continue") -> None:
        self.open()
        self.looks()
        self.page.click(f"a:has-text('{title}')")
        self.looks()
        self.page.fill("#id_reference", reference)
        self.page.fill("#id_amount", amount)
        self.page.click(f"button:has-text('{button}')")

    def card(self, outcome: str) -> None:
        """Choose on the card page, which sends the browser back."""
        self.page.wait_for_url(f"**{gateways.STUB_PAGE}**")
        self.looks()
        with self.page.expect_navigation(url="**/pay/result/**"):
            self.page.get_by_role("button", name=stub.OUTCOMES[outcome][2]).click()

    def text(self) -> str:
        self.page.wait_for_load_state()
        return self.page.inner_text("body")


@pytest.fixture
def visit(chromium: object, live_server: object, paying_desk: Desk) -> Iterator[object]:
    opened: list[Visit] = []

    def start(**options: object) -> Visit:
        opened.append(Visit(chromium, live_server.url, **options))
        return opened[-1]

    yield start
    for window in opened:
        # A form refused (400) or an address that is none (404) is remarked on by the browser, and is meant.
        assert [said for said in window.complaints if "responded with a status of 4" not in said] == []
        window.context.close()


def test_two_bills_in_one_go(visit, paying_desk: Desk):
    window, world = visit(), paying_desk.world
    window.bill("Council Tax", world.council_tax_account, "120.50")
    window.looks()
    window.bill("Council house rent", world.rents_account, "95.50")
    assert "£216.00" in window.text()
    window.page.click("text=Continue to pay")
    window.looks()
    window.page.fill("#id_email", "ada@example.org")
    window.page.click("button:has-text('Continue')")
    window.looks()
    window.page.click("button:has-text('Pay £216.00 by card')")
    window.card("pay")
    assert "Payment received" in window.text()
    window.looks()
    assert str(Posting.objects.get()) in window.text()
    window.page.emulate_media(media="print")
    assert not window.page.is_visible("text=Pay something else")
    window.page.emulate_media(media="screen")
    window.page.click("text=See later what became of your payment")
    assert "Yes. We have received your payment." in window.text()
    window.looks()


def test_a_failure_and_a_second_try(visit, paying_desk: Desk):
    window = visit()
    window.bill("Council Tax", "12", "x")
    assert window.page.title().startswith("Error:")
    assert "You entered 2." in window.text()
    window.looks()
    window.page.click(".govuk-error-summary__list a >> nth=0")
    assert window.page.evaluate("document.activeElement.id") == "id_reference"
    window.bill("Council Tax", paying_desk.world.council_tax_account, "10")
    window.page.click("text=Continue to pay")
    window.page.click("button:has-text('Continue')")
    window.page.click("button:has-text('by card')")
    window.card("decline")
    assert "Nothing was paid. No money was taken." in window.text()
    window.looks()
    window.page.click("button:has-text('Try to pay again')")
    attempt = PaymentAttempt.objects.order_by("-id").first()
    window.open(f"result/{attempt.return_token}/")
    assert "Do not pay again." in window.text()
    window.looks()
    window.page.click("button:has-text('Go back to the card page')")
    window.card("pay")
    assert "Payment received" in window.text()
    window.page.go_back()
    window.page.go_back()
    assert Posting.objects.count() == 1


def test_in_welsh(visit, paying_desk: Desk):
    window = visit()
    window.open()
    window.page.click("text=Cymraeg")
    window.looks()
    assert window.page.get_attribute("html", "lang") == "cy"
    window.bill("Treth Gyngor", paying_desk.world.council_tax_account, "10", button="Parhau")
    window.page.click("text=Parhau i dalu")
    window.page.click("button:has-text('Parhau')")
    window.looks()
    window.page.click("button:has-text('â cherdyn')")
    window.card("pay")
    assert "Taliad wedi dod i law" in window.text()
    window.looks()
    for path in ("cookies/", "accessibility/", "nowhere/"):
        window.open(path)
        window.looks()


def test_without_script(visit, paying_desk: Desk):
    window = visit(script=False)
    window.bill("Building control", "BC/26/1", "50")
    window.page.click("text=Continue to pay")
    for box, value in (("name", "Ada"), ("line1", "1 High St"), ("town", "Barchester"), ("postcode", "S70 2DR")):
        window.page.fill(f"#id_{box}", value)
    window.page.click("button:has-text('Continue')")
    window.page.click("button:has-text('by card')")
    attempt = PaymentAttempt.objects.get()
    window.open(f"result/{attempt.return_token}/")
    assert "still checking" in window.page.content()
    assert not window.page.is_visible("text=looks again by itself")
    window.page.click("button:has-text('Go back to the card page')")
    window.card("pay")
    assert "Payment received" in window.page.content()


def test_by_keyboard_alone(visit, paying_desk: Desk):
    window = visit()
    window.open()
    keys = window.page.keyboard

    def to(selector: str, most: int = 30) -> None:
        for _ in range(most):
            keys.press("Tab")
            if window.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        pytest.fail(f"{selector} cannot be reached by Tab on {window.page.url}")

    keys.press("Tab")
    assert window.page.evaluate("document.activeElement.className") == "govuk-skip-link"
    to("a[href='/pay/for/council-tax/']")
    keys.press("Enter")
    window.page.wait_for_url("**/for/council-tax/")
    to("#id_reference")
    keys.type(paying_desk.world.council_tax_account)
    to("#id_amount")
    keys.type("10")
    keys.press("Enter")
    window.page.wait_for_url("**/basket/")
    to("a[href='/pay/details/']")
    keys.press("Enter")
    window.page.wait_for_url("**/details/")
    to("main button")
    keys.press("Enter")
    window.page.wait_for_url("**/check/")
    to("form[action='/pay/card/'] button")
    keys.press("Enter")
    window.page.wait_for_url(f"**{gateways.STUB_PAGE}**")
    to("button[value='pay']")
    keys.press("Enter")
    window.page.wait_for_url("**/pay/result/**")
    assert "Payment received" in window.text()


def test_a_page_that_waits_shows_the_result_by_itself(visit, paying_desk: Desk):
    window = visit()
    attempt = paying_desk.start(paying_desk.basket("10.00")).attempt
    window.open(f"result/{attempt.return_token}/")
    window.page.wait_for_selector("text=looks again by itself")
    window.looks()
    token = gateways.provider_for(attempt.service).fetch(attempt.provider_id).next_step.url
    stub.choose(gateways.practice_books(), token.removeprefix(gateways.STUB_PAGE), "pay")
    window.page.wait_for_selector("text=Payment received")
