"""What an entry names exists and stays, whoever writes: the promise of foreign keys, kept in sets."""

from __future__ import annotations

import threading
import time
from datetime import date

import pytest
from django.db import IntegrityError, NotSupportedError, connection, transaction

from ims.audit.actors import command
from ims.jobs.own_connection import own_connection
from ims.ledger import services
from ims.ledger.lines import Line
from ims.ledger.models import Entry, Posting
from ims.ledger.verification import verify

ACTOR = command("test")
INSERT = """
  WITH posting AS (
    INSERT INTO ledger_posting (kind, series, number, source_kind, source_key, entry_count, total, reason, actor_kind,
                                actor_id, actor_name)
    VALUES ('receipt', 'RAW', %(number)s, 'raw', %(number)s::text, 1, 5, '', 'system', '', '') RETURNING id)
  INSERT INTO ledger_entry (posting_id, line, fund_id, account_reference, method_of_payment_id, office_id, amount,
    vat_code_id, vat_rate, vat_amount, narrative, payer_name, source_reference, received_on, accounting_date,
    corrects_id, leaf)
  SELECT coalesce(%(posting)s, id), 1, %(fund)s, '', %(method)s, %(office)s, 5, %(vat)s, 0, 0, '', '', '',
    %(day)s, %(day)s, %(corrects)s, '' FROM posting
"""
KNOWN = {"posting": None, "fund": "31", "method": "90", "office": "WP", "vat": "W0", "corrects": None}
TABLES = {
    "funds_fund": "31", "funds_methodofpayment": "90", "funds_office": "WP", "funds_vatcode": "W0",
}  # fmt: skip


def insert(cursor, *, number: int = 1, **changes) -> None:
    cursor.execute(INSERT, {**KNOWN, **changes, "number": number, "day": date.today()})


def receipt() -> Entry:
    line = Line(fund="31", amount=5, method_of_payment="90", account_reference="BC/1", office="WP", vat_code="W0")
    posted = services.post_receipts(actor=ACTOR, lines=[line], source_kind="card", source_key="one")
    return posted.posting.entries.get()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"fund": "ZZ"}, "fund ZZ"),
        ({"method": "ZZ"}, "method of payment ZZ"),
        ({"office": "ZZ"}, "office ZZ"),
        ({"vat": "ZZ"}, "VAT code ZZ"),
        ({"posting": 987_654_321}, "posting 987654321"),
        ({"corrects": 987_654_321}, "entry 987654321"),
    ],
)
def test_an_entry_that_names_what_is_not_there_is_refused_by_the_database(world, changes, named):
    with pytest.raises(IntegrityError, match=named), transaction.atomic(), connection.cursor() as cursor:
        insert(cursor, **changes)
    with connection.cursor() as cursor:
        insert(cursor)


@pytest.mark.parametrize(("table", "code"), TABLES.items())
@pytest.mark.parametrize("statement", ["DELETE FROM {} WHERE code = %s", "UPDATE {} SET code = 'RN' WHERE code = %s"])
def test_a_code_that_entries_name_is_neither_removed_nor_renamed(world, table, code, statement):
    receipt()
    with (
        pytest.raises(IntegrityError, match=r"Entries of the ledger name|violates foreign key"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table), [code])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_code_that_nothing_names_may_go(world):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO funds_office (code, name, is_active) VALUES ('OD', 'Old office', true)")
        cursor.execute("UPDATE funds_office SET code = 'OX' WHERE code = 'OD'")
        cursor.execute("DELETE FROM funds_office WHERE code = 'OX'")


@pytest.mark.parametrize("table", TABLES)
def test_the_codes_are_not_emptied_either(world, table):
    receipt()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ims.test_flush = off")
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s",
                       [table, "ims_named_by_the_ledger_table"])  # fmt: skip
        assert cursor.fetchone()[0] == 1
        with pytest.raises((IntegrityError, NotSupportedError)), transaction.atomic():
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"TRUNCATE {table} CASCADE")


def test_a_code_is_removed_only_where_the_look_for_entries_sees_everything(world_committed):
    with own_connection() as other:
        other.execute("INSERT INTO funds_office (code, name, is_active) VALUES ('OD', 'Old office', true)")
        with pytest.raises(Exception, match="READ COMMITTED"), other.transaction():
            other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            other.execute("DELETE FROM funds_office WHERE code = 'OD'")


def test_who_removes_a_code_waits_for_the_entry_on_its_way_and_is_refused(world_committed):
    refused: list[str] = []

    def remove() -> None:
        with own_connection() as other:
            try:
                other.execute("DELETE FROM funds_office WHERE code = 'NW'")
            except Exception as error:
                refused.append(str(error))

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO funds_office (code, name, is_active) VALUES ('NW', 'New office', true)")
    remover = threading.Thread(target=remove)
    with transaction.atomic(), connection.cursor() as cursor:
        insert(cursor, office="NW")
        remover.start()
        time.sleep(0.5)
        assert remover.is_alive()
    remover.join()
    assert "Entries of the ledger name" in refused[0]
    assert Posting.objects.filter(series="RAW").count() == 1


def test_who_posts_to_a_code_being_removed_waits_and_is_refused(world_committed):
    refused: list[str] = []

    def post() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                insert(cursor, office="NW")
        except IntegrityError as error:
            refused.append(str(error))
        finally:
            connection.close()

    poster = threading.Thread(target=post)
    with own_connection() as other:
        other.execute("INSERT INTO funds_office (code, name, is_active) VALUES ('NW', 'New office', true)")
        with other.transaction():
            other.execute("DELETE FROM funds_office WHERE code = 'NW'")
            poster.start()
            time.sleep(0.5)
            assert poster.is_alive()
    poster.join()
    assert "office NW" in refused[0]
    assert not Posting.objects.filter(series="RAW").exists()


def test_a_code_lost_behind_the_guards_is_found(world):
    receipt()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE funds_office DISABLE TRIGGER ims_named_by_the_ledger")
        cursor.execute("UPDATE funds_office SET code = 'GN' WHERE code = 'WP'")
    found = {finding.check: finding.message for finding in verify()}
    assert found["ledger.unknown_code"].startswith("Office WP")
    assert "ims_named_by_the_ledger" in found["ledger.missing_trigger"]
