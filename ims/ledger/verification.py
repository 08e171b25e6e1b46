"""Proof that the ledger is as it was posted. Every check reads only; none repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ims.common.checks import Check
from ims.common.findings import Finding

CHECKS: tuple[Check, ...] = (
    Check(
        "ledger.altered_entry",
        "Line {1} of {0} has been altered: its content no longer gives its SHA-256.",
        """SELECT ims_posting_reference(p), e.line FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id
            WHERE e.leaf <> ims_entry_leaf(e)
              AND ims_erased_leaf(e.id, e.leaf) IS DISTINCT FROM ims_entry_leaf(e)""",
    ),
    Check(
        "ledger.incomplete_posting",
        "{0} says {1} entries totalling {2}, but has {3} totalling {4}: entries were removed, added or altered.",
        """SELECT ims_posting_reference(p), p.entry_count, p.total, coalesce(e.entries, 0), coalesce(e.total, 0)
            FROM ledger_posting p
            LEFT JOIN (SELECT posting_id, count(*) AS entries, sum(amount) AS total FROM ledger_entry GROUP BY 1) e
              ON e.posting_id = p.id
            WHERE e.entries IS DISTINCT FROM p.entry_count OR e.total IS DISTINCT FROM p.total""",
    ),
    Check(
        "ledger.removed_entry",
        "Line {1} of {0} has been removed.",
        """SELECT ims_posting_reference(p), missing.line
           FROM ledger_posting p
           LEFT JOIN (SELECT posting_id, count(*) AS entries, max(line) AS highest FROM ledger_entry GROUP BY 1) e
             ON e.posting_id = p.id
           CROSS JOIN LATERAL (SELECT line FROM generate_series(1, p.entry_count) AS line
                               EXCEPT SELECT line FROM ledger_entry WHERE posting_id = p.id) AS missing
           WHERE e.entries IS DISTINCT FROM p.entry_count OR e.highest > p.entry_count""",
    ),
    Check(
        "ledger.inserted_entry",
        "Line {1} of {0} has been inserted: it was not posted with the other lines.",
        """SELECT ims_posting_reference(p), e.line FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id
           WHERE e.line > p.entry_count OR e.posted_at <> p.posted_at""",
    ),
    Check(
        "ledger.reordered_entries",
        "Lines {1} and {2} of {0} have changed places, or others between them have.",
        """SELECT ims_posting_reference(p), o.before, o.line
           FROM (SELECT posting_id, line, id, lag(line) OVER lines AS before, lag(id) OVER lines AS id_before
                 FROM ledger_entry WINDOW lines AS (PARTITION BY posting_id ORDER BY line)) AS o
           JOIN ledger_posting p ON p.id = o.posting_id
           WHERE o.id < o.id_before""",
    ),
    Check(
        "ledger.orphan_entry",
        "Entry {0} belongs to a posting ({1}) that is not there.",
        """SELECT e.id, e.posting_id FROM ledger_entry e
           WHERE NOT EXISTS (SELECT 1 FROM ledger_posting p WHERE p.id = e.posting_id)""",
    ),
    Check(
        "ledger.unknown_code",
        "{0} {1}, which entries of the ledger name, is not there.",
        """SELECT named.what, named.code FROM (
             SELECT DISTINCT what, code FROM (
               SELECT DISTINCT fund_id, method_of_payment_id, office_id, vat_code_id FROM ledger_entry) AS e
             CROSS JOIN LATERAL (VALUES ('Fund', fund_id), ('Method of payment', method_of_payment_id),
               ('Office', office_id), ('VAT code', vat_code_id)) AS v (what, code)) AS named
           LEFT JOIN (SELECT 'Fund' AS what, code FROM funds_fund
                      UNION ALL SELECT 'Method of payment', code FROM funds_methodofpayment
                      UNION ALL SELECT 'Office', code FROM funds_office
                      UNION ALL SELECT 'VAT code', code FROM funds_vatcode) AS known USING (what, code)
           WHERE known.code IS NULL""",
    ),
    Check(
        "ledger.posting_differs_from_seal",
        "{0} is not as it was when seal {1} was made: the posting or the order of its entries has been altered.",
        """SELECT ims_posting_reference(p), s.seal_id
           FROM ledger_sealedposting s JOIN ledger_posting p ON p.id = s.posting_id
           WHERE s.digest <> ims_posting_digest(p)""",
    ),
    Check(
        "ledger.sealed_posting_gone",
        "Posting {0}, covered by seal {1}, has been removed.",
        """SELECT s.posting_id, s.seal_id FROM ledger_sealedposting s
           WHERE NOT EXISTS (SELECT 1 FROM ledger_posting p WHERE p.id = s.posting_id)""",
    ),
    Check(
        "ledger.altered_seal",
        "Seal {0} has been altered, or the postings it covers are not those it was made over.",
        """SELECT s.id FROM ledger_seal s
           LEFT JOIN (SELECT seal_id, count(*) AS postings,
                             sha256(string_agg(digest, ''::bytea ORDER BY posting_id)) AS digest
                      FROM ledger_sealedposting GROUP BY 1) c ON c.seal_id = s.id
           WHERE s.hash <> ims_seal_hash(s.previous, s.digest, s.posting_count, s.entry_count, s.total,
                                         s.last_posting_id, s.sealed_at)
              OR c.postings IS DISTINCT FROM s.posting_count OR c.digest IS DISTINCT FROM s.digest""",
    ),
    Check(
        "ledger.missing_seal",
        "The seal before seal {0} is missing or is not the one it was chained to.",
        """SELECT id FROM (SELECT id, previous, lag(hash, 1, ''::bytea) OVER (ORDER BY id) AS expected
                           FROM ledger_seal) s
           WHERE previous <> expected""",
    ),
    Check(
        "ledger.seal_gone",
        "Seal {0}, which the audit trail has with the hash {1}, is not there as it was made.",
        """SELECT e.data->>'seal', e.data->>'hash' FROM audit_event e
           WHERE e.verb = 'ledger_sealed'
             AND NOT EXISTS (SELECT 1 FROM ledger_seal s WHERE s.id = (e.data->>'seal')::bigint
                             AND encode(s.hash, 'hex') = e.data->>'hash')""",
    ),
    Check(
        "ledger.unsealed_posting",
        "{0}, posted at {1}, has not been sealed within a day. Sealing has stopped, or the posting was slipped in.",
        """SELECT ims_posting_reference(p), p.posted_at FROM ledger_posting p
            WHERE p.posted_at < now() - interval '1 day'
              AND NOT EXISTS (SELECT 1 FROM ledger_sealedposting s WHERE s.posting_id = p.id)""",
    ),
    Check(
        "ledger.back_dated_posting",
        "{0} says it was posted at {1}, but was first sealed at {2}, after a later seal: it was slipped in.",
        """SELECT ims_posting_reference(p), p.posted_at, seal.sealed_at
            FROM ledger_sealedposting s
            JOIN ledger_posting p ON p.id = s.posting_id JOIN ledger_seal seal ON seal.id = s.seal_id
            WHERE EXISTS (SELECT 1 FROM ledger_seal earlier WHERE earlier.id < seal.id
                          AND earlier.sealed_at > p.posted_at + interval '1 hour')""",
    ),
    Check(
        "ledger.number_gap",
        "Series {0}: {1} postings, but the last number is {2}: numbers are missing.",
        """SELECT n.prefix, coalesce(p.postings, 0), n.last_number FROM ledger_numberseries n
           LEFT JOIN (SELECT series, count(*) AS postings, max(number) AS highest FROM ledger_posting GROUP BY 1) p
             ON p.series = n.prefix
           WHERE coalesce(p.postings, 0) <> n.last_number OR coalesce(p.highest, 0) <> n.last_number""",
    ),
    Check(
        "ledger.unbalanced",
        "{0} moves money but does not sum to zero: it sums to {1}.",
        """SELECT ims_posting_reference(p), sum(e.amount)
           FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
            WHERE p.kind IN ('journal', 'transfer', 'allocation') GROUP BY 1 HAVING sum(e.amount) <> 0""",
    ),
    Check(
        "ledger.overdrawn_entry",
        "Entry {0} of {1}: {2} would remain, so more was taken from it than it held.",
        """SELECT o.id, o.amount, ims_entry_remaining(o.id, o.amount) FROM ledger_entry o
           WHERE o.id IN (SELECT corrects_id FROM ledger_entry WHERE corrects_id IS NOT NULL)
             AND ims_entry_remaining(o.id, o.amount) NOT BETWEEN least(o.amount, 0) AND greatest(o.amount, 0)""",
    ),
    Check(
        "ledger.daily_total_differs",
        "The daily total of {0}, fund {1}, method {2}, office {3} ({4}) is {5}, but its sealed entries add up to {6}.",
        """SELECT coalesce(t.accounting_date, e.accounting_date), coalesce(t.fund_id, e.fund_id),
                  coalesce(t.method_of_payment_id, e.method_of_payment_id), coalesce(t.office_id, e.office_id),
                  coalesce(t.kind, e.kind), t.amount, e.amount
           FROM ledger_dailytotal t
           FULL JOIN (SELECT e.accounting_date, e.fund_id, e.method_of_payment_id, e.office_id, p.kind,
                             count(*) AS entry_count, sum(e.amount) AS amount, sum(e.vat_amount) AS vat_amount
                      FROM ledger_sealedposting s JOIN ledger_posting p ON p.id = s.posting_id
                      JOIN ledger_entry e ON e.posting_id = p.id GROUP BY 1, 2, 3, 4, 5) e
             USING (accounting_date, fund_id, method_of_payment_id, office_id, kind)
           WHERE t.amount IS DISTINCT FROM e.amount OR t.entry_count IS DISTINCT FROM e.entry_count
              OR t.vat_amount IS DISTINCT FROM e.vat_amount""",
    ),
    Check(
        "ledger.approval_differs",
        "{0} names request {1} as its approval, but that request did not approve it: it is “{2}”.",
        """SELECT ims_posting_reference(p), p.approval_id, coalesce(r.state, 'gone')
           FROM ledger_posting p LEFT JOIN approvals_request r ON r.id = p.approval_id
           WHERE p.approval_id IS NOT NULL
             AND (r.state = 'approved' AND r.decided_at = p.posted_at) IS NOT TRUE""",
    ),
    Check(
        "ledger.missing_trigger",
        "The rule {0} of table {1} is not in force: what it forbids would be accepted.",
        """SELECT t.trigger_name, t.table_name
           FROM (VALUES ('ims_entry_leaf', 'ledger_entry'), ('ims_entry_after_insert', 'ledger_entry'),
                        ('ims_posting_moment', 'ledger_posting'), ('ims_posting_is_whole', 'ledger_posting'),
                        ('ims_reversal_mirrors', 'ledger_posting'), ('ims_posting_within_limit', 'ledger_posting'),
                        ('ims_request_guard', 'approvals_request'),
                        ('ims_entry_names_what_exists', 'ledger_entry'),
                        ('ims_named_by_the_ledger', 'funds_fund'),
                        ('ims_named_by_the_ledger', 'funds_methodofpayment'),
                        ('ims_named_by_the_ledger', 'funds_office'), ('ims_named_by_the_ledger', 'funds_vatcode'),
                        ('ims_period_keeps_entries', 'ledger_accountingperiod')) AS t (trigger_name, table_name)
           WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = t.table_name::regclass
                             AND tgname = t.trigger_name AND tgenabled <> 'D')""",
    ),
    Check(
        "ledger.unguarded_table",
        "Table {0} has lost its append-only guard: rows could be altered unseen.",
        """SELECT t.name FROM unnest(ARRAY['ledger_posting', 'ledger_entry', 'ledger_seal', 'ledger_sealedposting'])
             AS t (name)
           WHERE (SELECT count(*) FROM pg_trigger WHERE tgrelid = t.name::regclass AND tgenabled = 'A'
                  AND tgname IN ('append_only_rows', 'append_only_table')) <> 2""",
    ),
)


def verify(progress: Callable[[str], None] = lambda name: None) -> Iterator[Finding]:
    """Run every check of the ledger and yield what is found. `progress` is told the name of each check as it starts."""
    for check in CHECKS:
        progress(check.name)
        yield from check.run()
