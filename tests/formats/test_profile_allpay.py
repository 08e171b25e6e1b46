import io
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.formats import allpay
from ims.formats.records import Entry, Problem, StatementEnd, UnreadableFile

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
INDEX = SAMPLES / "bank" / "allpay" / "index.json"
FILES = json.loads(INDEX.read_text())["files"] if INDEX.exists() else []

DETAILS = [
    " 33561 770012345          150.00P01/04/2026",
    " 33561 61070006692        -60.00Q01/04/2026",
    " 33561 BERN561234567       88.10T01/04/2026",
]
TRAILER = [
    "",
    "Total Amount Updated onto System:            178.10",
    "Total Transactions updated onto System:                 3",
]


def file_of(details=DETAILS, trailer=TRAILER) -> bytes:
    return "\r\n".join([*details, *trailer, ""]).encode()


def records_of(data: bytes) -> list:
    return list(allpay.read(io.BytesIO(data)))


def problems_of(data: bytes) -> list[Problem]:
    return [record for record in records_of(data) if isinstance(record, Problem)]


@pytest.mark.skipif(not FILES, reason="the shared sample files are not beside the repository")
@pytest.mark.parametrize("facts", FILES, ids=lambda facts: facts["file"])
def test_the_samples(facts):
    data = (INDEX.parent / facts["file"]).read_bytes()
    expected = facts["expected"]
    records = records_of(data)
    entries = [record for record in records if isinstance(record, Entry)]
    by_type: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        by_type[entry.type_code] += entry.amount

    assert allpay.recognise(data)
    assert len(entries) == expected["entries"]
    assert sum(entry.amount for entry in entries) == Decimal(expected["total"])
    assert by_type == {kind: Decimal(amount) for kind, amount in expected["by_type"].items()}
    assert any(isinstance(record, Problem) for record in records) != expected["trailer_agrees"]
    assert entries[-1].reference == "561234567"
    assert entries[-1].extra["prefix"] == "BERN"


def test_a_clean_file():
    records = records_of(file_of())
    end = records[-1]

    assert not problems_of(file_of())
    assert isinstance(end, StatementEnd)
    assert (end.declared_count, end.declared_sum) == (3, Decimal("178.10"))
    assert records[2].reversal
    assert records[1].narrative == "Post Office 33561"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("150.00P", "15O.00P", "is not an amount"),
        ("01/04/2026", "31/02/2026", "does not exist"),
        ("01/04/2026", "2026-04-01", "is not a date"),
        ("88.10T01/04/2026", "88.10T01/04/20", "characters where 43"),
        (" -60.00Q", "  60.00Q", "returned cheque"),
        ("770012345", "7700\x0012345"[:9], "NUL"),
    ],
)
def test_a_spoilt_payment_is_a_row_problem_that_names_its_line(old, new, said):
    text = file_of().decode().replace(old, new, 1)

    row = next(problem for problem in problems_of(text.encode()) if problem.scope == "row")

    assert said in row.message
    assert row.message.startswith("Line ")


def test_a_bad_date_alone_does_not_spoil_the_control_totals():
    text = file_of().decode().replace("P01/04/2026", "P31/02/2026")

    assert [problem.scope for problem in problems_of(text.encode())] == ["row"]


def test_an_unreadable_amount_leaves_the_total_unconfirmed():
    text = file_of().decode().replace("150.00P", "15O.00P")

    assert [problem.scope for problem in problems_of(text.encode())] == ["row", "statement"]


@pytest.mark.parametrize(
    "data",
    [
        file_of(trailer=[]),
        file_of(trailer=TRAILER[:2]),
        file_of(details=DETAILS[:2]),
        file_of(details=DETAILS + DETAILS[:1]),
        file_of() + file_of(),
        file_of(trailer=["", "Total Amount Updated onto System:      a lot", TRAILER[2]]),
    ],
)
def test_control_totals_fail_closed(data):
    assert any(problem.scope == "statement" for problem in problems_of(data))


def test_a_day_without_payments():
    data = file_of([], ["Total Amount Updated onto System:              0.00", TRAILER[2][:-1] + "0"])

    assert allpay.recognise(data)
    assert not problems_of(data)


def test_an_empty_file_is_refused():
    with pytest.raises(UnreadableFile):
        records_of(b"\r\n")


@given(st.integers(0, len(file_of()) - 1), st.integers(0, 255))
def test_no_damaged_byte_moves_money_silently(position, byte):
    data = bytearray(file_of())
    data[position] = byte
    before = sum(record.amount for record in records_of(file_of()) if isinstance(record, Entry))
    records = records_of(bytes(data))
    after = sum((record.amount for record in records if isinstance(record, Entry)), Decimal(0))

    assert after == before or any(isinstance(record, Problem) for record in records)


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_in_plain_words(data):
    allpay.recognise(data)
    try:
        outcome = records_of(data)
    except UnreadableFile as error:
        outcome = [error.message]
    assert outcome
