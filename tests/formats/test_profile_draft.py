"""A draft of a profile is told from a sample, and reads that sample as a person would."""

from __future__ import annotations

import io
from contextlib import suppress
from decimal import Decimal

import pytest

from ims.formats import profile, profile_reading
from ims.formats.profile_draft import draft
from ims.formats.records import Entry, UnreadableFile
from tests.formats.samples import sample

CSV = b"""Leisure bookings of November
Pay Date;Customer Ref;Name;Amount paid;Desk;Notes
03/11/2026;12345674;Mrs A;25.00;1;Pass
13/11/2026;12345675;Mr B;1,030.50;2;Hall
"""


def drafted(content: bytes) -> tuple[dict, list[Entry]]:
    found = draft(io.BytesIO(content))
    known = [column for column in found["columns"] if column["field"]]
    ready = profile.Profile.from_config({"name": "sample", **found, "columns": known})
    return found, [record for record in profile_reading.read(io.BytesIO(content), ready) if isinstance(record, Entry)]


def test_headings_say_what_their_columns_hold():
    found, entries = drafted(CSV)
    assert (found["layout"], found["delimiter"]) == ("delimited", ";")
    assert [column["field"] for column in found["columns"]] == [
        "booked_on", "reference", "payer_name", "amount", "", "narrative"
    ]  # fmt: skip
    assert [(entry.reference, entry.amount) for entry in entries] == [
        ("12345674", Decimal("25.00")), ("12345675", Decimal("1030.50"))
    ]  # fmt: skip


def test_without_headings_the_columns_go_by_number():
    found, entries = drafted(b"A1,03/11/2026,12.50,7\nA2,30/11/2026,8.00,8\n")
    assert found["fields"] == 4
    assert [(column["column"], column["field"]) for column in found["columns"] if column["field"]] == [
        (2, "booked_on"), (3, "amount")
    ]  # fmt: skip
    assert sum(entry.amount for entry in entries) == Decimal("20.50")


@pytest.mark.parametrize("name", ["synthetic-barclays.csv", "synthetic-hsbc-noheader.csv", "synthetic-lloyds.csv"])
def test_the_draft_of_a_banks_download_adds_up_like_the_banks_own_profile(name):
    _, entries = drafted(sample("csv-uk", name))
    assert sum(entry.amount for entry in entries if entry.amount > 0) == Decimal("15085.61")
    assert sum(-entry.amount for entry in entries if entry.amount < 0) == Decimal("249.99")


def test_an_amount_is_never_also_money_in_or_out():
    found = draft(io.BytesIO(b"Date,Payment,Receipt,Amount\n03/11/2026,1.00,2.00,3.00\n"))
    assert [column["field"] for column in found["columns"]] == ["booked_on", "", "", "amount"]


def test_pence_are_told_from_the_heading():
    found = draft(io.BytesIO(b"Date,Amount in pence\n03/11/2026,1250\n"))
    assert found["columns"][1]["scale"] == "pence"


@pytest.mark.parametrize("content", [b"", b"one long line of text\nand another\n", b"PK\x03\x04 not a workbook"])
def test_what_has_no_columns_is_said_to_have_none(content):
    with pytest.raises(UnreadableFile):
        draft(io.BytesIO(content))


@pytest.mark.parametrize(
    "content", [b'"' * 60_000, b"," * 60_000, b"\x00,\x00\n" * 50, b'a,"b\n' * 5_000, b"=1+1,=2\n" * 10]
)
def test_hostile_text_ends_in_a_draft_or_a_sentence(content):
    with suppress(UnreadableFile):
        assert draft(io.BytesIO(content))["columns"]
