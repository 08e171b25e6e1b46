import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.formats import bacs, registry
from ims.formats.bacs.reasons import reason_for, reasons, reports
from ims.formats.records import Entry, Problem, StatementEnd, StatementStart, UnreadableFile
from ims.formats.summary import checked, summarise

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank" / "bacs-xml"
FILES = json.loads((FOLDER / "index.json").read_text())["files"] if FOLDER.exists() else []
FACTS = {facts["expected"]["report"]: facts for facts in FILES}
READERS = {known.name: known for known in bacs.FORMATS}
NAMES = {"INPUT": "bacs-input-report"}

pytestmark = pytest.mark.skipif(not FILES, reason="the shared sample files are not beside the repository")


def sample(report: str) -> bytes:
    return (FOLDER / FACTS[report]["file"]).read_bytes()


def records_of(report: str, data: bytes | None = None) -> list:
    known = READERS[NAMES.get(report, f"bacs-{report.lower()}")]
    return list(checked(known.read(io.BytesIO(sample(report) if data is None else data))))


def entries_of(report: str, data: bytes | None = None) -> list[Entry]:
    return [record for record in records_of(report, data) if isinstance(record, Entry)]


def problems_of(report: str, data: bytes) -> list[Problem]:
    return [record for record in records_of(report, data) if isinstance(record, Problem)]


def start_of(report: str) -> StatementStart:
    return next(record for record in records_of(report) if isinstance(record, StatementStart))


def end_of(report: str) -> StatementEnd:
    return next(record for record in records_of(report) if isinstance(record, StatementEnd))


def expected(report: str) -> dict:
    return FACTS[report]["expected"]


@pytest.mark.parametrize("report", FACTS)
def test_each_report_is_recognised_as_itself_and_reads_without_fault(report):
    recognised = [known.name for known in bacs.FORMATS if known.recognise(sample(report))]

    assert recognised == [NAMES.get(report, f"bacs-{report.lower()}")]
    assert not problems_of(report, sample(report))
    assert start_of(report).extra["report"] == report
    if "sun" in expected(report):
        assert start_of(report).extra["sun"] == expected(report)["sun"]


def test_unpaid_direct_debits():
    entries = entries_of("ARUDD")
    facts = expected("ARUDD")

    assert len(entries) == facts["items"]
    assert sum(entry.amount for entry in entries) == -Decimal(facts["value"])
    assert [entry.reason_code for entry in entries] == facts["return_codes"]
    assert [entry.reference for entry in entries] == facts["references"]
    assert {entry.booked_on.isoformat() for entry in entries} == {facts["processing_date"]}
    assert [entry.reason for entry in entries] == [
        "Refer to payer",
        "Instruction cancelled",
        "No account or wrong type of account",
    ]
    assert (entries[0].payer_sort_code, entries[0].payer_account) == ("089999", "66374958")
    assert all(entry.kind == "unpaid_direct_debit" and "Reverse" in entry.extra["action"] for entry in entries)


def test_returned_credits_are_money_in():
    data = sample("ARUDD").replace(b"ARUDD", b"ARUCS").replace(b"ReturnedDebitItem", b"ReturnedCreditItem")
    entries = entries_of("ARUCS", data.replace(b"PayerAccount", b"ReceiverAccount"))

    assert sum(entry.amount for entry in entries) == Decimal("375.49")
    assert {entry.kind for entry in entries} == {"returned_credit"}
    assert entries[2].payer_name == "C O NEILL"


def test_changed_instructions():
    entries = entries_of("ADDACS")
    facts = expected("ADDACS")

    assert len(entries) == facts["items"]
    assert {entry.reference: entry.reason_code for entry in entries} == facts["reasons"]
    new = {entry.reference: entry.extra["new_account"] for entry in entries if "new_account" in entry.extra}
    assert new == facts["new_accounts"]
    assert entries[1].payer_account == "08837491"
    assert "Do not send a cancellation" in entries[1].extra["action"]
    assert {entry.amount for entry in entries} == {Decimal(0)}


def test_an_account_number_that_lost_its_leading_zero_gets_it_back():
    entries = entries_of(
        "ADDACS", sample("ADDACS").replace(b'"08837491"', b'"8837491"').replace(b'"089999"', b'"89999"')
    )

    assert entries[1].payer_account == "08837491"
    assert entries[0].payer_sort_code == "089999"


def test_returned_instructions():
    entries = entries_of("AUDDIS")
    facts = expected("AUDDIS")

    assert len(entries) == facts["items"]
    assert [entry.extra["record_type"] for entry in entries] == facts["record_types"]
    assert int(entries[0].extra["accepted"]) == facts["accepted"]
    assert int(entries[0].extra["rejected"]) == facts["rejected"]
    rejected = [entry.reference for entry in entries if entry.status == "booked"]
    assert rejected == facts["rejected_references"]
    assert entries[0].status == "information"


def test_wrong_accounts_of_credits():
    entries = entries_of("AWACS")
    facts = expected("AWACS")

    assert len(entries) == facts["items"]
    assert {entry.reference: entry.reason_code for entry in entries} == facts["reasons"]
    assert {entry.reference: entry.extra["new_account"] for entry in entries} == facts["new_accounts"]


def test_indemnity_claims():
    entries = entries_of("DDICA")
    facts = expected("DDICA")

    assert len([entry for entry in entries if not entry.reversal]) == facts["new_claims"]
    assert -sum(entry.amount for entry in entries) == Decimal(facts["new_value"])
    assert int(end_of("DDICA").extra["cancelled_claims"]) == facts["cancellations"]
    assert end_of("DDICA").extra["date_of_debit"] == facts["date_of_debit"]
    assert {
        entry.reference: {
            "reason": entry.reason_code,
            "total": str(-entry.amount),
            "collections": int(entry.extra["collection_count"]),
        }
        for entry in entries
    } == facts["claims"]


