"""Payments, the telephone line and notifications over real HTTP, with a client's own server on the other side."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
import requests
from django.test import Client as Browser

from ims.api import outward
from ims.api.errors import ClientRefusal
from ims.api.models import Client, ClientPayment, Notification, NotificationTry, NotifyAddress, SpentKey
from ims.api.services import notifying
from ims.audit.actors import acting
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import NotAllowed
from ims.funds.models import MethodOfPayment
from ims.jobs.models import JobRun
from ims.ledger.models import Posting
from ims.payments import gateways
from ims.payments.models import Basket
from ims.providers import stub
from tests.api.conftest import Caller, add_client
from tests.api.test_calling import refusal
from tests.payments.conftest import build_desk, own_books
from tests.support.world import SET_UP, World, person

__all__ = ["own_books"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def selling(paying: World) -> World:
    build_desk(paying)
    with acting(SET_UP, "Test"):
        MethodOfPayment.objects.create(code="91", name="Telephone line", is_card=True, is_card_by_telephone_line=True)
    return paying


@pytest.fixture
def forms(selling: World, call) -> Caller:
    return call("payments:create", name="E-forms")


def order(world: World, **more: object) -> dict:
    lines = [{"payment_type": "council-tax", "reference": world.council_tax_account, "amount": "120.50"}]
    return {"lines": lines, "return_url": "https://forms.example.gov.uk/done", **more}


def pay(pay_url: str, outcome: str = "pay") -> str:
    """Be the payer: follow the address in a browser and pay on the practice card page; the text of the result."""
    browser = Browser()
    path = re.sub(r"^https?://[^/]+", "", pay_url)
    assert browser.get(path)["Location"] == "/pay/details/"
    browser.post("/pay/details/", {"email": ""})
    card = browser.post("/pay/card/")["Location"]
    back = stub.choose(gateways.practice_books(), card.removeprefix(gateways.STUB_PAGE), outcome)
    return browser.get(re.sub(r"^https?://[^/]+", "", back)).content.decode()


def test_a_payment_from_the_form_to_the_receipt(forms: Caller, selling: World):
    made = forms.post("payments", order(selling, client_reference="F-1"))
    assert made.status_code == 201, made.text
    payment = made.json()
    assert (payment["state"], payment["total"], payment["receipt_number"]) == ("open", "120.50", "")
    result = pay(payment["pay_url"])
    assert "Payment received" in result
    assert 'href="https://forms.example.gov.uk/done"' in result
    after = forms.get(f"payments/{payment['id']}").json()
    assert after["state"] == "paid"
    assert after["receipt_number"] == str(Posting.objects.get())
    assert forms.get("payments", client_reference="F-1").json()["results"] == [after]
    assert forms.get("payments", client_reference="F-2").json()["results"] == []
    assert Event.objects.filter(verb="payment_asked_for", actor_name="API: E-forms").exists()


def test_failed_and_tried_again(forms: Caller, selling: World):
    payment = forms.post("payments", order(selling)).json()
    assert "No money was taken" in pay(payment["pay_url"], "decline")
    assert forms.get(f"payments/{payment['id']}").json()["state"] == "failed"
    pay(payment["pay_url"])
    assert forms.get(f"payments/{payment['id']}").json()["state"] == "paid"


def test_the_same_request_again_is_answered_and_not_done_again(forms: Caller, selling: World):
    key, body = str(uuid4()), order(selling)
    first, second = forms.post("payments", body, key=key), forms.post("payments", body, key=key)
    assert first.json() == second.json()
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Basket.objects.count() == ClientPayment.objects.count() == 1
    other = order(selling, client_reference="other")
    assert refusal(forms.post("payments", other, key=key), 422)["code"] == "idempotency_key_spent"


def test_a_note_that_was_lost_does_no_harm(forms: Caller, selling: World):
    """As if the process had died between the act and the note of it."""
    key = str(uuid4())
    first = forms.post("payments", order(selling), key=key).json()
    SpentKey.objects.all().delete()
    assert forms.post("payments", order(selling), key=key).json() == first
    assert Basket.objects.count() == 1


def test_a_refused_request_spends_no_key(forms: Caller, selling: World):
    key = str(uuid4())
    wrong = {**order(selling), "lines": [{"payment_type": "council-tax", "reference": "700123453", "amount": "1.00"}]}
    found = refusal(forms.post("payments", wrong, key=key), 400)
    assert found["code"] == "lines_refused"
    assert "lines[0]" in found["errors"][0]["detail"]
    assert forms.post("payments", order(selling), key=key).status_code == 201


@pytest.mark.parametrize("key", [None, "x" * 256, "é".encode()])
def test_writes_without_a_fit_key_are_refused(forms: Caller, selling: World, key):
    assert refusal(forms.post("payments", order(selling), key=key), 400)["code"] == "idempotency_key_missing"


def test_many_at_once_make_one(forms: Caller, selling: World):
    key, body = str(uuid4()), order(selling)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: forms.post("payments", body, key=key), range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert Basket.objects.count() == 1


def test_a_client_sees_only_its_own(forms: Caller, selling: World, call):
    payment = forms.post("payments", order(selling)).json()
    other = call("payments:create")
    refusal(other.get(f"payments/{payment['id']}"), 404)
    assert other.get("payments").json()["results"] == []
    narrow = call("payments:create", funds=("5",))
    refusal(narrow.post("payments", order(selling)), 404)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://x.example", "https://user:pw@x.example/", "/relative", "", "https://"]
)
def test_a_return_address_that_is_none_is_refused(forms: Caller, selling: World, url: str):
    refusal(forms.post("payments", order(selling, return_url=url)), 400)


def test_pages_of_payments_come_to_an_end(forms: Caller, selling: World):
    for number in range(5):
        forms.post("payments", order(selling, client_reference=f"F-{number}"))
    seen, page = [], forms.get("payments", page_size=2).json()
    while True:
        seen += [each["client_reference"] for each in page["results"]]
        if not page["next"]:
            break
        page = requests.get(page["next"], headers=forms._all(), timeout=30).json()
    assert seen == [f"F-{number}" for number in (4, 3, 2, 1, 0)]
    back = requests.get(page["previous"], headers=forms._all(), timeout=30).json()
    assert [each["client_reference"] for each in back["results"]] == ["F-2", "F-1"]


# --- the telephone line --------------------------------------------------------------------------------------------


def test_a_call_from_the_reference_to_the_receipt(selling: World, call):
    line = call("telephone-line", "references:check", name="Telephone line")
    bill = {"payment_type": "council-tax", "reference": selling.council_tax_account, "amount": "42.00"}
    assert line.post("reference-checks", bill, key=None).json()["accepted"]
    announced = line.post("telephone-payments", {"call": "c1", "lines": [bill]})
    assert announced.status_code == 201, announced.text
    number = announced.json()["id"]
    taken = {"reference": "auth-1", "taken_at": clock.now().isoformat(), "card_last_four": "4242"}
    paid = line.post(f"telephone-payments/{number}/confirmation", taken).json()
    assert (paid["state"], paid["in_suspense"]) == ("paid", False)
    assert line.get(f"telephone-payments/{number}").json() == paid
    again = line.post(f"telephone-payments/{number}/confirmation", {**taken, "reference": "auth-2"})
    assert refusal(again, 409)["code"] == "told_otherwise"
    refusal(line.post(f"telephone-payments/{number}/giving-up", {}), 409)
    bad = {"reference": "x", "taken_at": clock.now().isoformat(), "card_last_four": "4242424242424242"}
    refusal(line.post(f"telephone-payments/{number}/confirmation", bad), 400)


def test_a_weeks_outage_is_caught_up_with_one_list_sent_twice(selling: World, call):
    line = call("telephone-line", name="Telephone line")
    payments = [
        {
            "call": f"w{number}",
            "lines": [
                {"payment_type": "council-tax", "reference": selling.council_tax_account, "amount": f"{number + 1}.00"}
            ],
            "reference": f"auth-{number}",
            "taken_at": (clock.now() - timedelta(hours=8 * number)).isoformat(),
        }
        for number in range(21)
    ]
    payments.append({**payments[0], "call": "old", "reference": "old", "taken_at": "2020-01-01T00:00:00Z"})
    for _ in range(2):
        results = line.post("telephone-payments/catch-up", {"payments": payments}).json()["results"]
        assert [each["accepted"] for each in results] == [True] * 21 + [False]
        assert "by hand" in results[-1]["message"]
    assert Posting.objects.count() == 21


# --- notifications -------------------------------------------------------------------------------------------------


class Receiver:
    """A client's own server: what it was told, and what it answers."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""


