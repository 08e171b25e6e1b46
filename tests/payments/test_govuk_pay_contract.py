"""GOV.UK Pay's client against data and a judge that this project did not write."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ims.formats.registry import recognise
from ims.payments.rules import clean, paid_on
from ims.providers import govuk_pay
from ims.providers.card import (
    DisputeStatus,
    Forged,
    Misconfigured,
    Nonsense,
    NotThere,
    PaymentRequest,
    RefundStatus,
    Search,
    Status,
    TooLate,
    Unreachable,
)
from ims.providers.govuk_pay import GovUkPay, _dispute, _payment, _refund
from tests.payments.doubles.govuk_pay import Fault, GovUkPayDouble
from tests.payments.prism import judge

CONTRACTS = Path(__file__).parent / "contracts"
EXAMPLES = sorted([*CONTRACTS.glob("docs/*.json"), *CONTRACTS.glob("public-shape/*.json")])
WEBHOOKS = sorted(CONTRACTS.glob("webhooks/*.json"))


def body_of(path: Path) -> object:
    text = json.loads(path.read_text(encoding="utf-8"))
    return text["response"]["body"] if path.parent.name == "public-shape" else text


def read_all(body: object) -> list[object]:
    """Whatever our client can read in an example: payments, refunds, disputes, alone or in a list."""
    if not isinstance(body, dict):
        return []
    rows = body.get("results", body.get("results:"))
    if rows is None and "_embedded" in body:
        rows = body["_embedded"]["refunds"]
    if rows is not None:
        return [item for row in rows for item in read_all(row)]
    if "refund_id" in body:
        return [_refund(body, "")]
    if "dispute_id" in body:
        return [_dispute(body)]
    return [_payment(body)] if "payment_id" in body and "state" in body and "amount" in body else []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read(path):
    body = body_of(path)
    found = read_all(body)
    is_ours = isinstance(body, dict) and any(key in body for key in ("payment_id", "refund_id", "results", "_embedded"))
    is_agreement = isinstance(body, dict) and ("agreement" in path.stem or "events" in path.stem)
    if is_ours and not is_agreement and body.get("total") != 0 and body.get("results") != []:
        assert found, f"nothing was read of {path.name}"
    for item in found:
        assert type(item.amount) is int


def test_examples_say_what_they_say():
    def only(name):
        [item] = read_all(body_of(CONTRACTS / "public-shape" / f"{name}.json"))
        return item

    wallet = only("ledger-get-wallet-payment")
    assert wallet.card.wallet == "Apple Pay"
    assert wallet.card.kind in ("", "debit", "credit")
    surcharged = only("ledger-get-payment-with-corporate-surcharge")
    assert surcharged.total > surcharged.amount
    fees = only("ledger-get-payment-with-fee-and-net-amount")
    assert fees.net == fees.total - fees.fee
    assert only("connector-get-capturable-payment").status is Status.CAPTURABLE
    assert only("ledger-get-payment-with-settled-date").settled_on == date(2020, 9, 19)
    [created] = read_all(body_of(CONTRACTS / "docs" / "create-payment-response.json"))
    assert created.status is Status.CREATED
    assert created.next_step.url.startswith("https://www.payments.service.gov.uk/secure/")
    assert "secure" not in repr(created)
    assert "secure" not in json.dumps(dict(created.said))


def test_nothing_personal_is_kept_of_an_answer():
    [paid] = read_all(body_of(CONTRACTS / "docs" / "get-payment-response.json"))
    kept = json.dumps(dict(paid.said))
    for personal in ("sherlock", "Baker", "1234", "123456", "cardholder"):
        assert personal not in kept


@pytest.mark.parametrize("path", WEBHOOKS, ids=lambda path: path.stem)
def test_every_webhook_vector_verifies_as_it_should(path):
    vector = json.loads(path.read_text(encoding="utf-8"))
    if "message" in vector:
        assert govuk_pay.sign(vector["message"].encode(), vector["signing_secret"]) == vector["pay_signature"]
        return
    client = GovUkPay(key="api_test_x", base_url="http://127.0.0.1:1")
    body, secrets = vector["raw_body"].encode(), ["another", vector["signing_secret"]]
    if not vector["signature_valid"]:
        with pytest.raises(Forged):
            client.parse_notification(vector["headers"], body, secrets=secrets)
        return
    heard = client.parse_notification(vector["headers"], body, secrets=secrets)
    assert heard.payment_id == "hu20sqlact5260q2nanm0q8u93"
    # The very bytes are signed: the same JSON written otherwise is not.
    with pytest.raises(Forged):
        client.parse_notification(vector["headers"], json.dumps(json.loads(body)).encode(), secrets=secrets)


@pytest.mark.parametrize("signature", ["", "é" * 64, "0" * 64, "x"])
def test_an_odd_signature_is_refused_and_never_crashes(signature):
    client = GovUkPay(key="k", base_url="http://127.0.0.1:1")
    for secrets in ([], [""], ["s"]):
        with pytest.raises(Forged):
            client.parse_notification({"Pay-Signature": signature}, b"{}", secrets=secrets)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"resource_type": 1}', b"\xff", b'{"resource_type":"agreement"}']
)
def test_a_signed_message_that_says_nothing_is_nonsense(body):
    client = GovUkPay(key="k", base_url="http://127.0.0.1:1")
    with pytest.raises(Nonsense):
        client.parse_notification({"Pay-Signature": govuk_pay.sign(body, "s")}, body, secrets=["s"])


@pytest.mark.parametrize("amount", ["145.00", 145.0, -1, None, True])
def test_what_is_not_whole_pence_is_not_an_amount(amount):
    row = {"payment_id": "p", "reference": "r", "amount": amount, "state": {"status": "success"}}
    with pytest.raises(Nonsense):
        _payment(row)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"status": "created"}, Status.CREATED),
        ({"status": "started"}, Status.STARTED),
        ({"status": "submitted"}, Status.SUBMITTED),
        ({"status": "capturable"}, Status.CAPTURABLE),
        ({"status": "success"}, Status.SUCCESS),
        ({"status": "failed", "code": "P0010"}, Status.DECLINED),
        ({"status": "failed", "code": "P0020"}, Status.EXPIRED),
        ({"status": "failed", "code": "P0030"}, Status.CANCELLED),
        ({"status": "cancelled", "code": "P0040"}, Status.CANCELLED),
        ({"status": "error", "code": "P0050"}, Status.ERROR),
        ({"status": "teleported"}, Status.UNKNOWN),
        ({}, Status.UNKNOWN),
        (None, Status.UNKNOWN),
    ],
)
def test_every_state_and_one_nobody_knows(state, status):
    assert _payment({"payment_id": "p", "amount": 1, "state": state}).status is status


def test_what_providers_refuse_is_cleaned_away():
    assert clean('Fees <b>"& fines" | https://x.example/a \\ now') == "Fees b & fines now"
    assert len(clean("é" * 400)) == 255


def test_the_day_is_the_councils_own():
    assert paid_on(datetime(2026, 3, 29, 23, 30, tzinfo=UTC), "Europe/London") == date(2026, 3, 30)
    assert paid_on(datetime(2026, 3, 28, 23, 30, tzinfo=UTC), "Europe/London") == date(2026, 3, 28)


def test_the_payout_report_of_the_admin_tool_is_read():
    path = CONTRACTS / "payout-report-sample.csv"
    assert recognise(path.read_bytes()[:4096]) is not None


def test_plain_http_to_anywhere_but_this_machine_is_refused():
    with pytest.raises(Misconfigured):
        GovUkPay(key="k", base_url="http://pay.example")
    with pytest.raises(Misconfigured):
        GovUkPay(key="")


# --- judged by Prism -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    if judge.missing():
        pytest.skip(judge.missing())
    double = GovUkPayDouble()
    with judge.between(double.url, tmp_path_factory.mktemp("prism")) as address:
        yield double, GovUkPay(key="api_test_main", base_url=address)
    double.stop()


REQUEST = PaymentRequest(
    amount=14500,
    reference="P7K2M4QXTW-1",
    description="Council Tax",
    return_url="https://ims.example.gov.uk/return/7c1f",
    email="ada@example.org",
    payer_name="Ada Moss",
    address=("1 High Street", "Barnsley"),
    postcode="S70 2DR",
    metadata={"ims_attempt": "P7K2M4QXTW-1"},
)


def test_prism_finds_nothing_wrong_with_a_whole_life(judged):
    double, client = judged
    made = client.create(REQUEST)
    assert (made.status, made.amount, made.metadata) == (Status.CREATED, 14500, {"ims_attempt": "P7K2M4QXTW-1"})
    first = made.next_step
    again = client.fetch(made.payment_id)
    assert again.next_step.url != first.url
    double.pay(made.payment_id)
    paid = client.fetch(made.payment_id)
    assert (paid.status, paid.card.last_four, paid.refundable, paid.next_step) == (Status.SUCCESS, "4242", 14500, None)
    with pytest.raises(TooLate):
        client.cancel(made.payment_id)
    refund = client.refund(made.payment_id, amount=2000, available=14500, reference="R1")
    assert refund.status is RefundStatus.SUBMITTED
    double.end_refund(refund.refund_id, "success")
    assert client.fetch_refund(made.payment_id, refund.refund_id).status is RefundStatus.SUCCESS
    assert [seen.refund_id for seen in client.refunds_of(made.payment_id)] == [refund.refund_id]
    dispute = double.dispute(made.payment_id)
    double.decide(dispute, "lost")
    double.settle(date(2026, 11, 20))
    day = Search(settled_from=date(2026, 11, 20), settled_to=date(2026, 11, 20))
    [settled] = client.search(day)
    assert settled.net == settled.amount - settled.fee
    assert [seen.payment_id for seen in client.refunds(day)] == [made.payment_id]
    [lost] = client.disputes(day)
    assert (lost.status, lost.net) == (DisputeStatus.LOST, -16000)
    assert next(iter(client.search(Search(reference="p7k2m4qxtw-1")))).payment_id == made.payment_id


def test_prism_finds_nothing_wrong_with_telephone_and_welsh(judged):
    _, client = judged
    made = client.create(replace(REQUEST, moto=True, language="cy", reference="T-1"))
    assert made.moto
    client.cancel(made.payment_id)
    assert client.fetch(made.payment_id).status is Status.CANCELLED


def test_what_goes_wrong_is_one_of_our_errors(judged):
    double, client = judged
    made = client.create(REQUEST)
    path = f"/v1/payments/{made.payment_id}"
    for what, error in (("429", Unreachable), ("500", Unreachable), ("503", Unreachable), ("garbage", Nonsense)):
        direct = GovUkPay(key="api_test_main", base_url=double.url, read_seconds=2)
        double.faults.append(Fault("GET", path, what))
        with pytest.raises(error):
            direct.fetch(made.payment_id)
    for what in ("drop_before", "drop_after", "hang"):
        direct = GovUkPay(key="api_test_main", base_url=double.url, read_seconds=1)
        double.faults.append(Fault("GET", path, what))
        with pytest.raises(Unreachable):
            direct.fetch(made.payment_id)
    with pytest.raises(NotThere):
        client.fetch("nosuchpaymentnosuchpayment")
    with pytest.raises(Misconfigured):
        GovUkPay(key="api_test_wrong", base_url=double.url).fetch(made.payment_id)
    with pytest.raises(Unreachable):
        GovUkPay(key="k", base_url="http://127.0.0.1:1").fetch("x")


def test_the_judge_does_judge(judged, tmp_path):
    """A double that lies is found out: else the tests above prove nothing."""
    double, client = judged
    made = client.create(REQUEST)
    double.payments[made.payment_id]["amount"] = "145.00"
    with pytest.raises(Unreachable, match="500"):
        client.fetch(made.payment_id)
    del double.payments[made.payment_id]


def test_a_page_past_the_end_ends_the_list(judged, monkeypatch):
    _, client = judged
    monkeypatch.setattr(govuk_pay, "PAGE_SIZE", 2)
    before = len(list(client.search(Search())))
    for _ in range(4 - before % 2):
        client.create(REQUEST)
    found = list(client.search(Search()))
    assert len(found) % 2 == 0
    assert len({payment.payment_id for payment in found}) == len(found)
