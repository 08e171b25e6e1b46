"""What the application's own database role may and may not do."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from ims.audit.protection import append_only_tables, protect


@pytest.fixture
def application(transactional_db):
    """A connection as `ims_app`, with the rights a migration gives it."""
    protect()
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"] or None, dbname=settings["NAME"], user="ims_app", autocommit=True
    ) as role:
        yield role


def test_append_only_tables_can_be_read_and_added_to_but_not_changed(application):
    tables = [name for name in append_only_tables() if name in connection.introspection.table_names()]
    assert {"ledger_entry", "ledger_posting", "audit_event", "funds_historicalfund"} <= set(tables)
    for table in tables:
        rights = application.execute(
            "SELECT has_table_privilege(%s, 'SELECT'), has_table_privilege(%s, 'INSERT'), "
            "has_table_privilege(%s, 'UPDATE, DELETE, TRUNCATE')",
            [table] * 3,
        ).fetchone()
        assert rights == (True, True, False), table


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only_rows ON ledger_entry",
        "CREATE OR REPLACE FUNCTION ims_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "TRUNCATE ledger_entry",
        "INSERT INTO ledger_numberseries AS s VALUES ('X', 1) ON CONFLICT (prefix) DO UPDATE SET last_number = 0; "
        "UPDATE ledger_entry SET amount = 1",
    ],
)
def test_the_application_cannot_take_the_guards_away(application, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute(statement)


def test_a_temporary_table_of_the_same_name_does_not_make_a_posting_whole(application):
    """A session looks among its own temporary tables first: a ledger it made itself must not be the one checked."""
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="says 1 entries"), application.transaction():
        posting = application.execute(
            "INSERT INTO public.ledger_posting (kind, series, number, source_kind, source_key, entry_count, total,"
            " reason, actor_kind, actor_id, actor_name)"
            " VALUES ('receipt', 'SHD', 1, 'test', 'shadow', 1, 10, '', 'system', '', 'Test') RETURNING id"
        ).fetchone()[0]
        application.execute(
            "CREATE TEMPORARY TABLE ledger_entry ON COMMIT DROP AS SELECT %s::bigint AS posting_id, 10.00 AS amount",
            [posting],
        )


def test_no_check_of_the_ledger_looks_among_temporary_tables(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relname IN ('ledger_posting', 'ledger_entry') AND p.proname LIKE 'ims\\_%%'"
            " AND p.prosrc ~ '(FROM|JOIN) ledger_' AND p.proname <> 'ims_suspense_after_entries'"
            " AND NOT coalesce('search_path=public, pg_temp' = ANY(p.proconfig), false)"
        )
        assert cursor.fetchall() == []
