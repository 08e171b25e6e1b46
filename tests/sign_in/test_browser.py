"""Sign-in in a real browser: passkeys on a virtual device, a directory through its own pages, every page looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from ims.audit.models import Event
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, INCOME_OFFICER
from ims.sign_in.models import BreakGlassUse, DirectoryRole
from ims.sign_in.services.accounts import mark_break_glass
from ims.sign_in.services.directory import connect_identity
from ims.sign_in.services.links import make_link
from tests.console.test_browser import WIDTHS, chromium, overflow, violations
from tests.people.people_world import SET_UP
from tests.sign_in.local_account import PASSWORD, code_of, person, with_app
from tests.sign_in.openid_provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

__all__ = ["chromium"]

PICTURES = os.environ.get("IMS_PICTURES", "")
"""A directory to put pictures of the pages in, for whoever wants to look at them."""

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Window:
    """A browser with a device for passkeys, which remembers what the browser complained about."""

    def __init__(self, browser: object, root: str) -> None:
        self.root = root
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda said: said.type == "error" and self.complaints.append(f"{self.page.url} {said.text}")
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.device = self.context.new_cdp_session(self.page)
        self.device.send("WebAuthn.enable")
        self.key = self.device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]

    def _hear(self, said: object) -> None:
        if said.type == "error":
            self.complaints.append(f"{self.page.url} {said.text}")

    def open(self, address: str) -> None:
        self.page.goto(self.root + address)

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self.open(reverse("account_login"))
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", password)
        self.press("Sign in")

    def press(self, text: str) -> None:
        self.page.get_by_role("button", name=text, exact=True).click()

    def faults(self) -> list[str]:
        """What axe finds on the page, and how far it scrolls sideways at any width."""
        said = violations(self.page, self.complaints)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            over = overflow(self.page)
            said += [f"{over} px too wide at {width}"] if over > 0 else []
        self.page.set_viewport_size({"width": 1280, "height": 900})
        return said


@pytest.fixture
def window(chromium: object, live_server: object, settings) -> Iterator[Window]:
    settings.SECOND_FACTOR_REQUIRED = True
    opened = Window(chromium, live_server.url)
    yield opened
    opened.context.close()


def test_a_passkey_is_added_and_then_signs_in_alone(window: Window):
    person("olu", INCOME_OFFICER)
    window.sign_in("olu")
    window.page.wait_for_url("**/account/")
    window.page.get_by_role("button", name="Add a passkey").click()
    window.page.fill("#id_name", "Work laptop")
    window.press("Add the passkey")
    window.page.wait_for_url("**/recovery-codes/")
    expect(window.page.locator("main li")).to_have_count(10)
    window.page.get_by_role("button", name="I have kept them").click()
    window.page.wait_for_url(window.root + "/")
    window.press("Sign out")
    window.open(reverse("account_login") + "?next=/receipts/")
    window.press("Sign in with a passkey")
    window.page.wait_for_url(window.root + "/receipts/")
    assert Event.objects.filter(verb="signed_in").first().data == {"with": ["mfa:webauthn"]}
    assert Event.objects.get(verb="second_factor_added", data__type="webauthn").data["name"] == "Work laptop"
    assert window.complaints == []


def test_a_passkey_as_second_factor_and_to_confirm(window: Window, settings):
    person("olu", INCOME_OFFICER)
    window.sign_in("olu")
    window.page.get_by_role("button", name="Add a passkey").click()
    window.page.uncheck("#id_passwordless")
    window.press("Add the passkey")
    window.page.wait_for_url("**/recovery-codes/")
    window.press("Sign out")
    window.sign_in("olu")
    window.page.wait_for_url("**/second-factor/")
    window.press("Use a passkey")
    window.page.wait_for_url(window.root + "/")
    settings.CONFIRM_MINUTES = 0
    window.open(reverse("mfa_reauthenticate_webauthn") + "?next=/receipts/")
    settings.CONFIRM_MINUTES = 30
    window.press("Use a passkey")
    window.page.wait_for_url(window.root + "/receipts/")
    assert window.complaints == []


def test_a_device_that_refuses_is_a_sentence(window: Window):
    person("olu", INCOME_OFFICER)
    window.sign_in("olu")
    window.page.get_by_role("button", name="Add a passkey").click()
    window.device.send("WebAuthn.setUserVerified", {"authenticatorId": window.key, "isUserVerified": False})
    window.press("Add the passkey")
    expect(window.page.get_by_text("The passkey was not used")).to_be_visible()
    assert window.page.url.endswith(reverse("mfa_add_webauthn"))


def test_the_directory_signs_in_under_the_policy(window: Window, provider: Provider, settings):
    provider.accepts(window.root)
    provider.says(user="olu", asks=True)
    policy = settings.CONTENT_SECURITY_POLICY
    with_provider = {**policy["DIRECTIVES"], "form-action": ["'self'", provider.issuer]}
    who = person("olu", INCOME_OFFICER)
    connect_identity(actor=SET_UP, person=who, directory="town", subject="subject-of-olu", reason="Test set-up")
    window.open(reverse("account_login") + "?next=/receipts/")
    window.press("Town directory")
    window.page.wait_for_timeout(1500)
    assert window.page.url.startswith(window.root), "a provider the policy does not name was reached by a form"
    assert any("form-action" in said for said in window.complaints)
    window.complaints.clear()
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": with_provider}
    window.open(reverse("account_login") + "?next=/receipts/")
    window.press("Town directory")
    window.press("Go on")  # the provider's own page
    window.page.wait_for_url(window.root + "/receipts/")
    assert [said for said in window.complaints if "status of 404" not in said] == []  # it has no icon


def test_every_page_is_accessible_and_fits(window: Window, provider: Provider):
    ada, olu = person("ada", ADMINISTRATOR), person("olu", INCOME_OFFICER)
    secret = with_app(ada)
    mark_break_glass(actor=SET_UP, person=olu, note="Safe in room 4", reason="Set up")
    use = BreakGlassUse.objects.create(person=olu, address="192.0.2.1")
    DirectoryRole.objects.create(directory="town", value="income", role=INCOME_OFFICER)
    link = make_link(actor=SET_UP, person=olu)
    found: dict[str, list[str]] = {}

    def look(address: str = "") -> None:
        if address:
            window.open(address)
        if faults := window.faults():
            found[window.page.url] = faults
        if PICTURES:
            name = window.page.url.removeprefix(window.root).strip("/").replace("/", "-")[:60]
            for width in (1280, 390):
                window.page.set_viewport_size({"width": width, "height": 900})
                window.page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
            window.page.set_viewport_size({"width": 1280, "height": 900})

    for address in (reverse("account_login"), reverse("account_inactive"), reverse("account:link", args=[link.secret])):
        look(address)
    window.sign_in("ada", "wrong")
    look()
    window.sign_in("ada")
    window.page.wait_for_url("**/second-factor/")
    look()
    window.page.fill("#id_code", code_of(secret))
    window.press("Go on")
    window.page.wait_for_url(window.root + "/")
    look()
    for address in (
        reverse("mfa_index"),
        reverse("mfa_list_webauthn"),
        reverse("mfa_add_webauthn"),
        reverse("mfa_deactivate_totp"),
        reverse("mfa_generate_recovery_codes"),
        reverse("account_reauthenticate"),
        reverse("mfa_reauthenticate"),
        reverse("account:person", args=[olu.pk]),
        reverse("account:person", args=[ada.pk]),
        reverse("account:break_glass", args=[use.pk]),
        reverse("admin:sign_in_directoryrole_changelist"),
        reverse("admin:sign_in_directoryrole_add"),
        reverse("admin:people_user_change", args=[olu.pk]),
    ):
        look(address)
    window.press("Sign out")
    window.sign_in("olu")
    window.page.wait_for_url("**/account/")
    look()
    look(reverse("mfa_activate_totp"))
    assert found == {}
    assert [said for said in window.complaints if "status of" not in said] == []


def test_without_script_a_password_and_an_app_are_enough(chromium: object, live_server: object, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    secret = with_app(person("olu", INCOME_OFFICER))
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + reverse("account_login"))
    assert page.get_by_role("button", name="Sign in with a passkey").is_hidden()
    page.fill("#id_username", "olu")
    page.fill("#id_password", PASSWORD)
    page.click("button:has-text('Sign in') >> visible=true")
    page.fill("#id_code", code_of(secret))
    page.click("button:has-text('Go on')")
    page.wait_for_url(live_server.url + "/")
    assert User.objects.get(username="olu").last_login
    context.close()