def test_a_cancelled_claim_brings_the_money_back():
    cancelled = (
        b"<Cancellations><DDICCancellation><SUReference>770012346</SUReference><ReasonCode>5</ReasonCode>"
        b"<TotalAmount>251.00</TotalAmount></DDICCancellation>"
        b"<TotalValueOfCancellations>251.00</TotalValueOfCancellations></Cancellations></Document>"
    )
    data = sample("DDICA").replace(b"</Document>", cancelled)

    assert not problems_of("DDICA", data)
    assert [entry.amount for entry in entries_of("DDICA", data) if entry.reversal] == [Decimal("251.00")]


def test_what_bacs_accepted():
    facts = expected("INPUT")
    end = end_of("INPUT")
    start = start_of("INPUT")

    assert start.extra["submission_serial"] == facts["submission_serial"]
    assert start.extra["processing_date"] == facts["processing_date"]
    assert int(end.extra["accepted_debit_count"]) == facts["accepted_debits"]
    assert end.extra["accepted_debit_sum"] == facts["accepted_value"]
    assert int(end.extra["rejected_debit_count"]) == facts["rejected_debits"]
    assert end.extra["rejected_debit_sum"] == facts["rejected_value"]
    entries = entries_of("INPUT")
    assert [entry.reference for entry in entries if entry.kind == "unpaid_direct_debit"] == facts["rejected_references"]
    assert {entry.status for entry in entries} == {"information"}


@pytest.mark.parametrize(
    ("report", "old", "new", "scope"),
    [
        ("ARUDD", b'valueOf="150.00"', b'valueOf="150.01"', "statement"),
        ("ARUDD", b'numberOf="3"', b'numberOf="4"', "statement"),
        ("ARUDD", b'valueOf="150.00"', b'valueOf="lots"', "row"),
        ("ARUDD", b'valueOf="150.00"', b'valueOf="-150.00"', "row"),
        ("ARUDD", b'originalProcessingDate="2026-04-01"', b'originalProcessingDate="soon"', "row"),
        ("ADDACS", b'effective-date="2026-04-02"', b'effective-date="2026-02-30"', "row"),
        ("ADDACS", b'user-number="123456" record-type', b'user-number="654321" record-type', "row"),
        ("ADDACS", b"<MessagingError>", b'<MessagingError line1="NO FILE">', "statement"),
        ("DDICA", b"<TotalAmount>251.00", b"<TotalAmount>252.00", "row"),
        ("DDICA", b"<TotalValueOfDebits>1,451.00", b"<TotalValueOfDebits>1,452.00", "statement"),
        ("INPUT", b'valueOf="1.01"', b'valueOf="1.02"', "statement"),
        ("INPUT", b'numberOf="4"', b'numberOf="5"', "statement"),
        ("INPUT", b'numberOf="4"', b'numberOf="four"', "statement"),
    ],
)
def test_what_does_not_agree_is_told(report, old, new, scope):
    data = sample(report)
    assert old in data

    assert scope in {problem.scope for problem in problems_of(report, data.replace(old, new, 1))}


@pytest.mark.parametrize("report", FACTS)
def test_hostile_xml_is_refused(report):
    data = sample(report)
    entity = data.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', 1)
    for damaged in (entity, data[: len(data) // 2], b"<BACSDocument>", b"not xml"):
        with pytest.raises(UnreadableFile):
            records_of(report, damaged)


@pytest.mark.parametrize("report", FACTS)
def test_an_empty_report_is_told(report):
    root = b"VocaDocument" if report == "DDICA" else b"BACSDocument"

    assert problems_of(report, b"<" + root + b"><Data/></" + root + b">")


@given(report=st.sampled_from(sorted(FACTS) or ["ARUDD"]), position=st.integers(0, 5000), byte=st.integers(0, 255))
def test_a_damaged_byte_is_refused_or_read_but_never_crashes(report, position, byte):
    data = bytearray(sample(report))
    data[position % len(data)] = byte
    outcome: list = []
    try:
        outcome = records_of(report, bytes(data))
    except UnreadableFile as error:
        outcome = [error.message]
    assert outcome


def test_every_reason_says_what_it_means_and_what_to_do():
    assert set(reports()) == {"ARUDD", "ADDACS", "AUDDIS", "ARUCS", "AWACS", "DDICA"}
    for report in reports():
        for reason in reasons(report):
            assert reason.meaning
            assert reason.action.endswith(".")
            assert reason_for(report, reason.code) == reason
            assert reason_for(report, "?", reason.meaning.upper()).code == reason.code


def test_the_description_is_believed_before_the_code_and_nothing_is_guessed():
    assert reason_for("ARUDD", "0128", "REFER TO PAYER").code == "0"
    assert reason_for("ARUDD", "0128").code == "0"
    assert reason_for("ARUDD", "9998", "SOMETHING NEW").code == ""
    assert reason_for("ARUDD", "9998", "SOMETHING NEW").meaning == "Something new"
    assert "Unknown" in reason_for("ARUDD", "Z").meaning


@pytest.mark.parametrize(("report", "items"), [("ADDACS", 3), ("AUDDIS", 3), ("AWACS", 1)])
def test_a_report_without_money_is_counted_by_what_it_tells(report, items):
    said = summarise(registry.read(io.BytesIO(sample(report))), "").as_json()
    assert said["entries"] == items
    assert (said["credit_count"], said["debit_count"], said["credit_sum"]) == (0, 0, "0.00")