@contextmanager
def receiving():
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.told.append((dict(self.headers), body))
            status = receiver.answers.pop(0) if receiver.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", receiver.url + "/elsewhere")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


@pytest.fixture
def told(forms: Caller, selling: World, receiver: Receiver) -> Notification:
    """A payment of a client that wants to be told, made and waiting to be told."""
    with acting(SET_UP, "Test"):
        NotifyAddress.objects.create(client=Client.objects.get(name="E-forms"), url=receiver.url + "/paid?x=1")
    payment = forms.post("payments", order(selling, client_reference="F-1")).json()
    pay(payment["pay_url"])
    return Notification.objects.get()


def send(notification: Notification) -> Notification:
    Notification.objects.filter(pk=notification.pk).update(due_at=clock.now() - timedelta(seconds=1))
    notifying.send(actor=notifying.NOTIFIER, notification_id=str(notification.pk))
    return Notification.objects.get(pk=notification.pk)


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """As `docs/api.md` tells clients to check."""
    parts = [part.split("=", 1) for part in headers["IMS-Signature"].split(",")]
    moment = next(value for name, value in parts if name == "t")
    expected = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    fresh = abs(time.time() - int(moment)) < 300
    return fresh and any(hmac.compare_digest(value, expected) for name, value in parts if name == "v1")


