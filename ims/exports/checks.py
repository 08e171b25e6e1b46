"""Is what was exported as it should be? Each check reads only; none repairs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from ims.common import clock
from ims.common.findings import Finding, Severity
from ims.exports.models import ExportProfile

LIMIT = 20
"""How many findings of one kind are named."""
LATE_AFTER_DAYS = 5
"""Entries of a day that has had its journal should not wait longer than this for theirs."""

_NAME = "(SELECT name FROM exports_exportprofile p WHERE p.id = b.profile_id) || ' ' || b.sequence"

_CHECKS: tuple[tuple[str, Severity, str, str], ...] = (
    (
        "exports.altered_bytes",
        "error",
        "Export {0} has been altered: its bytes no longer give the SHA-256 they were kept with.",
        f"""SELECT {_NAME} FROM exports_exportbatch b WHERE b.sha256 <> encode(sha256(b.content), 'hex')
            AND NOT ims_is_erased('exports_exportbatch', b.id)""",  # noqa: S608
    ),
    (
        "exports.not_as_built",
        "error",
        "Export {0}, which the audit trail has with the SHA-256 {1}, is not there as it was built.",
        """SELECT e.subject_id, e.data ->> 'sha256' FROM audit_event e
           WHERE e.verb = 'export_built' AND NOT EXISTS (
             SELECT 1 FROM exports_exportbatch b WHERE b.id::text = e.subject_id AND b.sha256 = e.data ->> 'sha256')""",
    ),
    (
        "exports.lines_differ",
        "error",
        "Export {0} says {2} lines and debits of {1}; its {5} lines add up to debits of {3} and credits of {4}.",
        f"""SELECT {_NAME}, b.debit_total, b.line_count, coalesce(l.debit, 0), coalesce(l.credit, 0),
                   coalesce(l.lines, 0)
            FROM exports_exportbatch b
            LEFT JOIN (SELECT batch_id, sum(debit) AS debit, sum(credit) AS credit, count(*) AS lines
                       FROM exports_exportline GROUP BY 1) l ON l.batch_id = b.id
            WHERE coalesce(l.debit, 0) <> b.debit_total OR coalesce(l.credit, 0) <> b.credit_total
               OR coalesce(l.lines, 0) <> b.line_count""",  # noqa: S608
    ),
    (
        "exports.entries_differ",
        "error",
        "Export {0} says {1} entries, but {2} are marked as gone out in it.",
        f"""SELECT {_NAME}, b.entry_count, coalesce(x.entries, 0)
            FROM exports_exportbatch b
            LEFT JOIN (SELECT batch_id, count(*) AS entries FROM exports_exportedentry GROUP BY 1) x
              ON x.batch_id = b.id
            WHERE coalesce(x.entries, 0) <> b.entry_count""",  # noqa: S608
    ),
    (
        "exports.control_differs",
        "error",
        "Export {0} debits control accounts by {1}, but the entries that went out in it add up to {2}.",
        f"""SELECT {_NAME}, coalesce(l.control, 0), coalesce(x.amount, 0)
            FROM exports_exportbatch b
            LEFT JOIN (SELECT batch_id, sum(debit - credit) AS control FROM exports_exportline
                       WHERE side = 'control' GROUP BY 1) l ON l.batch_id = b.id
            LEFT JOIN (SELECT x.batch_id, sum(e.amount) AS amount
                       FROM exports_exportedentry x JOIN ledger_entry e ON e.id = x.entry_id GROUP BY 1) x
              ON x.batch_id = b.id
            WHERE coalesce(l.control, 0) <> coalesce(x.amount, 0)""",  # noqa: S608
    ),
    (
        "exports.sequence_gap",
        "error",
        "The exports of {0} have gaps: {1} batches, but the last is number {2}.",
        """SELECT p.name, count(*), max(b.sequence) FROM exports_exportbatch b
           JOIN exports_exportprofile p ON p.id = b.profile_id GROUP BY 1 HAVING count(*) <> max(b.sequence)""",
    ),
)
_FORGOTTEN = """
SELECT e.accounting_date, count(*), sum(e.amount)
FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id AND f.is_exported_to_ledger
WHERE e.accounting_date BETWEEN (SELECT min(first_date) FROM exports_exportbatch WHERE profile_id = %(profile)s)
                            AND %(last)s
  AND NOT EXISTS (SELECT 1 FROM exports_exportedentry x WHERE x.profile_id = %(profile)s AND x.entry_id = e.id)
GROUP BY 1 ORDER BY 1 LIMIT %(limit)s
"""


def verify() -> Iterator[Finding]:
    """Run every check of this room and yield what is found."""
    for name, severity, sentence, query in _CHECKS:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({query}) AS found LIMIT {LIMIT}")  # noqa: S608
            for row in cursor.fetchall():
                yield Finding(name, severity, sentence.format(*row), str(row[0]))
    for profile in ExportProfile.objects.filter(is_active=True):
        yield from _forgotten(profile)


def _forgotten(profile: ExportProfile) -> Iterator[Finding]:
    """Days since the profile's first batch with entries that nobody exported."""
    last = clock.today() - timedelta(days=LATE_AFTER_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_FORGOTTEN, {"profile": profile.pk, "last": last, "limit": LIMIT})
        for day, count, amount in cursor.fetchall():
            yield Finding(
                "exports.not_exported",
                "warning",
                f"{count} entries of {day:%-d %b %Y} (£{amount:,.2f}) have not gone out by “{profile}”. "
                "Build its journal of that day.",
                f"{day:%-d %b %Y}",
            )
