"""Knowing a card payment of ours again in somebody's file."""

from __future__ import annotations

from psycopg import sql

from ims.common.sql import read
from ims.payments.gateways import ABILITIES


def taken_here(rows: sql.Composable) -> sql.Composable:
    """A SELECT of (line, sentence) of those `rows` that tell of payments IMS took itself.

    `rows` is a relation with line, amount, file_reference, end_to_end and account. A payment is known by the
    provider's own id; or, in what is no statement of a bank account, by the reference it was made with. Refunds and
    disputes of it carry the same, and are IMS's own too where the provider can be asked for them.
    """
    silent = sql.Literal([str(provider) for provider, abilities in ABILITIES.items() if not abilities.lists])
    return sql.SQL(read("ims.payments", "taken_here.sql")).format(rows=rows, silent=silent)
