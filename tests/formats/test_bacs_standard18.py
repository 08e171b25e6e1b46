import io
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.common.errors import InvalidInput
from ims.formats.bacs import standard18
from ims.formats.bacs.standard18_write import Account, Instruction, Submission, write
from ims.formats.records import Entry, Problem, StatementEnd, StatementStart, UnreadableFile
from ims.formats.summary import checked

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank" / "bacs-standard18"
FILES = json.loads((FOLDER / "index.json").read_text())["files"] if FOLDER.exists() else []

needs_samples = pytest.mark.skipif(not FILES, reason="the shared sample files are not beside the repository")

OWN = Account("601613", "31926819", "Anytown Council")
COLLECTION = (
    Instruction("089999", "66374958", "01", Decimal("150.00"), "770012345", "Mr A Payer"),
    Instruction("107999", "88837491", "17", Decimal("125.50"), "770012346", "Mrs B Payer"),
    Instruction("202959", "63748472", "17", Decimal("99.99"), "770012347", "C O Neill"),
    Instruction("180002", "00000190", "18", Decimal("50.00"), "770012348", "D Coutts"),
    Instruction("827101", "28748352", "19", Decimal("1.01"), "560000123", "Acme Ltd"),
)
DAILY = Submission(
    sun="123456",
    serial="000001",
    account=OWN,
    user_name="Anytown Council",
    created_on=date(2026, 3, 31),
    processing_date=date(2026, 4, 1),
    instructions=COLLECTION,
)


def records_of(data: bytes) -> list:
    return list(checked(standard18.read(io.BytesIO(data))))


def problems_of(data: bytes) -> list[Problem]:
    return [record for record in records_of(data) if isinstance(record, Problem) and record.scope != "notice"]


@needs_samples
@pytest.mark.parametrize("facts", FILES, ids=lambda facts: facts["file"])
def test_the_samples(facts):
    data = (FOLDER / facts["file"]).read_bytes()
    expected = facts["expected"]
    records = records_of(data)
    entries = [record for record in records if isinstance(record, Entry)]
    start = next(record for record in records if isinstance(record, StatementStart))
    end = next(record for record in records if isinstance(record, StatementEnd))
    paid = {mark: [entry for entry in entries if entry.mark == mark and entry.kind != "contra"] for mark in "CD"}

    assert standard18.recognise(data)
    assert start.currency == expected["currency"]
    for mark, name in (("C", "credit"), ("D", "debit")):
        assert len(paid[mark]) == expected[f"{name}_items"]
        assert abs(sum((entry.amount for entry in paid[mark]), Decimal(0))) == Decimal(
            expected.get(f"{name}_value", "0")
        )
    if "sun" in expected:
        assert start.extra["sun"] == expected["sun"]
        assert start.extra["submission_serial"] == expected["submission_serial"]
        assert start.extra["work_code"] == expected["work_code"]
        assert start.extra["processing_date"] == expected["processing_date"]
        assert len([entry for entry in entries if entry.kind == "instruction"]) == expected["ddi_records"]
        assert len([entry for entry in entries if entry.kind == "contra"]) == expected["contra_records"]
        assert end.declared_credit_sum == Decimal(expected["trailer_debit"])
        assert end.declared_debit_sum == Decimal(expected["trailer_credit"])
        assert (not problems_of(data)) == expected["trailer_agrees"]
    else:
        assert len(entries) == expected["records"]
        assert {len(entry.raw) for entry in entries} == {expected["record_length"]}


@needs_samples
def test_the_writer_makes_the_daily_sample_byte_for_byte():
    sample = (FOLDER / "synthetic-dd-collection-daily.txt").read_bytes()

    assert write(replace(DAILY, expires_on=date(2026, 4, 6))) == sample


def test_direct_debits_are_money_in_and_credits_money_out():
    mixed = replace(
        DAILY, instructions=(*COLLECTION[:1], Instruction("134020", "63849203", "99", Decimal("10"), "REFUND 1", "R"))
    )
    entries = [record for record in records_of(write(mixed)) if isinstance(record, Entry)]

    assert [(entry.kind, entry.amount) for entry in entries] == [
        ("receipt", Decimal("150.00")),
        ("payment", Decimal("-10.00")),
        ("contra", Decimal("10.00")),
        ("contra", Decimal("-150.00")),
    ]


def test_a_normal_item_that_mentions_contra_is_no_contra():
    data = write(
        replace(DAILY, instructions=(Instruction("134020", "63849203", "99", Decimal("10"), "CONTRA", "Con Tra Ltd"),))
    )
    entries = [record for record in records_of(data) if isinstance(record, Entry)]

    assert [entry.kind for entry in entries] == ["payment", "contra"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"UTL10000000042650", b"UTL10000000042651"),
        (b"00000050000001", b"00000060000001"),
        (b"UTL1", b"UTLX"),
        (b"EOF1A123456", b"EOF1A123457"),
        (b"00000015000ANYTOWN", b"00000015001ANYTOWN"),
        (b"00000015000ANYTOWN", b"0000001500OANYTOWN"),
        (b"00000015000ANYTOWN", b"00000000000ANYTOWN"),
        (b"0899996637495800160161331926819", b"0899996637495804460161331926819"),
        (b"0899996637495800160161331926819", b"08999966374958001601613319268"),
        (b" 26091999999", b" 26999999999"),
    ],
)
def test_damage_is_told(old, new):
    data = write(DAILY)
    assert old in data

    assert problems_of(data.replace(old, new, 1))


