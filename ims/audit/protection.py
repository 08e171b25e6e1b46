"""The database's own promises: append-only tables, and an application role that cannot break them.

Runs after every migration, as the owner, and can run again without harm. Which tables are append-only is said once:
models with ``append_only = True``, and every history table.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import sql
from simple_history.models import registered_models

from ims.common.rooms import is_last

APPLICATION_ROLE = "ims_app"


def append_only_tables() -> list[str]:
    """Names of the tables whose rows may be added and read, never changed or removed."""
    declared = [model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)]
    return sorted({*declared, *history_tables()})


def history_tables() -> list[str]:
    """Names of the tables that hold the past of mutable records."""
    return sorted(
        manager.model._meta.db_table
        for model in registered_models.values()
        if (manager := getattr(model, model._meta.simple_history_manager_attribute, None)) is not None
    )


def protect_after_migrate(sender: Any, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Guard every append-only table and set the application role's rights, once the last room has migrated."""
    if is_last(sender):
        protect(using)


def protect(using: str = DEFAULT_DB_ALIAS) -> None:
    """Attach the guards that are missing and grant the application role exactly what it needs."""
    connection = connections[using]
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        tables = [table for table in append_only_tables() if table in existing]
        for table in tables:
            _guard(cursor, table)
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE])
        if cursor.fetchone():
            _grant(cursor, tables)


def _guard(cursor: Any, table: str) -> None:
    cursor.execute(
        "SELECT 1 FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = 'append_only_rows'", [f'"{table}"']
    )
    if cursor.fetchone():
        return
    name = sql.Identifier(table)
    cursor.execute(
        sql.SQL(
            "CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON {0}"
            " FOR EACH ROW EXECUTE FUNCTION ims_append_only();"
            "CREATE TRIGGER append_only_table BEFORE TRUNCATE ON {0}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ims_append_only();"
            "ALTER TABLE {0} ENABLE ALWAYS TRIGGER append_only_rows;"
            "ALTER TABLE {0} ENABLE ALWAYS TRIGGER append_only_table;"
        ).format(name)
    )


def _grant(cursor: Any, append_only: list[str]) -> None:
    role = sql.Identifier(APPLICATION_ROLE)
    cursor.execute(
        sql.SQL(
            "GRANT USAGE ON SCHEMA public TO {0};"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {0};"
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {0};"
        ).format(role)
    )
    for table in append_only:
        cursor.execute(sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(sql.Identifier(table), role))
