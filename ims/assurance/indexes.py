"""The two indexes that let a page of the past be found in order, on every history table.

Made after migrations, as the guards of append-only tables are, so that a model tracked tomorrow has them too. The
library's own indexes find a record's rows; these find a day's rows and a person's rows, already in the order shown.
"""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import sql

from ims.assurance.trails import trails
from ims.common.rooms import is_last


def index_after_migrate(sender: Any, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Make what is missing, once the last application has migrated."""
    if is_last(sender):
        ensure(using)


def ensure(using: str = DEFAULT_DB_ALIAS) -> None:
    """Make the indexes that are missing. Can run again without harm."""
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        cursor.execute("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")
        existing = {row[0] for row in cursor.fetchall()}
        for trail in trails():
            if trail.table not in tables:
                continue
            for name, statement in _wanted(trail.table):
                if name not in existing:
                    cursor.execute(statement)


def _wanted(table: str) -> list[tuple[str, sql.Composed]]:
    when, who = f"{table}_when"[:63], f"{table}_who"[:63]
    return [
        (
            when,
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (history_date, history_id)").format(
                sql.Identifier(when), sql.Identifier(table)
            ),
        ),
        (
            who,
            sql.SQL(
                "CREATE INDEX IF NOT EXISTS {} ON {} (history_user_id, history_date, history_id)"
                " WHERE history_user_id IS NOT NULL"
            ).format(sql.Identifier(who), sql.Identifier(table)),
        ),
    ]