def test_a_file_cut_short_is_told():
    lines = write(DAILY).splitlines(keepends=True)
    for kept in range(1, len(lines)):
        assert problems_of(b"".join(lines[:kept])), kept


def test_joined_submissions_are_told():
    assert any("two submissions" in problem.message for problem in problems_of(write(DAILY) * 2))


@pytest.mark.parametrize("data", [b"", b"\r\n", b"Date,Amount\r\n", b"\x00" * 80])
def test_what_is_no_submission_is_refused(data):
    assert not standard18.recognise(data)
    with pytest.raises(UnreadableFile):
        records_of(data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": "7700123451234567890"}, "19 characters"),
        ({"reference": "77001"}, "at least six"),
        ({"reference": "7777777"}, "not all the same"),
        ({"reference": "DDIC123456"}, "DDIC"),
        ({"reference": "770012345é"}, "Bacs does not have"),
        ({"reference": " 770012345"}, "space at an end"),
        ({"amount": Decimal("0")}, "between"),
        ({"amount": Decimal("-1")}, "between"),
        ({"amount": Decimal("1.005")}, "whole pence"),
        ({"amount": Decimal("NaN")}, "whole pence"),
        ({"amount": Decimal("1000000000")}, "between"),
        ({"code": "44"}, "transaction code"),
        ({"sort_code": "08999"}, "six digits"),
        ({"account": "1234567"}, "eight digits"),
        ({"name": "!!!"}, "no name"),
        ({"on": date(2026, 3, 31)}, "within 39 days"),
        ({"on": date(2026, 6, 1)}, "within 39 days"),
        ({"code": "0N"}, "is an instruction but"),
    ],
)
def test_the_writer_refuses_what_bacs_would_change_or_reject(change, said):
    with pytest.raises(InvalidInput, match="Instruction 1") as refusal:
        write(replace(DAILY, instructions=(replace(COLLECTION[0], **change),)))

    assert said in refusal.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"sun": "12345"},
        {"serial": "000000"},
        {"account": replace(OWN, sort_code="60-16-13")},
        {"instructions": ()},
        {"processing_date": date(2026, 3, 30)},
        {"expires_on": date(2026, 4, 1)},
        {"user_name": "   "},
        {"file_number": 0},
    ],
)
def test_the_writer_refuses_a_faulty_submission(change):
    with pytest.raises(InvalidInput):
        write(replace(DAILY, **change))


def test_names_are_put_into_bacs_characters_and_references_into_capitals():
    data = write(
        replace(
            DAILY,
            instructions=(replace(COLLECTION[0], name="Zoë O’Neill-Smythe Junior", reference="ab-123456"),),
        )
    )
    entry = next(record for record in records_of(data) if isinstance(record, Entry))

    assert (entry.payer_name, entry.reference) == ("ZOE ONEILL-SMYTHE", "AB-123456")


def test_each_day_of_a_multi_day_file_balances():
    days = tuple(
        replace(item, on=DAILY.processing_date + timedelta(days=number)) for number, item in enumerate(COLLECTION)
    )
    data = write(replace(DAILY, instructions=days))
    entries = [record for record in records_of(data) if isinstance(record, Entry)]

    assert not problems_of(data)
    assert len([entry for entry in entries if entry.kind == "contra"]) == len(days)
    assert [entry.booked_on for entry in entries[: len(days)]] == [item.on for item in days]


bacs_text = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=2, max_size=10)
instructions = st.builds(
    Instruction,
    sort_code=st.integers(0, 999999).map("{:06d}".format),
    account=st.integers(0, 99999999).map("{:08d}".format),
    code=st.sampled_from(["01", "17", "18", "19", "99"]),
    amount=st.integers(1, 10**8).map(lambda pence: Decimal(pence).scaleb(-2)),
    reference=bacs_text.map(lambda text: "R1E2F3" + text),
    name=bacs_text,
    on=st.none() | st.integers(0, 39).map(lambda days: DAILY.processing_date + timedelta(days=days)),
)


@given(st.lists(instructions, min_size=1, max_size=12))
def test_what_is_written_is_read_back(items):
    submission = replace(DAILY, instructions=tuple(items))
    data = write(submission)

    records = records_of(data)
    entries = [record for record in records if isinstance(record, Entry) and record.kind != "contra"]

    assert write(submission) == data
    assert not [record for record in records if isinstance(record, Problem)]
    assert [
        Instruction(
            entry.payer_sort_code,
            entry.payer_account,
            entry.type_code,
            abs(entry.amount),
            entry.reference,
            entry.payer_name,
            entry.booked_on,
        )
        for entry in entries
    ] == [replace(item, on=item.on or DAILY.processing_date) for item in items]


CLEAN = write(DAILY)
CLEAN_TOTAL = sum(item.amount for item in COLLECTION)


@given(st.integers(0, len(CLEAN) - 1), st.integers(0, 255))
def test_no_damaged_byte_changes_the_money_silently(position, byte):
    data = bytearray(CLEAN)
    data[position] = byte
    try:
        records = records_of(bytes(data))
    except UnreadableFile:
        return
    total = sum((r.amount for r in records if isinstance(r, Entry) and r.kind != "contra"), Decimal(0))

    assert total == CLEAN_TOTAL or any(isinstance(record, Problem) for record in records)


@given(st.binary(max_size=300), st.booleans())
def test_hostile_bytes_are_refused_in_plain_words(data, labelled):
    outcome: list = []
    try:
        outcome = records_of((b"VOL1000001\nHDR1\nUHL1\n" if labelled else b"") + data)
    except UnreadableFile as error:
        outcome = [error.message]
    assert outcome
