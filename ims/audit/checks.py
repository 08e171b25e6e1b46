"""Is the audit trail as it was written? Each check reads only; none repairs."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from ims.audit.protection import append_only_tables
from ims.audit.seals import MOST_AT_ONCE
from ims.common.checks import Check
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
    yield from _unguarded()


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