def test_a_client_is_told_once_and_can_prove_who_told_it(told: Notification, receiver: Receiver):
    assert JobRun.objects.filter(task="api.notify").count() == 1
    assert not receiver.told, "nothing is sent while the payment is written down"
    assert send(told).state == "delivered"
    assert send(told).state == "delivered"
    (headers, body), *more = receiver.told
    assert more == []
    message = json.loads(body)
    assert (message["event"], message["data"]["client_reference"], message["data"]["total"]) == (
        "payment.paid",
        "F-1",
        "120.50",
    )
    secret = notifying.secrets_in_force(told.address)[0]
    assert is_signed(headers, body, secret)
    assert not is_signed(headers, body + b" ", secret)
    assert not is_signed(headers, body, secret + "x")
    assert headers["IMS-Notification"] == message["id"] == str(told.pk)


def test_what_does_not_arrive_is_tried_with_patience_then_given_up_and_can_be_sent_again(
    told: Notification, receiver: Receiver
):
    receiver.answers = [500, 404, 302, *[503] * 20]
    for wait in (1, 5, 30, 120, 480, 1440, 1440):
        before = clock.now()
        told = send(told)
        assert before < told.due_at - timedelta(minutes=wait) < clock.now(), f"tried again after {wait} minutes"
    assert told.state == "waiting"
    assert send(told).state == "given_up"
    assert Event.objects.filter(verb="notification_given_up").exists()
    assert [each.status for each in NotificationTry.objects.order_by("id")][:3] == [500, 404, 302]
    assert all("elsewhere" not in headers.get("path", "") for headers, _ in receiver.told)
    receiver.answers = []
    manager = person("Ann", "api.see_secret")
    again = notifying.send_again(actor=manager, notification_id=str(told.pk), reason="Their server is mended")
    assert send(again).state == "delivered"
    assert json.loads(receiver.told[-1][1])["id"] == str(told.pk), "the same words, so that the client can tell"
    with pytest.raises(NotAllowed):
        notifying.send_again(actor=person("Nobody"), notification_id=str(told.pk), reason="x")


def test_the_secret_changes_over_without_a_gap(told: Notification, receiver: Receiver):
    old = notifying.secrets_in_force(told.address)[0]
    manager = person("Ann", "api.see_secret")
    notifying.change_secret(actor=manager, address=told.address, reason="Leaver")
    told.address.refresh_from_db()
    new = notifying.secrets_in_force(told.address)[0]
    assert old != new
    send(told)
    headers, body = receiver.told[0]
    assert is_signed(headers, body, old)
    assert is_signed(headers, body, new)
    with pytest.raises(ClientRefusal, match="short while ago"):
        notifying.change_secret(actor=manager, address=told.address, reason="Again")
    NotifyAddress.objects.update(previous_until=clock.now() - timedelta(1))
    told.address.refresh_from_db()
    assert notifying.secrets_in_force(told.address) == [new]


def test_two_workers_tell_once(told: Notification, receiver: Receiver):
    from django.db import connections

    def work(_: int) -> None:
        try:
            notifying.send(actor=notifying.NOTIFIER, notification_id=str(told.pk))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(receiver.told) == 1


def test_nobody_is_told_of_other_clients_payments(told: Notification, selling: World, call):
    other, _ = add_client("Other", "payments:create")
    with acting(SET_UP, "Test"):
        NotifyAddress.objects.create(client=other, url="http://127.0.0.1:9/")
    assert Notification.objects.filter(address__client=other).count() == 0


INSIDE = [
    "https://127.0.0.1/",
    "https://10.0.0.8/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fe80::1]/",
    "https://0.0.0.0/",
    "https://100.64.0.1/",
    "https://localhost/",
    "https://224.0.0.1/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_nothing_inside_the_network_is_called(settings, url: str):
    settings.OUTWARD_PRIVATE_NETWORKS = False
    told = outward.call(url, {"a": 1}, ["s"], {})
    assert told.status is None
    assert "private network" in told.outcome


def test_a_name_that_leads_inside_is_not_followed(settings, monkeypatch):
    settings.OUTWARD_PRIVATE_NETWORKS = False
    import socket

    def answer(host: str, port: int, **_: object) -> list:
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("10.1.2.3", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert "private network" in outward.call("https://rebind.example/", {}, ["s"], {}).outcome


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://forms.example/", "https://"),
        ("https://forms.example:8080/", "Port 8080"),
        ("file:///etc/passwd", "not an address"),
        ("https://a:b@forms.example/", "not an address"),
        ("https://[/", "not an address"),
    ],
)
def test_addresses_that_may_not_be_called_are_refused_when_they_are_entered(settings, url: str, said: str):
    settings.OUTWARD_PRIVATE_NETWORKS = settings.OUTWARD_PLAIN_HTTP = False
    assert said in outward.address_fault(url)
    assert outward.address_fault("https://forms.example.gov.uk/paid?x=1") == ""
