"""Is suspense as it should be? Each check reads only; none repairs."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from ims.common.findings import Finding
from ims.common.money import format_pounds

LIMIT = 20
"""How many findings of one kind are named."""

_WITHOUT_ITEM = """
SELECT p.series || '-' || lpad(p.number::text, greatest(6, length(p.number::text)), '0') || '/' || e.line, e.amount
FROM ledger_entry e
JOIN funds_fund f ON f.code = e.fund_id AND f.is_suspense
JOIN ledger_posting p ON p.id = e.posting_id
WHERE e.corrects_id IS NULL AND NOT EXISTS (SELECT 1 FROM suspense_suspenseitem s WHERE s.entry_id = e.id)
  AND ims_entry_remaining(e.id, e.amount) <> 0
ORDER BY e.id LIMIT %s
"""
_REMAINING_DIFFERS = """
SELECT s.id, s.remaining, r.remaining
FROM suspense_suspenseitem s JOIN ledger_entry e ON e.id = s.entry_id
CROSS JOIN LATERAL (SELECT ims_entry_remaining(e.id, e.amount) AS remaining) AS r
WHERE s.remaining <> r.remaining OR s.amount <> e.amount OR s.received_on <> e.received_on
ORDER BY s.id LIMIT %s
"""
_BALANCE = """
SELECT (SELECT coalesce(sum(e.amount), 0)
        FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id AND f.is_suspense),
       (SELECT coalesce(sum(remaining), 0) FROM suspense_suspenseitem)
"""
_OWNER_GONE = """
SELECT s.id, coalesce(nullif(u.display_name, ''), u.username)
FROM suspense_suspenseitem s JOIN people_user u ON u.id = s.owner_id
WHERE s.state = 'open' AND NOT u.is_active ORDER BY s.id LIMIT %s
"""


def verify() -> Iterator[Finding]:
    """Run every check of this room and yield what is found."""
    for receipt, amount in _rows(_WITHOUT_ITEM):
        yield Finding(
            "suspense.entry_without_item",
            "error",
            f"Receipt {receipt} of {format_pounds(amount)} is in suspense, but nobody is asked to identify it. "
            "Whatever posted it did not open an item.",
            receipt,
        )
    for item, says, truth in _rows(_REMAINING_DIFFERS):
        yield Finding(
            "suspense.remaining",
            "error",
            f"Suspense item {item} says {format_pounds(says)} remains; the ledger says {format_pounds(truth)}.",
            str(item),
        )
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE)
        ledger, items = cursor.fetchone()
    if ledger != items:
        yield Finding(
            "suspense.balance",
            "error",
            f"The suspense fund holds {format_pounds(ledger)} in the ledger, but its items add up to "
            f"{format_pounds(items)}: {format_pounds(ledger - items)} has no item.",
        )
    for item, name in _rows(_OWNER_GONE):
        yield Finding(
            "suspense.owner_gone",
            "warning",
            f"Suspense item {item} belongs to {name}, who no longer signs in. Give it to somebody else.",
            str(item),
        )


def _rows(query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, [LIMIT])
        return cursor.fetchall()
