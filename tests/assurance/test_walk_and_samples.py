"""From totals to bytes and back, samples that can be drawn again, and what is worth a question."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.db import connection

from ims.assurance import papers, sampling, services, unusual, walk
from ims.assurance.errors import AssuranceRefusal
from ims.assurance.sampling import Request
from ims.audit.actors import Actor, command
from ims.audit.models import Event
from ims.common.errors import NotAllowed, NotFound
from ims.imports import services as imports
from ims.imports.models import ImportBatch, ImportRow
from ims.ledger import services as ledger
from ims.ledger.models import Entry
from tests.imports.files import checked, line, posted, simple_profile

TODAY = date.today()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def batch(world) -> ImportBatch:
    simple_profile()
    rows = [
        line(amount="10.00"),
        line(amount="20.50", payer="=HYPERLINK(1)"),
        line(amount="300.00", fund="5", reference=world.rents_account),
    ]
    return posted(command("tests"), rows)


# --- the walk ----------------------------------------------------------------------------------------------------


def test_a_total_is_its_entries_and_an_entry_its_line(auditor, batch):
    total = walk.day_total(auditor, "23", YESTERDAY)
    assert (total.total, total.added_up, total.entry_count, total.agrees) == (
        Decimal("30.50"),
        Decimal("30.50"),
        2,
        True,
    )
    assert ("5", Decimal("300.00"), 1) in walk.fund_totals(auditor, YESTERDAY)
    source = walk.source_of(auditor, total.entries[1].pk)
    assert source.batch == batch
    assert "20.50" in source.row.raw
    assert source.bytes_hold
    assert source.amount_holds
    assert source.leaf_holds
    back = walk.totals_of_posting(auditor, source.origin.posting_id)
    assert [(part.fund, part.count, part.total) for part in back] == [
        ("23", 2, Decimal("30.50")),
        ("5", 1, Decimal("300.00")),
    ]


def test_a_long_day_is_walked_page_by_page(auditor, batch, monkeypatch):
    monkeypatch.setattr(walk, "PAGE", 1)
    first = walk.day_total(auditor, "23", YESTERDAY)
    second = walk.day_total(auditor, "23", YESTERDAY, after=first.after)
    assert [entry.amount for entry in (*first.entries, *second.entries)] == [Decimal("10.00"), Decimal("20.50")]
    assert second.after == 0
    assert first.agrees
    assert second.agrees


def test_money_that_was_moved_is_walked_back_to_the_line_it_arrived_on(auditor, batch, world):
    entry = Entry.objects.get(posting=batch.posting, amount=Decimal("20.50"))
    target = ledger.Line(
        fund="23",
        amount=Decimal("20.50"),
        method_of_payment="",
        account_reference=world.other_council_tax_account,
        received_on=YESTERDAY,
    )
    journal = ledger.post_journal(
        actor=command("tests"), entry_id=entry.pk, targets=[target], reason="Wrong account", key="j1"
    )
    moved = journal.entries.get(account_reference=world.other_council_tax_account)
    source = walk.source_of(auditor, moved.pk)
    assert source.origin == entry
    assert "20.50" in source.row.raw
    assert source.amount_holds


def test_a_row_posted_later_by_itself_is_found_in_its_file(auditor, world):
    simple_profile()
    batch = posted(command("tests"), [line(amount="1.00"), line(amount="nonsense")])
    row = ImportRow.objects.get(batch=batch, outcome="invalid")
    imports.correct_row(
        actor=command("tests"),
        row_id=row.pk,
        changes={"amount": "7.00", "received_on": YESTERDAY.isoformat()},
        reason="Read from the bank",
    )
    posting = imports.post_corrected(actor=command("tests"), batch_id=batch.pk)
    source = walk.source_of(auditor, posting.entries.get().pk)
    assert source.row.pk == row.pk
    assert "nonsense" in source.row.raw
    assert source.bytes_hold


def test_altered_bytes_and_altered_entries_show(auditor, batch):
    entry = Entry.objects.filter(posting=batch.posting).first()
    with connection.cursor() as cursor:  # as somebody would who owns the database
        cursor.execute(
            "ALTER TABLE imports_filecontent DISABLE TRIGGER ALL; ALTER TABLE ledger_entry DISABLE TRIGGER ALL"
        )
        cursor.execute(
            "UPDATE imports_filecontent SET compressed = %s", [__import__("zlib").compress(b"something else")]
        )
        cursor.execute("UPDATE ledger_entry SET amount = 99 WHERE id = %s", [entry.pk])
    source = walk.source_of(auditor, entry.pk)
    assert not source.bytes_hold
    assert not source.leaf_holds
    assert not source.amount_holds


def test_receipts_typed_in_have_no_file_and_unknown_entries_are_not_found(auditor, receipts):
    source = walk.source_of(auditor, receipts[0].pk)
    assert (source.batch, source.row, source.leaf_holds) == (None, None, True)
    assert source.seal is not None
    with pytest.raises(NotFound):
        walk.source_of(auditor, 999_999_999)


# --- samples -----------------------------------------------------------------------------------------------------


@pytest.fixture
def many(world) -> list[Entry]:
    lines = [
        ledger.Line(
            fund="31",
            amount=Decimal(amount),
            method_of_payment="28",
            account_reference=f"BC/{number}",
            payer_name="+44 7700 900000",
            received_on=TODAY,
        )
        for number, amount in enumerate(["1000.00", *["10.00"] * 60, *["0.01"] * 20, "-50.00"], start=1)
    ]
    posting = ledger.post_receipts(actor=command("tests"), lines=lines, source_kind="test", source_key="many").posting
    return list(posting.entries.order_by("line"))


def request(method: str = "random", **changes: object) -> Request:
    return replace(Request(method=method, first=TODAY, last=TODAY, size=8, seed="2026-Q3"), **changes)


@pytest.mark.parametrize("method", ["random", "monetary_unit"])
def test_the_same_seed_draws_the_same_sample_though_the_ledger_grows(auditor, many, method):
    first = sampling.draw(auditor, request(method))
    ledger.post_receipts(
        actor=command("tests"),
        lines=[
            ledger.Line(
                fund="31", amount=Decimal("5000"), method_of_payment="28", account_reference="B", received_on=TODAY
            )
        ],
        source_kind="test",
        source_key="later",
    )
    again = sampling.draw(auditor, replace(first.request))
    assert [item.entry.pk for item in again.items] == [item.entry.pk for item in first.items]
    assert again.population == first.population
    other = sampling.draw(auditor, replace(first.request, seed="2026-Q4"))
    assert [item.entry.pk for item in other.items] != [item.entry.pk for item in first.items]


def test_a_random_sample_has_its_size_and_no_returned_receipts(auditor, many):
    sample = sampling.draw(auditor, request(size=30))
    assert len({item.entry.pk for item in sample.items}) == 30
    assert all(item.entry.amount > 0 for item in sample.items)
    assert (sample.population.count, sample.population.total) == (81, Decimal("1600.20"))
    assert (sample.population.negative_count, sample.population.negative_total) == (1, Decimal("-50.00"))


@pytest.mark.parametrize("seed", ["a", "b", "c", "d", "e"])
def test_a_monetary_unit_sample_lays_pounds_end_to_end(auditor, many, seed):
    sample = sampling.draw(auditor, request("monetary_unit", seed=seed))
    interval, start = int(sample.interval * 100), int(sample.start * 100)
    assert interval == 20003  # 160,020 pence in 8 parts, rounded up
    expected: dict[int, int] = {}
    upto = 0
    for entry in many:
        if entry.amount > 0:
            for penny in range(upto + 1, upto + int(entry.amount * 100) + 1):
                if penny >= start and (penny - start) % interval == 0:
                    expected[entry.pk] = expected.get(entry.pk, 0) + 1
            upto += int(entry.amount * 100)
    assert {item.entry.pk: item.hits for item in sample.items} == expected
    assert many[0].pk in expected  # larger than the interval: certain to be chosen


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": 0}, "1 to 1,000"),
        ({"seed": " "}, "Give a seed"),
        ({"last": TODAY - timedelta(days=2)}, "before the first"),
    ],
)
def test_a_sample_that_makes_no_sense_is_refused(auditor, changes, sentence):
    with pytest.raises(AssuranceRefusal, match=sentence):
        sampling.draw(auditor, request(**changes))


def test_an_empty_population_gives_an_empty_sample(auditor, world):
    assert sampling.draw(auditor, request()).items == []


def test_a_workpaper_holds_the_method_the_source_and_no_formula(auditor, batch):
    sample = services.take_sample(actor=auditor, request=request(first=YESTERDAY, last=YESTERDAY, size=3))
    rows = list(papers.workpaper(sample, actor=auditor, council="Model Council"))
    text = "".join(papers.as_csv(rows)).lstrip("\ufeff")
    parsed = list(csv.reader(io.StringIO(text)))
    assert ["Seed", "2026-Q3"] in parsed
    headings = parsed[parsed.index(list(papers.SAMPLE_HEADINGS))]
    drawn = [dict(zip(headings, row, strict=True)) for row in parsed[parsed.index(headings) + 1 :]]
    assert {row["SHA-256 of the file"] for row in drawn} == {batch.file.sha256}
    assert "'=HYPERLINK(1)" in {row["Payer"] for row in drawn}
    assert all(row["Amount"] in row["The line as it arrived"] for row in drawn)
    book = openpyxl.load_workbook(papers.as_workbook(rows, "Sample"))
    cells = [cell for line_ in book.active.iter_rows() for cell in line_]
    assert not [cell for cell in cells if cell.data_type == "f"]
    event = Event.objects.latest("id")
    assert (event.verb, event.data["seed"], event.data["population"]["count"]) == ("audit_sample_taken", "2026-Q3", 3)


# --- unusual things ----------------------------------------------------------------------------------------------


def found(auditor: Actor, name: str) -> list[unusual.Unusual]:
    (result,) = unusual.look(auditor, TODAY - timedelta(days=300), TODAY + timedelta(days=1), only=name)
    return list(result.found)


def test_work_out_of_hours_is_named_and_work_in_hours_is_not(auditor, manager, world, monkeypatch):
    lines = [
        ledger.Line(fund="31", amount=Decimal("10"), method_of_payment="28", account_reference="B", received_on=TODAY)
    ]
    posting = ledger.post_receipts(actor=manager, lines=lines, source_kind="test", source_key="hours").posting
    local = datetime.now(ZoneInfo("Europe/London"))
    for opens, closes, expected in ((local.hour + 1, 24, True), (0, 24, local.isoweekday() > 5)):
        monkeypatch.setitem(unusual._BOUNDS, "opens", opens)
        monkeypatch.setitem(unusual._BOUNDS, "closes", closes)
        assert (posting.pk in {thing.posting for thing in found(auditor, "out_of_hours")}) is expected


def test_round_sums_moved_from_a_file_of_ones_own(auditor, manager, world):
    simple_profile()
    boss = replace(manager)
    batch = checked(command("tests"), [line(amount="2000.00")])
    imports.post(actor=boss, batch_id=batch.pk)
    entry = Entry.objects.get(posting__import_batch=batch.pk)
    target = ledger.Line(
        fund="23",
        amount=Decimal("2000"),
        method_of_payment="",
        account_reference=world.other_council_tax_account,
        received_on=YESTERDAY,
    )
    journal = ledger.post_journal(actor=boss, entry_id=entry.pk, targets=[target], reason="Wrong account", key="own")
    assert {thing.posting for thing in found(auditor, "round_sum")} == {journal.pk}
    own = found(auditor, "own_file")
    assert {(thing.posting, thing.who) for thing in own} == {(journal.pk, "Sam Income manager")}
    assert "posted by the same person" in own[0].detail


def test_just_under_a_limit(auditor, manager, world):
    for key, amount in (("under", "990000.00"), ("well-under", "100.00")):
        lines = [
            ledger.Line(
                fund="23",
                amount=Decimal(amount),
                method_of_payment="28",
                account_reference=world.council_tax_account,
                received_on=TODAY,
            )
        ]
        ledger.post_receipts(actor=manager, lines=lines, source_kind="test", source_key=key)
    assert [thing.amount for thing in found(auditor, "under_limit")] == [Decimal("990000.00")]


def test_large_reversals_and_old_dates(auditor, manager, world):
    lines = [
        ledger.Line(
            fund="31",
            amount=Decimal("7500"),
            method_of_payment="28",
            account_reference="B",
            received_on=TODAY - timedelta(days=90),
            accounting_date=TODAY - timedelta(days=90),
        )
    ]
    posting = ledger.post_receipts(actor=manager, lines=lines, source_kind="test", source_key="large").posting
    assert [thing.posting for thing in found(auditor, "back_dated")] == [posting.pk]
    reversal = ledger.reverse(actor=manager, posting_id=posting.pk, reason="Posted twice")
    assert [thing.posting for thing in found(auditor, "large_reversal")] == [reversal.pk]


def test_an_amount_changed_between_file_and_ledger(auditor, world):
    simple_profile()
    batch = posted(command("tests"), [line(amount="1.00"), line(amount="nonsense")])
    row = ImportRow.objects.get(batch=batch, outcome="invalid")
    imports.correct_row(
        actor=command("tests"),
        row_id=row.pk,
        changes={"amount": "7.00", "received_on": YESTERDAY.isoformat()},
        reason="Read from the bank",
    )
    posting = imports.post_corrected(actor=command("tests"), batch_id=batch.pk)
    (thing,) = found(auditor, "amount_corrected")
    assert (thing.posting, thing.amount) == (posting.pk, Decimal("7.00"))
    assert "Read from the bank" in thing.detail


def test_unusual_things_are_for_auditors_and_for_a_year_at_most(auditor, manager):
    with pytest.raises(NotAllowed):
        unusual.look(manager, TODAY, TODAY)
    with pytest.raises(AssuranceRefusal, match="366 days"):
        unusual.look(auditor, date(2020, 1, 1), TODAY)
    with pytest.raises(NotFound):
        unusual.look(auditor, TODAY, TODAY, only="no_such_check")
