"""Knowing a payment of the telephone line again in the card processor's file."""

from __future__ import annotations

from psycopg import sql

_TAKEN_HERE = sql.SQL(
    """
    SELECT r.line, format('it is payment %s of the telephone line, posted as %s already. Nothing is posted for it a '
                          'second time.', c.line_reference, ims_posting_reference(p)) AS sentence
    FROM {rows} r
    JOIN telephone_line_callpayment c ON c.line_reference = r.end_to_end AND c.total = r.amount
    JOIN ledger_posting p ON p.id = c.posting_id
    WHERE r.end_to_end <> '' AND r.account = '' AND c.state = 'paid'
    """
)


def taken_here(rows: sql.Composable) -> sql.Composable:
    """A SELECT of (line, sentence) of those `rows` that tell of payments the telephone line told IMS of.

    `rows` is a relation with line, amount, file_reference, end_to_end and account. A payment is known by the
    processor's reference and its whole amount: what was given back of it is not known to IMS, and is posted from the
    file.
    """
    return _TAKEN_HERE.format(rows=rows)
