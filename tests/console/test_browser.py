"""The screens in a real browser: accessible, usable by keyboard and without script, and fitting narrow screens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib import admin
from django.urls import reverse

from ims.ledger.models import Entry, Posting
from tests.console.conftest import PASSWORD, add_people, add_receipts
from tests.support.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 390, 1280)

if not CHROMIUM.exists():
    pytest.skip(f"{CHROMIUM} is not installed; the tests of screens in a browser need it", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """One browser for the module. Playwright runs an event loop, beside which Django refuses to use the database."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def posted(world_committed: World) -> list[Entry]:
    add_people()
    return add_receipts(world_committed)


def violations(page: object, complaints: list[str]) -> list[str]:
    """What axe finds on a page, one line each. Run outside the page's policy, which rightly refuses injected scripts;
    what the browser adds to `complaints` meanwhile is taken out again.
    """
    page.wait_for_load_state()
    before = len(complaints)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    answer = page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
    page.wait_for_timeout(100)  # what axe provoked may be told a moment later
    del complaints[before:]  # axe tries styles of its own, which the policy refuses
    return [f"{found['id']}: {node['html'][:160]}" for found in answer["violations"] for node in found["nodes"][:3]]


def overflow(page: object) -> int:
    """Pixels by which a page scrolls sideways, once it has arrived: before, it may have no width at all."""
    page.wait_for_load_state()
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


class Visit:
    """A browser window with somebody signed in, which remembers what the browser complained about."""

    def __init__(self, browser: object, root: str, username: str, *, script: bool = True) -> None:
        self.root = root
        self.context = browser.new_context(java_script_enabled=script, viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console",
            lambda message: message.type == "error" and self.complaints.append(f"{self.page.url} {message.text}"),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.open(reverse("admin:login") + "?next=/")
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(root + "/")

    def open(self, address: str) -> None:
        self.page.goto(self.root + address)

    def violations(self) -> list[str]:
        """What axe finds on the page."""
        return violations(self.page, self.complaints)

    def overflow(self) -> int:
        """Pixels by which the page itself scrolls sideways."""
        return overflow(self.page)


@pytest.fixture
def visit(chromium: object, live_server: object) -> Iterator[object]:
    opened: list[Visit] = []

    def start(username: str, **options: object) -> Visit:
        opened.append(Visit(chromium, live_server.url, username, **options))
        return opened[-1]

    yield start
    for window in opened:
        window.context.close()


def own_pages(entry: Entry) -> list[str]:
    return [
        reverse("today"),
        reverse("receipts:search"),
        reverse("receipts:search") + "?q=moss&fund=23&amount_from=1",
        reverse("receipts:search") + "?amount_from=x",
        reverse("receipts:search") + "?q=nobody-here-1",
        reverse("receipts:receipt", args=[entry.pk]),
        reverse("receipts:print", args=[entry.pk]),
        reverse("receipts:journal", args=[entry.pk]),
        reverse("receipts:reverse", args=[entry.pk]),
        reverse("receipts:transfer"),
        reverse("periods:index"),
        reverse("admin:password_change"),
        reverse("account:interests"),
        reverse("access:interests"),
        "/nowhere/",
    ]


def stock_pages() -> list[str]:
    """Django's admin in our dress: the index, one list of each kind, a form, a history, an export, an import."""
    pages = [reverse("admin:index")]
    registered = {model._meta.label_lower for model in admin.site._registry}
    for label in ("funds.fund", "accounts.accountholder", "audit.event", "ledger.seal", "people.user"):
        if label in registered:
            pages.append(reverse(f"admin:{label.replace('.', '_')}_changelist"))
    pages.append(reverse("admin:funds_systemmessage_add"))
    for view, arguments in (("change", ["23"]), ("history", ["23"]), ("add", []), ("export", []), ("import", [])):
        pages.append(reverse(f"admin:funds_fund_{view}", args=arguments))
    return pages


def test_no_page_has_an_accessibility_fault(visit, posted: list[Entry]):
    for username, pages in (("income-manager", own_pages(posted[0])), ("administrator", stock_pages())):
        window, found = visit(username), {}
        for address in pages:
            window.open(address)
            if faults := window.violations():
                found[address] = faults
        assert found == {}
        unexpected = [text for text in window.complaints if "status of 404" not in text]
        assert unexpected == [], "the browser refused something, most likely by the policy"


def test_no_page_scrolls_sideways_at_any_width(visit, posted: list[Entry]):
    wide = []
    for username, pages in (("income-manager", own_pages(posted[0])), ("administrator", stock_pages())):
        window = visit(username)
        for width in WIDTHS:
            window.page.set_viewport_size({"width": width, "height": 800})
            for address in pages:
                window.open(address)
                if (over := window.overflow()) > 0:
                    wide.append((address, width, over))
    assert wide == []


def test_the_sign_in_page_is_accessible(chromium, live_server, posted: list[Entry]):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(live_server.url + reverse("admin:login"))
    assert violations(page, []) == []
    context.close()


def test_the_keyboard_is_enough(visit, posted: list[Entry], world_committed: World):
    """From the first Tab to a posted journal without a pointer."""
    window = visit("income-manager")
    page = window.page
    window.open("/receipts/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type(posted[0].receipt_number)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/receipts/{posted[0].pk}/**")
    _focus(page, "Journal")
    page.keyboard.press("Enter")
    page.wait_for_url("**/journal/")
    page.focus("#id_to-0-fund")
    page.keyboard.type("5 Hous")
    page.keyboard.press("Tab")
    page.keyboard.type(world_committed.rents_account)
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("20.50")
    page.focus("#id_reason")
    page.keyboard.type("Tenant used the wrong reference")
    _focus(page, "See what will be posted")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Check before posting")
    assert window.violations() == []
    _focus(page, "Post")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=was posted")
    assert window.violations() == []
    assert Posting.objects.filter(kind="journal").count() == 1


def _focus(page: object, text: str) -> None:
    """Press Tab until the control with exactly this text has the focus; fail when it never does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"the keyboard never reaches “{text}”")


def test_everything_works_without_script(visit, posted: list[Entry], world_committed: World):
    window = visit("income-manager", script=False)
    page = window.page
    page.set_viewport_size({"width": 390, "height": 800})
    page.click("text=Receipts")
    page.fill("#q", "moss")
    page.click("text=Search >> nth=-1")
    page.click(f"text={posted[0].receipt_number}")
    page.click("text=Reverse >> nth=-1")
    page.fill("#id_reason", "Cheque bounced")
    page.click("text=See what will be posted")
    page.click("button[value=confirm]")
    assert "was posted" in page.inner_text("main")
    assert Posting.objects.filter(kind="reversal").count() == 1


def test_errors_take_the_focus_and_lead_to_their_fields(visit, posted: list[Entry]):
    window = visit("income-manager")
    page = window.page
    window.open(reverse("receipts:journal", args=[posted[0].pk]))
    page.click("text=See what will be posted")
    page.wait_for_selector(".govuk-error-summary")
    page.wait_for_load_state()  # the script that moves the focus runs before that
    assert page.evaluate("document.activeElement.classList.contains('govuk-error-summary')")
    assert page.title().startswith("Error: ")
    page.click(".govuk-error-summary a >> nth=0")
    assert page.evaluate("document.activeElement.tagName") in ("SELECT", "INPUT", "TEXTAREA")
    assert window.violations() == []
