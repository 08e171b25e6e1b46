import csv
import io
import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.formats import card
from ims.formats.card import adyen, govuk_pay, stripe
from ims.formats.records import Entry, Problem, StatementEnd, StatementStart, UnreadableFile

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank" / "card-gateway"
FACTS = (
    {facts["file"]: facts["expected"] for facts in json.loads((FOLDER / "index.json").read_text())["files"]}
    if FOLDER.exists()
    else {}
)
PAY, STRIPE = "govuk-pay-transactions.csv", "synthetic-stripe-payout-reconciliation.csv"

needs_samples = pytest.mark.skipif(not FACTS, reason="the shared sample files are not beside the repository")


def records_of(module, data: bytes) -> list:
    return list(module.FORMAT.read(io.BytesIO(data)))


def entries_of(module, data: bytes) -> list[Entry]:
    return [record for record in records_of(module, data) if isinstance(record, Entry)]


def problems_of(module, data: bytes) -> list[Problem]:
    return [record for record in records_of(module, data) if isinstance(record, Problem)]


def table(headings: list[str], *rows: dict[str, str]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, headings, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


@needs_samples
def test_govuk_pay_sample():
    data = (FOLDER / PAY).read_bytes()
    expected = FACTS[PAY]
    records = records_of(govuk_pay, data)
    entries = [record for record in records if isinstance(record, Entry)]
    by_state: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_state[entry.type_code].append(entry)

    assert [known.name for known in card.FORMATS if known.recognise(data)] == ["govuk-pay"]
    assert data.decode().splitlines()[0].split(",") == expected["columns"]
    assert len(entries) == expected["rows"]
    assert not any(isinstance(record, Problem) for record in records)
    for state, facts in expected["by_state"].items():
        assert len(by_state[state]) == facts["rows"]
        assert sum(entry.net for entry in by_state[state]) == Decimal(facts["net"])
        if state == "Success":
            assert sum(entry.amount for entry in by_state[state]) == Decimal(facts["total_amount"])
    assert Decimal(records[-1].extra["net"]) == Decimal(expected["net_total"])
    assert [entry.kind for entry in entries] == ["receipt", "receipt", "chargeback", "fee"]
    assert entries[3].amount == 0
    assert entries[0].booked_on == date(2020, 8, 14)
    assert entries[0].extra["card_last_four"] == "2020"


@needs_samples
def test_stripe_sample():
    data = (FOLDER / STRIPE).read_bytes()
    expected = FACTS[STRIPE]
    records = records_of(stripe, data)
    entries = [record for record in records if isinstance(record, Entry)]

    assert [known.name for known in card.FORMATS if known.recognise(data)] == ["stripe-payout"]
    assert len(entries) == expected["rows"]
    assert sum(entry.gross for entry in entries) == Decimal(expected["gross"])
    assert sum(entry.fee for entry in entries) == Decimal(expected["fees"])
    assert sum(entry.net for entry in entries) == Decimal(expected["net"])
    assert records[0].number == expected["payout_id"]
    assert records[-1].extra["net"] == expected["net"]
    for category, facts in expected["by_category"].items():
        of_category = [entry for entry in entries if entry.type_code == category]
        assert len(of_category) == facts["rows"]
        assert sum(entry.gross for entry in of_category) == Decimal(facts["gross"])
    assert entries[0].reference == "770012345"
    assert not any(isinstance(record, Problem) for record in records)


PAY_HEADINGS = [
    "Reference",
    "Description",
    "Amount",
    "State",
    "GOV.UK Payment ID",
    "Date Created",
    "Time Created",
    "Total Amount",
    "Fee",
    "Net",
    "Card Number",
    "fund (metadata)",
]
PAID = {
    "Reference": "R1",
    "Amount": "100.00",
    "State": "Success",
    "GOV.UK Payment ID": "p1",
    "Date Created": "14 Jul 2026",
    "Time Created": "23:30:00",
    "Total Amount": "100.00",
    "Fee": "1.00",
    "Net": "99.00",
    "Card Number": "4242",
    "fund (metadata)": "'=23",
}


def pay(**changes: str) -> bytes:
    return table(PAY_HEADINGS, PAID | {key.replace("_", " "): value for key, value in changes.items()})


def test_times_in_utc_become_uk_days_and_formula_guards_go():
    entry = entries_of(govuk_pay, pay())[0]

    assert entry.booked_on == date(2026, 7, 15)
    assert entry.extra["metadata.fund"] == "=23"


@pytest.mark.parametrize(
    ("changes", "kind", "status", "amount"),
    [
        (
            {"State": "Refund success", "Amount": "-10.00", "Total Amount": "", "Fee": "", "Net": "-10.00"},
            "refund",
            "booked",
            "-10.00",
        ),
        (
            {"State": "Refund submitted", "Amount": "-10.00", "Total Amount": "", "Fee": "", "Net": ""},
            "receipt",
            "pending",
            "-10.00",
        ),
        ({"State": "In progress", "Fee": "", "Net": ""}, "receipt", "pending", "100.00"),
        ({"State": "Cancelled", "Total Amount": "0", "Fee": "", "Net": ""}, "receipt", "information", "0.00"),
        ({"State": "Declined", "Total Amount": "0", "Fee": "0.01", "Net": "-0.01"}, "fee", "booked", "0.00"),
    ],
)
def test_each_state_moves_what_it_moves(changes, kind, status, amount):
    entry = entries_of(govuk_pay, table(PAY_HEADINGS, PAID | changes))[0]

    assert (entry.kind, entry.status, entry.amount) == (kind, status, Decimal(amount))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Net": "98.99"}, "is not the net"),
        ({"Total Amount": "lots"}, "Total Amount"),
        ({"Amount": "", "Total Amount": ""}, "blank"),
        ({"State": ""}, "State is blank"),
        ({"State": "Refund success"}, "should be negative"),
        ({"State": "Dispute invented", "Fee": "", "Net": "-5.00"}, "is not known"),
        ({"Card Number": "4242424242424242"}, "card number"),
        ({"Date Created": "soon"}, "not a date"),
    ],
)
def test_rows_that_cannot_be_right_are_refused(changes, said):
    problems = problems_of(govuk_pay, table(PAY_HEADINGS, PAID | changes))

    assert len(problems) == 1
    assert said in problems[0].message


