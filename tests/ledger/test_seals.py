"""Seals: what any alteration looks like, done as the database superuser with every guard taken away."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from ims.audit.actors import command
from ims.ledger import services
from ims.ledger.lines import Line
from ims.ledger.models import DailyTotal, Posting, Seal, SealedPosting
from ims.ledger.seals import seal_pending
from ims.ledger.selectors import balance_before, totals_between
from ims.ledger.verification import verify
from tests.support import tampering
from tests.support.world import World

ACTOR = command("test")


def receive(*amounts: str, key: str) -> Posting:
    lines = [
        Line(fund="23", amount=Decimal(amount), method_of_payment="28", account_reference=f"70012345{number}")
        for number, amount in enumerate(amounts)
    ]
    return services.post_receipts(actor=ACTOR, lines=lines, source_kind="test", source_key=key).posting


@pytest.fixture
def sealed(world: World) -> list[Posting]:
    """Three postings under two seals."""
    first, second = receive("10.00", "20.00", key="a"), receive("5.00", key="b")
    seal_pending()
    third = receive("7.50", "2.50", key="c")
    seal_pending()
    return [first, second, third]


COLUMNS = (
    "posting_id, fund_id, account_reference, method_of_payment_id, office_id, amount, vat_code_id, vat_rate,"
    " vat_amount, narrative, payer_name, source_reference, received_on, accounting_date, leaf"
)
TABLES = ("ledger_entry", "ledger_posting", "ledger_seal", "ledger_sealedposting")


def guards_down():
    """The ledger with every guard taken away."""
    return tampering.guards_down(*TABLES)


def findings() -> set[str]:
    return {finding.check for finding in verify()}


def test_an_untouched_ledger_has_no_findings(sealed):
    assert findings() == set()
    assert Seal.objects.count() == 2
    assert bytes(Seal.objects.order_by("id")[1].previous) == bytes(Seal.objects.order_by("id")[0].hash)


def test_nothing_new_makes_no_seal(sealed):
    assert seal_pending() is None


def tamper(statement: str, *values) -> None:
    with guards_down() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount != 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE ledger_entry SET amount = amount + 1 WHERE posting_id = %s AND line = 1", "ledger.altered_entry"),
        ("UPDATE ledger_entry SET account_reference = 'X' WHERE posting_id = %s AND line = 1", "ledger.altered_entry"),
        ("DELETE FROM ledger_entry WHERE posting_id = %s AND line = 2", "ledger.incomplete_posting"),
        ("DELETE FROM ledger_entry WHERE posting_id = %s AND line = 2", "ledger.removed_entry"),
        (
            f"INSERT INTO ledger_entry (line, posted_at, {COLUMNS})"
            f" SELECT 3, posted_at - interval '3 days', {COLUMNS} FROM ledger_entry WHERE posting_id = %s AND line = 2",
            "ledger.inserted_entry",
        ),
        ("UPDATE ledger_entry SET line = 3 - line WHERE posting_id = %s", "ledger.reordered_entries"),
        ("UPDATE ledger_entry SET line = 3 - line WHERE posting_id = %s", "ledger.altered_entry"),
        ("UPDATE ledger_posting SET reason = 'other' WHERE id = %s", "ledger.posting_differs_from_seal"),
        ("UPDATE ledger_posting SET actor_name = 'Somebody else' WHERE id = %s", "ledger.posting_differs_from_seal"),
        ("UPDATE ledger_sealedposting SET digest = '\\x00' WHERE posting_id = %s", "ledger.altered_seal"),
    ],
)
def test_an_alteration_is_found_and_named(sealed, statement, expected):
    if "line = 3 - line" in statement:
        with guards_down() as cursor:
            cursor.execute("UPDATE ledger_entry SET line = line + 10 WHERE posting_id = %s", [sealed[0].pk])
            cursor.execute("UPDATE ledger_entry SET line = 13 - line WHERE posting_id = %s", [sealed[0].pk])
    else:
        tamper(statement, sealed[0].pk)
    assert expected in findings()


def test_an_alteration_with_its_hash_remade_is_found_through_the_seal(sealed):
    with guards_down() as cursor:
        cursor.execute("UPDATE ledger_entry SET narrative = 'changed' WHERE posting_id = %s", [sealed[0].pk])
        cursor.execute("UPDATE ledger_entry e SET leaf = ims_entry_leaf(e) WHERE posting_id = %s", [sealed[0].pk])
    assert findings() == {"ledger.posting_differs_from_seal"}


def test_a_posting_slipped_in_with_an_old_date_is_found(sealed):
    late = receive("1.00", key="late")
    with guards_down() as cursor:
        cursor.execute("UPDATE ledger_posting SET posted_at = posted_at - interval '3 days' WHERE id = %s", [late.pk])
    assert "ledger.unsealed_posting" in findings()
    seal_pending()
    assert "ledger.back_dated_posting" in findings()


def test_a_removed_posting_is_found(sealed):
    with guards_down() as cursor:
        cursor.execute("DELETE FROM ledger_entry WHERE posting_id = %s", [sealed[1].pk])
        cursor.execute("DELETE FROM ledger_posting WHERE id = %s", [sealed[1].pk])
    assert {"ledger.sealed_posting_gone", "ledger.number_gap", "ledger.daily_total_differs"} <= findings()


def test_an_altered_and_a_missing_seal_are_found(sealed):
    first = Seal.objects.order_by("id")[0]
    tamper("UPDATE ledger_seal SET total = total + 1 WHERE id = %s", first.pk)
    assert "ledger.altered_seal" in findings()
    with guards_down() as cursor:
        cursor.execute("DELETE FROM ledger_sealedposting WHERE seal_id = %s", [first.pk])
        cursor.execute("DELETE FROM ledger_seal WHERE id = %s", [first.pk])
    assert "ledger.missing_seal" in findings()


def test_a_guard_taken_away_is_found(sealed):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_entry DISABLE TRIGGER append_only_rows")
    assert "ledger.unguarded_table" in findings()


def test_the_newest_seal_cannot_go_unnoticed(sealed):
    last = Seal.objects.order_by("-id").first()
    with guards_down() as cursor:
        cursor.execute("DELETE FROM ledger_sealedposting WHERE seal_id = %s", [last.pk])
        cursor.execute("DELETE FROM ledger_seal WHERE id = %s", [last.pk])
    assert "ledger.seal_gone" in findings()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER ims_posting_is_whole ON ledger_posting",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ims_entry_after_insert",
    ],
)
def test_a_rule_taken_away_is_found(sealed, statement):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)
    assert "ledger.missing_trigger" in findings()


def test_daily_totals_join_what_is_sealed_with_what_is_not(sealed):
    receive("100.00", key="live")
    today = date.today()
    rows = totals_between(ACTOR, today, today)
    assert [(row.fund, row.entry_count, row.amount) for row in rows] == [("23", 6, Decimal("145.00"))]
    assert DailyTotal.objects.get().amount == Decimal("45.00")
    assert balance_before(ACTOR, today) == []
    assert balance_before(ACTOR, today + timedelta(days=1))[0].amount == Decimal("145.00")


def test_a_seal_covers_each_posting_once(sealed):
    assert list(SealedPosting.objects.order_by("posting_id").values_list("posting_id", flat=True)) == [
        posting.pk for posting in sealed
    ]
