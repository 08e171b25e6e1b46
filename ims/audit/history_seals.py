"""Sealing histories: proof, chained, of what every row of every history said, and that there was no other.

A seal covers all keys of one history table up to a point, so that a row altered, removed or slipped in between is found
and named. Every run leaves an event with the hash of its last seal; events are sealed themselves and published, so the
newest seals cannot go without the audit trail telling.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction
from psycopg import sql

from ims.audit.actors import job
from ims.audit.models import HistorySeal
from ims.audit.protection import history_tables
from ims.audit.services import record

# One sealer at a time; the number only has to differ from other locks of its kind.
_LOCK = 7_300_003
MOST_AT_ONCE = 20_000
"""Rows under one seal: bounds the memory a seal takes, and how many rows are compared when one was altered."""
SEALED = "histories_sealed"

# Whoever writes a row locks its table before it takes a number for it, until the transaction ends. So once nobody holds
# such a lock, every number given out before is settled: its row is there, or never will be.
_SETTLED = """
SELECT EXISTS (SELECT 1 FROM pg_locks l WHERE l.relation = %s::regclass AND l.pid <> pg_backend_pid() AND l.granted
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
"""
_COLUMNS = """
SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
_SEAL = """
WITH hashed AS MATERIALIZED (SELECT * FROM ims_history_hashes(%(table)s, %(columns)s, %(first)s, %(last)s)),
     summary AS (
       SELECT count(*)::integer AS row_count, sha256(string_agg(hash, ''::bytea ORDER BY row_key)) AS digest,
              string_agg(int4send((row_key - %(first)s)::integer) || substr(hash, 1, 8), ''::bytea
                         ORDER BY row_key) AS marks
       FROM hashed)
INSERT INTO audit_historyseal
  (table_name, first_id, last_id, row_count, columns, marks, sealed_at, digest, previous, hash)
SELECT %(table)s, %(first)s, %(last)s, row_count, %(columns)s, marks, transaction_timestamp(), digest, %(previous)s,
       ims_history_seal_hash(%(previous)s, %(table)s, %(first)s, %(last)s, row_count, %(columns)s, digest, marks,
                             transaction_timestamp())
FROM summary RETURNING row_count
"""


def seal_histories() -> int:
    """Seal every row of every history that is settled and not sealed yet; return how many rows.

    A table that somebody is just writing to waits for the next time.
    """
    rows = sum(count for table in history_tables() for count in _seal_table(table))
    last = HistorySeal.objects.order_by("-id").first()
    if rows and last is not None:
        record(SEALED, actor=job("evidence.seal_histories"), subject=last,
               data={"rows": rows, "seal": last.pk, "hash": bytes(last.hash).hex()})  # fmt: skip
    return rows


def _seal_table(table: str) -> Iterator[int]:
    upto = _settled(table)
    while count := _seal_next(table, upto):
        yield count


def _settled(table: str) -> int:
    """The highest key of the table up to which every row is there or never will be; 0 while that is not known."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'history_id')", [table])
        sequence = cursor.fetchone()[0]
        cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608 - its name
        highest = cursor.fetchone()[0]
        cursor.execute(_SETTLED, [table])
        return 0 if cursor.fetchone()[0] else highest


@transaction.atomic
def _seal_next(table: str, upto: int) -> int:
    """Make the next seal over the table; return its rows, 0 when there is nothing to seal or somebody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        before = HistorySeal.objects.order_by("-id").first()
        sealed = HistorySeal.objects.filter(table_name=table).order_by("-first_id").first()
        first = sealed.last_id + 1 if sealed else 1
        bound = sql.SQL(
            "SELECT count(*), max(history_id) FROM (SELECT history_id FROM {} WHERE history_id BETWEEN %s AND %s"
            " ORDER BY history_id LIMIT %s) AS run"
        ).format(sql.Identifier(table))
        cursor.execute(bound, [first, upto, MOST_AT_ONCE])
        count, highest = cursor.fetchone()
        if not count:
            return 0
        cursor.execute(_COLUMNS, [table])
        values = {
            "table": table,
            "first": first,
            "last": highest if count == MOST_AT_ONCE else upto,
            "columns": cursor.fetchone()[0],
            "previous": bytes(before.hash) if before else b"",
        }
        cursor.execute(_SEAL, values)
        return cursor.fetchone()[0]
