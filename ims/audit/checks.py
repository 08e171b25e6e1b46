"""Is the audit trail as it was written? Each check reads only; none repairs."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from struct import iter_unpack

from django.db import connection
from psycopg import sql

from ims.audit.history_seals import MOST_AT_ONCE as ROWS_UNDER_A_SEAL
from ims.audit.models import HistorySeal
from ims.audit.protection import append_only_tables, history_tables
from ims.audit.seals import MOST_AT_ONCE
from ims.common.checks import LIMIT, Check
from ims.common.findings import Finding

CHECKS: tuple[Check, ...] = (
    Check(
        "audit.altered_event",
        "Audit event {0} ({1}, by {2}, {3:%-d %b %Y %H:%M}) has been altered since seal {4} was made over it.",
        """SELECT e.id, e.verb, e.actor_name, e.occurred_at, s.seal_id
           FROM audit_sealedevent s JOIN audit_event e ON e.id = s.event_id WHERE s.digest <> ims_event_digest(e)""",
    ),
    Check(
        "audit.event_gone",
        "Audit event {0}, covered by event seal {1}, has been removed.",
        """SELECT s.event_id, s.seal_id FROM audit_sealedevent s
           WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.id = s.event_id)""",
    ),
    Check(
        "audit.altered_seal",
        "Event seal {0} has been altered, or the events it covers are not those it was made over.",
        """SELECT s.id FROM audit_eventseal s
           LEFT JOIN (SELECT seal_id, count(*) AS events,
                             sha256(string_agg(digest, ''::bytea ORDER BY event_id)) AS digest
                      FROM audit_sealedevent GROUP BY 1) c ON c.seal_id = s.id
           WHERE s.hash <> ims_event_seal_hash(s.previous, s.digest, s.event_count, s.last_event_id, s.sealed_at)
              OR c.events IS DISTINCT FROM s.event_count OR c.digest IS DISTINCT FROM s.digest""",
    ),
    Check(
        "audit.missing_seal",
        "The event seal before event seal {0} is missing or is not the one it was chained to.",
        """SELECT id FROM (SELECT id, previous, lag(hash, 1, ''::bytea) OVER (ORDER BY id) AS expected
                           FROM audit_eventseal) s
           WHERE previous <> expected""",
    ),
    Check(
        "audit.seal_gone",
        "Event seal {0}, which {1} events stand under, has been removed.",
        """SELECT s.seal_id, count(*) FROM audit_sealedevent s
           WHERE NOT EXISTS (SELECT 1 FROM audit_eventseal e WHERE e.id = s.seal_id) GROUP BY 1""",
    ),
    Check(
        "audit.unsealed_event",
        "Audit event {0} of {1:%-d %b %Y %H:%M} has not been sealed within a day. Sealing has stopped, or the event "
        "was slipped in.",
        """SELECT e.id, e.occurred_at FROM audit_event e
           WHERE e.occurred_at < now() - interval '1 day'
             AND NOT EXISTS (SELECT 1 FROM audit_sealedevent s WHERE s.event_id = e.id)""",
    ),
    Check(
        "audit.back_dated_event",
        "Audit event {0} says {1:%-d %b %Y %H:%M}, but was first sealed on {2:%-d %b %Y %H:%M}, after a later seal: it "
        "was slipped in.",
        """SELECT e.id, e.occurred_at, seal.sealed_at
           FROM audit_sealedevent s JOIN audit_event e ON e.id = s.event_id
           JOIN audit_eventseal seal ON seal.id = s.seal_id
           WHERE EXISTS (SELECT 1 FROM audit_eventseal earlier WHERE earlier.id < seal.id
                         AND earlier.event_count < {most} -- a full seal left events for the next
                         AND earlier.sealed_at > e.occurred_at + interval '1 hour')""".replace(
            "{most}", str(MOST_AT_ONCE)
        ),
    ),
)
HISTORY_CHECKS: tuple[Check, ...] = (
    Check(
        "audit.altered_history_seal",
        "History seal {0} over {1} has been altered.",
        """SELECT id, table_name FROM audit_historyseal
           WHERE hash <> ims_history_seal_hash(previous, table_name, first_id, last_id, row_count, columns, digest,
                                               marks, sealed_at)""",
    ),
    Check(
        "audit.missing_history_seal",
        "The history seal before history seal {0} is missing or is not the one it was chained to.",
        """SELECT id FROM (SELECT id, previous, lag(hash, 1, ''::bytea) OVER (ORDER BY id) AS expected
                           FROM audit_historyseal) s
           WHERE previous <> expected""",
    ),
    Check(
        "audit.history_seal_gone",
        "History seal {0}, which the audit trail knows, is gone or was rewritten.",
        """SELECT (e.data ->> 'seal')::bigint FROM audit_event e WHERE e.verb = 'histories_sealed' AND NOT EXISTS (
             SELECT 1 FROM audit_historyseal s
             WHERE s.id = (e.data ->> 'seal')::bigint AND encode(s.hash, 'hex') = e.data ->> 'hash')""",
    ),
)

# Seals whose rows are not what they were made over; seals of columns or tables that are gone cannot be worked out.
_DIFFER = """
WITH known AS MATERIALIZED (
       SELECT s.id, s.table_name, s.columns, s.first_id, s.last_id, s.row_count, s.digest FROM audit_historyseal s
       WHERE to_regclass(s.table_name) IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM unnest(s.columns) AS c (name) WHERE NOT EXISTS (
           SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass(s.table_name) AND a.attname = c.name
             AND a.attnum > 0 AND NOT a.attisdropped)))
