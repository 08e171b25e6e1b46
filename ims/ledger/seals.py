"""Sealing the ledger: proof, chained, of what every posting held, and the daily totals that go with it."""

from __future__ import annotations

from django.db import connection, transaction

from ims.audit.actors import job
from ims.audit.services import record
from ims.ledger.models import Seal
from ims.ledger.selectors import sealed_floor

# One sealer at a time; the number only has to differ from other locks of its kind.
_LOCK = 7_300_001

_SEAL = """
WITH pending AS MATERIALIZED (
       SELECT p.id, p.entry_count, p.total, ims_posting_digest(p) AS digest
       FROM ledger_posting p
       WHERE p.id > %(floor)s AND NOT EXISTS (SELECT 1 FROM ledger_sealedposting s WHERE s.posting_id = p.id)),
     summary AS (
       SELECT count(*)::integer AS posting_count, sum(entry_count)::bigint AS entry_count, sum(total) AS total,
              greatest(max(id), %(highest)s) AS last_posting_id,
              sha256(string_agg(digest, ''::bytea ORDER BY id)) AS digest
       FROM pending HAVING count(*) > 0),
     sealed AS (
       INSERT INTO ledger_seal
         (sealed_at, posting_count, entry_count, total, last_posting_id, digest, previous, hash)
       SELECT transaction_timestamp(), posting_count, entry_count, total, last_posting_id, digest, %(previous)s,
              ims_seal_hash(%(previous)s, digest, posting_count, entry_count, total, last_posting_id,
                            transaction_timestamp())
       FROM summary RETURNING id),
     covered AS (
       INSERT INTO ledger_sealedposting (posting_id, seal_id, digest)
       SELECT pending.id, sealed.id, pending.digest FROM pending, sealed),
     added AS (
       INSERT INTO ledger_dailytotal AS totals
         (accounting_date, fund_id, method_of_payment_id, office_id, kind, entry_count, amount, vat_amount)
       SELECT e.accounting_date, e.fund_id, e.method_of_payment_id, e.office_id, p.kind, count(*), sum(e.amount),
              sum(e.vat_amount)
       FROM pending JOIN ledger_posting p ON p.id = pending.id JOIN ledger_entry e ON e.posting_id = pending.id
       GROUP BY 1, 2, 3, 4, 5
       ON CONFLICT (accounting_date, fund_id, method_of_payment_id, office_id, kind) DO UPDATE SET
         entry_count = totals.entry_count + excluded.entry_count,
         amount = totals.amount + excluded.amount,
         vat_amount = totals.vat_amount + excluded.vat_amount)
SELECT id FROM sealed
"""


@transaction.atomic
def seal_pending() -> Seal | None:
    """Seal every posting that is not sealed yet; None when there is none, or when somebody else is sealing just now.

    Postings whose transactions have not ended are not seen and wait for the next seal.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
        last = Seal.objects.order_by("-id").first()
        cursor.execute(
            _SEAL,
            {
                "floor": sealed_floor(),
                "highest": last.last_posting_id if last else 0,
                "previous": bytes(last.hash) if last else b"",
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    seal = Seal.objects.get(pk=row[0])
    # A second place that knows of the seal: the newest one cannot go without the audit trail telling.
    record(
        "ledger_sealed",
        actor=job("ledger.seal"),
        subject=seal,
        data={"seal": seal.pk, "hash": bytes(seal.hash).hex(), "entries": seal.entry_count, "total": str(seal.total)},
    )
    return seal
