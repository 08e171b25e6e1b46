import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from ims.formats import dwp
from ims.formats.records import Entry, Problem, UnreadableFile

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "samples" / "dwp-counciltax-synthetic.xlsx"


def schedule(*rows: tuple) -> bytes:
    book = Workbook()
    book.active.append(["heading"] * 13)
    for reference, on, pence, sign in rows:
        book.active.append(["x"] * 5 + [reference] + ["x"] * 4 + [on, pence, sign])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def entries_of(data: bytes) -> list[Entry]:
    return [record for record in dwp.read(io.BytesIO(data)) if isinstance(record, Entry)]


def problems_of(data: bytes) -> list[Problem]:
    return [record for record in dwp.read(io.BytesIO(data)) if isinstance(record, Problem)]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the shared sample files are not beside the repository")
def test_the_sample():
    data = SAMPLE.read_bytes()
    entries = entries_of(data)

    assert dwp.recognise(data)
    assert [(entry.reference, entry.amount) for entry in entries] == [
        ("770000018", Decimal("14.80")),
        ("770000026", Decimal("25.00")),
        ("770000034", Decimal("-14.80")),
        ("BADREF1", Decimal("9.00")),
    ]
    assert {entry.booked_on for entry in entries} == {date(2026, 6, 30)}
    assert entries[2].reversal
    assert not problems_of(data)


def test_numbers_and_dates_as_excel_knows_them():
    entry = entries_of(schedule((770000018, date(2026, 6, 30), 1480, None)))[0]

    assert (entry.reference, entry.amount, entry.booked_on) == ("770000018", Decimal("14.80"), date(2026, 6, 30))


@pytest.mark.parametrize(
    "row",
    [
        ("77", "30/06/2026", "14.80", "+"),
        ("77", "30/06/2026", 14.8, "+"),
        ("77", "30/06/2026", -1480, "+"),
        ("77", "30/06/2026", "1480", "?"),
        ("77", "June", "1480", "+"),
        ("77", None, "1480", "+"),
        (None, "30/06/2026", "1480", "+"),
        ("77", "30/06/2026", None, "+"),
    ],
)
def test_rows_that_cannot_be_right_are_told(row):
    assert [(problem.line, problem.scope) for problem in problems_of(schedule(row))] == [(2, "row")]


def test_other_files_are_not_taken_for_a_schedule():
    assert not dwp.recognise(b"Date,Amount\n")
    assert not dwp.recognise(b"PK\x03\x04rubbish")
    assert not dwp.recognise(schedule(("77", "soon", "x", "y")))
    with pytest.raises(UnreadableFile):
        list(dwp.read(io.BytesIO(b"rubbish")))