SELECT k.id FROM known k, ims_history_digest(k.table_name, k.columns, k.first_id, k.last_id) d
WHERE d.row_count <> k.row_count OR d.digest IS DISTINCT FROM k.digest ORDER BY k.id
"""
_ROWS = """
SELECT row_key, coalesce(ims_hash_before_erasure(%(table)s, row_key::text, hash), hash)
FROM ims_history_hashes(%(table)s, %(columns)s, %(first)s, %(last)s)
"""
UNSEALED_AFTER = "2 days"
_NEVER_GIVEN = "SELECT history_id FROM {} WHERE history_id < 1 ORDER BY history_id LIMIT %s"
# A seal covers every key given out before it, but for a full one, which leaves rows for the next: so a row dated long
# before an earlier seal over its history was not written then.
_BACK_DATED = """
SELECT h.history_id, h.history_date, s.sealed_at
FROM (SELECT first_id, last_id, sealed_at,
             max(sealed_at) FILTER (WHERE row_count < %s)
               OVER (ORDER BY first_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM audit_historyseal WHERE table_name = %s) s
JOIN {} h ON h.history_id BETWEEN s.first_id AND s.last_id AND h.history_date < s.before - %s::interval
ORDER BY h.history_id LIMIT %s
"""
LONGEST_WRITE = "1 day"
_UNGUARDED = """
SELECT t.name FROM unnest(%s::text[]) AS t (name)
WHERE to_regclass(t.name) IS NOT NULL
  AND (SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(t.name) AND tgenabled = 'A'
       AND tgname IN ('append_only_rows', 'append_only_table')) <> 2
"""


def verify() -> Iterator[Finding]:
    """Run every check of this room and yield what is found."""
    for check in CHECKS:
        yield from check.run()
    yield from verify_histories()
    yield from _unguarded()


def verify_histories() -> Iterator[Finding]:
    """Are the histories as they were sealed, and are they sealed?"""
    for check in HISTORY_CHECKS:
        yield from check.run()
    yield from islice(_histories(), LIMIT)
    for table in history_tables():
        yield from _slipped_in(table)
    yield from _unsealed_histories()


def _slipped_in(table: str) -> Iterator[Finding]:
    """Rows of a history with a key that is never given out, and rows first sealed long after the day they name."""
    name = sql.Identifier(table)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(_NEVER_GIVEN).format(name), [LIMIT])
        keys = [row[0] for row in cursor.fetchall()]
        values = [ROWS_UNDER_A_SEAL, table, LONGEST_WRITE, LIMIT]
        cursor.execute(sql.SQL(_BACK_DATED).format(name), values)
        back_dated = cursor.fetchall()
    for key in keys:
        sentence = f"Row {key} of {table} was slipped in: IMS gives no such key, and no seal covers it."
        yield Finding("audit.inserted_history", "error", sentence, f"{table} {key}")
    for key, dated, sealed_at in back_dated:
        sentence = (
            f"Row {key} of {table} says {dated:%-d %b %Y %H:%M}, but was first sealed on {sealed_at:%-d %b %Y %H:%M}, "
            "after an earlier seal: it was slipped in."
        )
        yield Finding("audit.back_dated_history", "error", sentence, f"{table} {key}")


def _histories() -> Iterator[Finding]:
    """Rows of histories that were altered, removed or slipped in since they were sealed, each by its key."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFER)
        differing = [row[0] for row in cursor.fetchall()]
    for number in differing:
        seal = HistorySeal.objects.get(pk=number)
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, {"table": seal.table_name, "columns": seal.columns,
                                   "first": seal.first_id, "last": seal.last_id})  # fmt: skip
            rows = {key: bytes(digest) for key, digest in cursor.fetchall()}
        if sha256(b"".join(rows.values())).digest() != bytes(seal.digest):
            yield from _named(seal, rows)