def test_a_card_number_is_not_even_kept_in_the_refusal():
    problem = problems_of(govuk_pay, table(PAY_HEADINGS, PAID | {"Card Number": "4242424242424242"}))[0]

    assert "4242424242424242" not in repr(problem)


STRIPE_HEADINGS = [
    "automatic_payout_id",
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
]
CHARGE = dict(
    zip(STRIPE_HEADINGS, ["po_1", "t1", "2026-04-01 09:00:00", "gbp", "10.00", "0.50", "9.50", "charge"], strict=True)
)


def test_each_payout_is_a_statement():
    data = table(STRIPE_HEADINGS, CHARGE, CHARGE | {"automatic_payout_id": "po_2"})
    records = records_of(stripe, data)

    assert [record.number for record in records if isinstance(record, StatementStart)] == ["po_1", "po_2"]
    assert [record.extra["net"] for record in records if isinstance(record, StatementEnd)] == ["9.50", "9.50"]


def test_a_payout_in_pieces_is_told():
    data = table(STRIPE_HEADINGS, CHARGE, CHARGE | {"automatic_payout_id": "po_2"}, CHARGE)

    assert [problem.code for problem in problems_of(stripe, data)] == ["scattered_payout"]


@pytest.mark.parametrize(
    "changes", [{"net": "9.51"}, {"gross": ""}, {"reporting_category": "magic"}, {"created_utc": "x"}]
)
def test_stripe_rows_that_cannot_be_right_are_refused(changes):
    assert [problem.scope for problem in problems_of(stripe, table(STRIPE_HEADINGS, CHARGE | changes))] == ["row"]


ADYEN_HEADINGS = [
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Batch Number",
]
SETTLED = {
    "Psp Reference": "881",
    "Merchant Reference": "770012345",
    "Creation Date": "2026-04-01 10:00:00",
    "Type": "Settled",
    "Gross Currency": "GBP",
    "Gross Credit (GC)": "100.00",
    "Net Currency": "GBP",
    "Net Credit (NC)": "99.00",
    "Commission (NC)": "1.00",
    "Batch Number": "7",
}
FEE = {"Type": "Fee", "Net Debit (NC)": "2.00", "Batch Number": "7", "Creation Date": "2026-04-01"}
REFUNDED = {
    "Type": "Refunded",
    "Gross Debit (GC)": "10.00",
    "Net Debit (NC)": "10.00",
    "Batch Number": "7",
    "Merchant Reference": "770012345",
}
PAYOUT = {"Type": "MerchantPayout", "Net Debit (NC)": "87.00", "Batch Number": "7"}


def test_an_adyen_batch_ends_with_its_payout():
    data = table(ADYEN_HEADINGS, SETTLED, FEE, REFUNDED, PAYOUT)
    records = records_of(adyen, data)
    entries = [record for record in records if isinstance(record, Entry)]

    assert [known.name for known in card.FORMATS if known.recognise(data)] == ["adyen-settlement"]
    assert [(entry.kind, entry.amount, entry.fee, entry.net) for entry in entries] == [
        ("receipt", Decimal("100.00"), Decimal("1.00"), Decimal("99.00")),
        ("fee", Decimal("0.00"), Decimal("2.00"), Decimal("-2.00")),
        ("refund", Decimal("-10.00"), Decimal("0.00"), Decimal("-10.00")),
        ("transfer", Decimal("-87.00"), Decimal("0.00"), Decimal("-87.00")),
    ]
    assert records[-1].extra == {"gross": "90.00", "fees": "3.00", "net": "87.00", "paid_out": "87.00"}
    assert not any(isinstance(record, Problem) for record in records)


def test_an_adyen_payout_that_is_not_the_net_is_told():
    problems = problems_of(adyen, table(ADYEN_HEADINGS, SETTLED, FEE, PAYOUT))

    assert [problem.scope for problem in problems] == ["statement"]


@pytest.mark.parametrize(
    "changes",
    [
        {"Type": "Surprise"},
        {"Net Credit (NC)": ""},
        {"Commission (NC)": "1.01"},
        {"Gross Currency": "EUR"},
        {"Gross Credit (GC)": "1oo"},
    ],
)
def test_adyen_rows_that_cannot_be_right_are_refused(changes):
    assert [problem.scope for problem in problems_of(adyen, table(ADYEN_HEADINGS, SETTLED | changes))] == ["row"]


@pytest.mark.parametrize("module", [govuk_pay, stripe, adyen])
def test_files_without_the_headings_are_refused(module):
    for data in (b"a,b\n1,2\n", b"", b"\x00\x01", b'"unclosed'):
        assert not module.recognise(data)
        with pytest.raises(UnreadableFile):
            records_of(module, data)


@given(st.sampled_from(["pay", "stripe", "adyen"]), st.binary(max_size=200))
def test_hostile_rows_never_do_worse_than_a_problem(name, tail):
    module, head = {
        "pay": (govuk_pay, pay()),
        "stripe": (stripe, table(STRIPE_HEADINGS, CHARGE)),
        "adyen": (adyen, table(ADYEN_HEADINGS, SETTLED)),
    }[name]

    assert records_of(module, head + tail)
