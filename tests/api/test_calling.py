"""Calling the API over real HTTP: who is let in, how refusals read, how reads are paged and limited."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from ims.api.models import Client, ClientKey
from ims.audit.actors import acting
from ims.audit.models import Event
from ims.common import clock
from tests.console.conftest import receive
from tests.support.world import SET_UP, World

pytestmark = pytest.mark.django_db(transaction=True)
PROBLEM = "application/problem+json"


def refusal(answer: requests.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert body["detail"]
    assert {"type", "title", "code"} <= set(body)
    return body


def test_without_a_key_nothing_opens(stranger, paying: World):
    for path in ("payment-types", "receipts", "receipts/REC-000001/1"):
        answer = stranger.get(path)
        assert "Authorization: Bearer" in refusal(answer, 401)["detail"]
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("wrong", ["x", "ims_abc", "ims_aaaaaaaa_" + "b" * 43, "ims_\u00e9", "a" * 5000])
def test_a_wrong_key_opens_nothing(stranger, paying: World, wrong: str):
    stranger.headers["Authorization"] = f"Bearer {wrong}".encode()
    assert refusal(stranger.get("payment-types"), 401)["code"] == "authentication_failed"


def test_revoked_expired_and_out_of_use_keys_open_nothing(call):
    caller = call("references:check")
    assert caller.get("payment-types").status_code == 200
    key = ClientKey.objects.get()
    assert key.last_used_on == clock.today()
    ClientKey.objects.update(revoked_at=clock.now())
    refusal(caller.get("payment-types"), 401)
    ClientKey.objects.update(revoked_at=None, issued_at=clock.now() - timedelta(2), expires_at=clock.now())
    refusal(caller.get("payment-types"), 401)
    ClientKey.objects.update(expires_at=clock.now() + timedelta(1))
    assert caller.get("payment-types").status_code == 200
    with acting(SET_UP, "Test"):
        client = Client.objects.get()
        client.is_active = False
        client.save()
    refusal(caller.get("payment-types"), 401)


def test_guessers_are_stopped_for_a_while(stranger, call):
    honest = call("references:check")
    stranger.headers["Authorization"] = "Bearer ims_aaaaaaaa_guess"
    answers = [stranger.get("payment-types").status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]
    # They share an address in this test: the honest caller is stopped too, which is what the limit is per.
    assert int(honest.get("payment-types").headers["Retry-After"]) > 0


def test_a_scope_opens_its_own_addresses_and_no_others(call):
    caller = call("receipts:read")
    assert caller.get("receipts").status_code == 200
    assert "references:check" in refusal(caller.get("payment-types"), 403)["detail"]


def test_a_session_cookie_opens_nothing(paying: World, live_server, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", "", "x"))
    answer = requests.get(
        live_server.url + "/api/v1/receipts", cookies={"sessionid": client.cookies["sessionid"].value}, timeout=30
    )
    refusal(answer, 401)


def test_calls_are_limited_by_the_minute(call):
    caller = call("references:check", calls_a_minute=2)
    answers = [caller.get("payment-types") for _ in range(4)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused, "at most one minute can end among four calls"
    assert 0 < int(refused[-1].headers["Retry-After"]) <= 60
    refusal(refused[-1], 429)


def test_addresses_that_are_none_are_answered_in_the_same_form(call):
    caller = call("references:check")
    refusal(caller.get("nothing"), 404)
    refusal(caller.get("receipts/x"), 404)
    refusal(caller.post("payment-types", {}), 405)
    refusal(
        requests.post(
            caller.root + "reference-checks",
            data="{",
            headers={**caller._all(), "Content-Type": "application/json"},
            timeout=30,
        ),
        400,
    )
    for sent, kind in (("{", "application/json"), ("a=1", "text/plain"), ("\x00", "application/json")):
        headers = {**caller._all(), "Content-Type": kind}
        answer = requests.post(caller.root + "reference-checks", data=sent, headers=headers, timeout=30)
        refusal(answer, 415 if kind == "text/plain" else 400)


def test_a_reference_is_checked_in_both_languages(call, paying: World):
    caller = call("references:check")
    body = {"payment_type": "council-tax", "reference": paying.council_tax_account, "amount": "12.50"}
    assert caller.post("reference-checks", body, key=None).json() == {
        "accepted": True,
        "reference": paying.council_tax_account,
        "code": "",
        "field": "",
        "message": "",
        "warnings": [],
    }
    refused = caller.post("reference-checks", {**body, "reference": "7001"}, key=None).json()
    assert (refused["accepted"], refused["code"], refused["field"]) == (False, "reference_too_short", "reference")
    assert refused["message"] == "The reference has 9 characters. You entered 4."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "payment_type"),
        ({"payment_type": "council-tax", "reference": "1", "amount": 1.1}, "amount"),
        ({"payment_type": "council-tax", "reference": "1", "amount": "0.00"}, "amount"),
        ({"payment_type": "council-tax", "reference": "1", "amount": "1e3000"}, "amount"),
        ({"payment_type": "council-tax", "reference": "1", "amount": "NaN"}, "amount"),
        ({"payment_type": "council-tax", "reference": "a\0b"}, "reference"),
        ({"payment_type": "council-tax", "reference": {"a": 1}}, "reference"),
        ({"payment_type": "council-tax", "reference": "1", "language": "fr"}, "language"),
        ([], ""),
        ("x", ""),
        (None, "payment_type"),
    ],
)
def test_what_cannot_be_read_is_said_field_by_field(call, body, field: str):
    found = refusal(call("references:check").post("reference-checks", body, key=None), 400)
    assert field in {each["field"] for each in found["errors"]}


def test_an_unknown_type_is_not_found(call):
    body = {"payment_type": "window-tax", "reference": "1"}
    assert "window-tax" in refusal(call("references:check").post("reference-checks", body, key=None), 404)["detail"]


def test_receipts_are_paged_to_the_end_within_the_clients_funds(call, paying: World):
    for number in range(7):
        receive("23", f"{number + 1}.00", reference=paying.council_tax_account, key=f"p{number}")
    receive("5", "99.00", reference=paying.rents_account, key="rent")
    caller = call("receipts:read", funds=("23",))
    page, seen = caller.get("receipts", page_size=3).json(), []
    assert page["previous"] is None
    while True:
        seen += [receipt["amount"] for receipt in page["results"]]
        if not page["next"]:
            break
        page = requests.get(page["next"], headers=caller._all(), timeout=30).json()
    assert seen == [f"{number}.00" for number in range(7, 0, -1)]
    number = page["results"][-1]["number"]
    assert caller.get(f"receipts/{number}").json()["number"] == number
    rent = call("receipts:read").get("receipts", fund="5").json()["results"][0]["number"]
    refusal(caller.get(f"receipts/{rent}"), 404)
    assert caller.get("receipts", fund="5").json()["results"] == []


@pytest.mark.parametrize(
    "asked", [{"cursor": "older.2026-01-01." + "9" * 30}, {"cursor": "x"}, {"cursor": "older.2026-01-01.1"}]
)
def test_a_cursor_from_elsewhere_breaks_nothing(call, asked: dict):
    assert call("receipts:read").get("receipts", **asked).status_code in (200, 400)


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"page_size": 0}, "page_size"), ({"page_size": 5000}, "page_size"), ({"received_from": "x"}, "received_from")],
)
def test_questions_that_make_no_sense_are_refused(call, asked: dict, field: str):
    found = refusal(call("receipts:read").get("receipts", **asked), 400)
    assert found["errors"][0]["field"] == field


def test_nothing_is_cached_on_the_way(call):
    assert call("references:check").get("payment-types").headers["Cache-Control"] == "no-store"


def test_an_account_is_shown_to_who_may_see_it_and_each_look_is_recorded(call, paying: World):
    caller = call("accounts:read", funds=("23",), name="Revenues")
    found = caller.get("accounts", fund="23", reference=paying.council_tax_account).json()
    assert (found["name"], found["balance"], found["stopped"]) == ("Mrs Ada Moss", "1200.00", False)
    event = Event.objects.filter(verb="account_read").get()
    assert (event.actor_kind, event.actor_name, event.subject_label) == ("api", "API: Revenues", "23 700123452")
    refusal(caller.get("accounts", fund="5", reference=paying.rents_account), 404)
    refusal(caller.get("accounts", fund="23", reference="1"), 404)
    refusal(caller.get("accounts", fund="23"), 400)
    refusal(call("receipts:read").get("accounts", fund="23", reference=paying.council_tax_account), 403)