def _named(seal: HistorySeal, rows: dict[int, bytes]) -> Iterator[Finding]:
    marks = {seal.first_id + place: mark for place, mark in iter_unpack(">i8s", bytes(seal.marks))}
    told = False
    for key in sorted({*marks, *rows}):
        if key not in rows:
            name, what = "audit.history_gone", "has been removed since"
        elif key not in marks:
            name, what = "audit.inserted_history", "was slipped in after"
        elif rows[key][:8] != marks[key]:
            name, what = "audit.altered_history", "has been altered since"
        else:
            continue
        told = True
        sentence = f"Row {key} of {seal.table_name} {what} {seal} was made over it."
        yield Finding(name, "error", sentence, f"{seal.table_name} {key}")
    if not told:
        sentence = f"{seal} was made over other rows of {seal.table_name} than are there now."
        yield Finding("audit.altered_history_seal", "error", sentence, str(seal))


def _unsealed_histories() -> Iterator[Finding]:
    """Histories whose rows wait for a seal for too long."""
    for table in history_tables():
        query = sql.SQL(
            "SELECT 1 FROM {} h WHERE h.history_id > coalesce((SELECT max(last_id) FROM audit_historyseal"
            " WHERE table_name = %s), 0) AND h.history_date < now() - %s::interval LIMIT 1"
        ).format(sql.Identifier(table))
        with connection.cursor() as cursor:
            cursor.execute(query, [table, UNSEALED_AFTER])
            if cursor.fetchone():
                sentence = (
                    f"Rows of {table} have waited for more than {UNSEALED_AFTER} to be sealed. Is a worker running?"
                )
                yield Finding("audit.unsealed_history", "warning", sentence, table)


def _unguarded() -> Iterator[Finding]:
    """Append-only tables that have lost their guard. The ledger's own are named by the ledger's checks."""
    tables = [table for table in append_only_tables() if not table.startswith("ledger_")]
    with connection.cursor() as cursor:
        cursor.execute(_UNGUARDED, [tables])
        for (table,) in cursor.fetchall():
            yield Finding(
                "audit.unguarded_table",
                "error",
                f"Table {table} has lost its append-only guard: rows could be altered unseen.",
                table,
            )
