"""Sealing the audit trail: proof, chained, of what every event said.

The same design as the ledger's seals: a digest of each event, a seal over a run of them, chained to the seal before.
"""

from __future__ import annotations

from django.db import connection, transaction

from ims.audit.models import EventSeal

# One sealer at a time; the number only has to differ from other locks of its kind.
_LOCK = 7_300_002
MOST_AT_ONCE = 100_000
"""Events under one seal: bounds the memory a seal takes. The rest follow under the next."""

_SEAL = """
WITH bound AS (
       SELECT coalesce((SELECT last_event_id FROM audit_eventseal WHERE sealed_at < now() - interval '1 day'
                        ORDER BY id DESC LIMIT 1), 0) AS floor),
     pending AS MATERIALIZED (
       SELECT e.id, ims_event_digest(e) AS digest FROM audit_event e, bound
       WHERE e.id > bound.floor AND NOT EXISTS (SELECT 1 FROM audit_sealedevent s WHERE s.event_id = e.id)
       ORDER BY e.id LIMIT %(most)s),
     summary AS (
       SELECT count(*)::integer AS event_count, greatest(max(id), %(highest)s) AS last_event_id,
              sha256(string_agg(digest, ''::bytea ORDER BY id)) AS digest
       FROM pending HAVING count(*) > 0),
     sealed AS (
       INSERT INTO audit_eventseal (sealed_at, event_count, last_event_id, digest, previous, hash)
       SELECT transaction_timestamp(), event_count, last_event_id, digest, %(previous)s,
              ims_event_seal_hash(%(previous)s, digest, event_count, last_event_id, transaction_timestamp())
       FROM summary RETURNING id),
     covered AS (
       INSERT INTO audit_sealedevent (event_id, seal_id, digest)
       SELECT pending.id, sealed.id, pending.digest FROM pending, sealed)
SELECT id FROM sealed
"""


@transaction.atomic
def seal_events() -> EventSeal | None:
    """Seal events that are not sealed yet, the oldest first, up to `MOST_AT_ONCE`.

    None when there is none, or when somebody else is sealing just now. Events whose transactions have not ended are
    not seen and wait for the next seal; a transaction of more than a day would be missed, and found by `verify`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
        last = EventSeal.objects.order_by("-id").first()
        values = {
            "most": MOST_AT_ONCE,
            "highest": last.last_event_id if last else 0,
            "previous": bytes(last.hash) if last else b"",
        }
        cursor.execute(_SEAL, values)
        row = cursor.fetchone()
    return EventSeal.objects.get(pk=row[0]) if row else None
