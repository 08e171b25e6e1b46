"""Posting receipts: once per source, numbered without gaps, dated in an open period, whole or not at all."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ims.common.errors import NotAllowed
from ims.ledger import services
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line
from ims.ledger.models import AccountingPeriod, Entry, Posting
from tests.support.world import person

OFFICER = person("Olu Officer", "ledger.post_receipt")


def line(**changes) -> Line:
    return replace(
        Line(fund="31", amount=Decimal("60.00"), method_of_payment="90", account_reference="BC/1"), **changes
    )


def post(*lines: Line, key: str = "one") -> services.Posted:
    return services.post_receipts(actor=OFFICER, lines=lines or [line()], source_kind="card", source_key=key)


def test_a_receipt_splits_its_vat_and_carries_the_funds_code(world):
    entry = post().posting.entries.get()
    assert (entry.vat_code_id, entry.vat_rate, entry.vat_amount) == ("W0", Decimal("0.2000"), Decimal("10.00"))
    assert entry.office_id == "WP"
    assert entry.receipt_number == "REC-000001/1"


@pytest.mark.parametrize(
    ("amount", "vat"), [("60.00", "10.00"), ("25.00", "4.17"), ("1.00", "0.17"), ("-7.50", "-1.25"), ("49.95", "8.32")]
)
def test_vat_is_within_the_amount_rounded_half_even(world, amount, vat):
    assert post(line(amount=Decimal(amount))).posting.entries.get().vat_amount == Decimal(vat)


def test_the_same_source_never_posts_twice(world):
    first, second = post(), post()
    assert first.created
    assert not second.created
    assert second.posting == first.posting
    assert Entry.objects.count() == 1


def test_without_the_permission_nothing_is_posted(world):
    with pytest.raises(NotAllowed, match=r"ledger\.post_receipt"):
        services.post_receipts(actor=person("Nobody"), lines=[line()], source_kind="card", source_key="x")
    assert Posting.objects.count() == 0


def test_numbers_run_without_gaps_even_after_a_refusal(world):
    post(key="a")
    with pytest.raises(LedgerRefusal):
        post(line(amount=Decimal("0.00")), key="b")
    post(key="c")
    assert list(Posting.objects.order_by("id").values_list("number", flat=True)) == [1, 2]


def test_an_unknown_fund_is_refused_with_a_sentence(world):
    with pytest.raises(LedgerRefusal, match="no fund '77'"):
        post(line(fund="77"))


def test_an_unknown_method_is_refused_with_a_sentence(world):
    with pytest.raises(LedgerRefusal, match="code that does not exist"), transaction.atomic():
        post(line(method_of_payment="ZZ"))


def test_a_closed_period_refuses_in_the_service_and_in_the_database(world):
    AccountingPeriod.objects.filter(name="2024-25").update(is_open=False)
    with pytest.raises(LedgerRefusal, match="2024-25 is closed"):
        post(line(accounting_date=date(2024, 5, 1)))
    posting = post().posting
    with pytest.raises(IntegrityError, match="not in an open period"), transaction.atomic():
        Posting.objects.create(
            pk=posting.pk + 1000,
            kind="receipt",
            series="X",
            number=1,
            source_kind="x",
            source_key="y",
            entry_count=1,
            total=5,
        )
        _insert_raw(Posting(pk=posting.pk + 1000), line_number=1, accounting_date=date(2024, 5, 1))


def test_a_date_outside_every_period_is_refused(world):
    with pytest.raises(LedgerRefusal, match="no period has it"):
        post(line(accounting_date=date(1999, 1, 1)))


def _insert_raw(posting: Posting, *, line_number: int, accounting_date: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ledger_entry (posting_id, line, fund_id, account_reference, method_of_payment_id, office_id,
                 amount, vat_code_id, vat_rate, vat_amount, narrative, payer_name, source_reference, received_on,
                 accounting_date, leaf)
               VALUES (%s, %s, '31', '', '90', 'WP', 5, 'W0', 0, 0, '', '', '', current_date, %s, '')""",
            [posting.pk, line_number, accounting_date],
        )


def test_nothing_is_added_to_a_complete_posting(world):
    posting = post().posting
    with pytest.raises(IntegrityError, match="is complete"), transaction.atomic():
        _insert_raw(posting, line_number=2, accounting_date=date.today())
    with pytest.raises(IntegrityError, match="entry_line_once"), transaction.atomic():
        _insert_raw(posting, line_number=1, accounting_date=date.today())


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["ledger_entry", "ledger_posting"])
def test_posted_rows_refuse_change_and_removal(world, table, statement):
    post()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


def test_a_posting_whose_entries_do_not_add_up_never_commits(world):
    with pytest.raises(IntegrityError, match="says 1 entries totalling 5"), transaction.atomic():
        Posting.objects.create(
            kind="receipt", series="REC", number=9, source_kind="x", source_key="y", entry_count=1, total=5
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_post_once(world_committed):
    results: list[services.Posted] = []

    def attempt() -> None:
        results.append(post(key="same"))
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.created for result in results].count(True) == 1
    assert Posting.objects.count() == 1
    assert Entry.objects.count() == 1


def test_a_period_with_entries_keeps_its_dates_and_stays(world):
    post(line(accounting_date=date(2025, 6, 1)))
    held, empty = AccountingPeriod.objects.get(name="2025-26"), AccountingPeriod.objects.get(name="2024-25")
    for change in (
        lambda: AccountingPeriod.objects.filter(pk=held.pk).update(ends_on=date(2025, 5, 31)),
        lambda: AccountingPeriod.objects.filter(pk=held.pk).delete(),
    ):
        with pytest.raises(IntegrityError, match="holds entries"), transaction.atomic():
            change()
    AccountingPeriod.objects.filter(pk=held.pk).update(is_open=False)
    empty.delete()
