"""The frame of every page: who may open it, what the policy allows, how refusals look."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, reverse

from ims.console.navigation import JOBS
from ims.ledger.models import Entry
from ims.people.models import User
from ims.people.roles import ROLE_NAMES
from tests.console.conftest import PASSWORD
from tests.console.markup import duplicate_ids, forbidden, text_of

SignIn = Callable[[str], Client]


def daily_pages(entry: Entry) -> list[str]:
    """Addresses of the pages that belong to the console itself."""
    return [
        reverse("today"),
        reverse("receipts:search"),
        reverse("receipts:search") + "?q=moss&fund=23",
        reverse("receipts:search") + "?q=nothing-has-this-99",
        reverse("receipts:search") + "?amount_from=x",
        reverse("receipts:receipt", args=[entry.pk]),
        reverse("receipts:print", args=[entry.pk]),
        reverse("receipts:journal", args=[entry.pk]),
        reverse("receipts:reverse", args=[entry.pk]),
        reverse("receipts:transfer"),
        reverse("periods:index"),
        reverse("periods:new"),
    ]


def admin_pages() -> list[str]:
    """The index, and every list and form of adding that is registered."""
    found = [reverse("admin:index")]
    for model in admin.site._registry:
        for view in ("changelist", "add"):
            try:
                found.append(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"))
            except NoReverseMatch:
                continue
    return found


@pytest.mark.parametrize("role", [*ROLE_NAMES, "Nobody"])
def test_every_page_renders_or_refuses_and_holds_nothing_inline(role: str, as_role: SignIn, receipts: list[Entry]):
    client = as_role(role)
    for address in [*daily_pages(receipts[0]), *admin_pages()]:
        answer = client.get(address)
        assert answer.status_code in (200, 403), (address, answer.status_code)
        page = answer.content.decode()
        assert forbidden(page) == [], address
        assert duplicate_ids(page) == [], address
        assert "Model Council" in page, address


def test_the_policy_allows_nothing_unsafe(as_role: SignIn):
    for answer in (
        as_role("Income officer").get("/"),
        Client().get(reverse("account_login")),
        Client().get("/nowhere/"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_pages_ask_for_sign_in_and_come_back_to_where_one_was_going(people: dict[str, User], receipts: list[Entry]):
    for address in daily_pages(receipts[0]):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer.url.startswith(reverse("account_login") + "?next=")


def test_signing_in_and_out_by_the_forms(people: dict[str, User]):
    client = Client(enforce_csrf_checks=True)
    page = client.get(reverse("admin:login") + "?next=/receipts/", follow=True)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())[1]
    wrong = {"login": "income-officer", "password": "wrong", "next": "/receipts/", "csrfmiddlewaretoken": token}
    answer = client.post(reverse("account_login"), wrong)
    assert "There is a problem" in text_of(answer.content)
    answer = client.post(reverse("account_login"), {**wrong, "password": PASSWORD})
    assert (answer.status_code, answer.url) == (302, "/receipts/")
    page = client.get("/receipts/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    answer = client.post(reverse("admin:logout"), {"csrfmiddlewaretoken": token})
    assert "You have signed out" in text_of(answer.content)
    assert client.get("/receipts/").status_code == 302


def test_navigation_shows_the_jobs_a_person_may_do_and_marks_where_they_are(as_role: SignIn):
    page = text_of(as_role("Service desk").get("/").content)
    assert "Exports" not in page.split("Skip to main content")[1][:120]
    page = as_role("Income officer").get("/receipts/").content.decode()
    assert re.search(r'href="/receipts/" aria-current="page"', page)
    assert [job.label for job in JOBS] == [
        "Today",
        "Receipts",
        "Payments",
        "Imports",
        "Suspense",
        "Exports",
        "Proof",
        "Approvals",
        "Accounts",
        "Audit",
        "Settings",
    ]


def test_a_person_without_the_permission_reads_which_one_is_missing(as_role: SignIn, receipts: list[Entry]):
    answer = as_role("Nobody").get(reverse("receipts:search"))
    assert answer.status_code == 403
    assert "You may not see receipts." in text_of(answer.content)
    assert "ledger.view_entry" in text_of(answer.content)


def test_what_does_not_exist_and_what_lies_out_of_reach_look_the_same(as_role: SignIn, receipts: list[Entry]):
    answer = as_role("Income officer").get(reverse("receipts:receipt", args=[10**9]))
    assert answer.status_code == 404
    assert "There is no such receipt" in text_of(answer.content)


def test_an_unknown_address_has_a_plain_page(as_role: SignIn):
    answer = as_role("Income officer").get("/no/such/page/")
    assert answer.status_code == 404
    assert "Page not found" in text_of(answer.content)
    assert "URLconf" not in answer.content.decode()


def test_a_fault_of_ours_shows_no_trace(as_role: SignIn, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("ims.console.views.today.day_of", broken)
    client = as_role("Income officer")
    client.raise_request_exception = False
    answer = client.get("/")
    assert answer.status_code == 500
    assert "Something went wrong" in text_of(answer.content)
    assert "secret detail" not in answer.content.decode()


def test_a_form_sent_after_signing_out_says_so(people: dict[str, User]):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["Income manager"])
    answer = client.post(reverse("receipts:transfer"), {})
    assert answer.status_code == 403
    assert "Send the form again" in text_of(answer.content)
    assert forbidden(answer.content.decode()) == []


def test_only_reading_methods_reach_pages_that_read(as_role: SignIn):
    assert as_role("Income officer").post("/").status_code == 405
