"""The only code that adds rows to the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import connection
from psycopg import sql

from ims.audit.actors import Actor
from ims.common import clock
from ims.ledger.errors import explained
from ims.ledger.lines import Line
from ims.ledger.models import Posting

LINE_COLUMNS = (
    ("line", "integer"),
    ("fund_id", "text"),
    ("account_reference", "text"),
    ("method_of_payment_id", "text"),
    ("office_id", "text"),
    ("amount", "numeric(12,2)"),
    ("vat_code_id", "text"),
    ("vat_rate", "numeric(6,4)"),
    ("vat_amount", "numeric(12,2)"),
    ("narrative", "text"),
    ("payer_name", "text"),
    ("source_reference", "text"),
    ("source_line", "integer"),
    ("received_on", "date"),
    ("accounting_date", "date"),
    ("corrects_id", "bigint"),
)
"""What a SELECT given to `write` must yield. `vat_amount`, `accounting_date` and `corrects_id` may be NULL."""

_WRITE = """
WITH lines AS MATERIALIZED ({select}),
     summary AS (SELECT count(*) AS entry_count, coalesce(sum(amount), 0) AS total FROM lines),
     posting AS (
       INSERT INTO ledger_posting
         (kind, series, number, source_kind, source_key, reverses_id, approval_id, entry_count, total, reason,
          actor_kind, actor_id, actor_name)
       SELECT %(kind)s, %(series)s, ims_next_number(%(series)s), %(source_kind)s, %(source_key)s, %(reverses_id)s,
              %(approval_id)s::bigint, entry_count, total, %(reason)s, %(actor_kind)s, %(actor_id)s, %(actor_name)s
       FROM summary WHERE entry_count > 0
       RETURNING id),
     entries AS (
       INSERT INTO ledger_entry
         (posting_id, line, fund_id, account_reference, method_of_payment_id, office_id, amount, vat_code_id,
          vat_rate, vat_amount, narrative, payer_name, source_reference, source_line, received_on, accounting_date,
          corrects_id, leaf)
       SELECT posting.id, row_number() OVER (ORDER BY lines.line), fund_id, account_reference, method_of_payment_id,
              office_id, amount, vat_code_id, vat_rate, coalesce(vat_amount, ims_vat_within(amount, vat_rate)),
              narrative, payer_name, source_reference, source_line, received_on,
              coalesce(accounting_date, %(today)s), corrects_id, ''
       FROM lines, posting ORDER BY lines.line)
SELECT id FROM posting
"""

_LINES = sql.SQL("SELECT {columns} FROM jsonb_to_recordset(%(lines)s::jsonb) AS given ({typed})").format(
    columns=sql.SQL(", ").join(sql.Identifier(name) for name, _ in LINE_COLUMNS),
    typed=sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in LINE_COLUMNS),
)


def write(
    select: sql.Composable,
    parameters: Mapping[str, Any],
    *,
    actor: Actor,
    kind: str,
    series: str,
    source_kind: str,
    source_key: str,
    reason: str,
    reverses: Posting | None = None,
    approval: int | None = None,
) -> Posting | None:
    """Add one posting whose lines `select` yields (see `LINE_COLUMNS`); None when it yields no line.

    `approval` is the number of the request that allows it, as `limits.leave` gives it.
    Must run inside the caller's transaction. Raises `LedgerRefusal` when the database refuses.
    """
    statement = sql.SQL(_WRITE).format(select=select)
    values = {
        **parameters,
        "kind": kind,
        "series": series,
        "source_kind": source_kind,
        "source_key": source_key,
        "reverses_id": reverses.pk if reverses else None,
        "approval_id": approval,
        "reason": reason,
        "actor_kind": actor.kind,
        "actor_id": actor.identifier,
        "actor_name": actor.name,
        "today": clock.today(),
    }
    with explained(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
        # What PostgreSQL would check when the transaction ends is checked now, while a refusal can be explained.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return Posting.objects.get(pk=row[0]) if row else None


def from_lines(lines: Sequence[Line], *, vat_rates: Mapping[tuple[str, date], Any]) -> tuple[sql.Composable, dict]:
    """The SELECT and its parameters for `write` that yield `lines`, every code of which is filled in.

    `vat_rates` gives the rate of each (VAT code, day received).
    """
    rows = [
        {
            "line": number,
            "fund_id": line.fund,
            "account_reference": line.account_reference,
            "method_of_payment_id": line.method_of_payment,
            "office_id": line.office,
            "amount": str(line.amount),
            "vat_code_id": line.vat_code,
            "vat_rate": str(vat_rates[line.vat_code, line.received_on]),
            "vat_amount": None if line.vat_amount is None else str(line.vat_amount),
            "narrative": line.narrative,
            "payer_name": line.payer_name,
            "source_reference": line.source_reference,
            "source_line": line.source_line,
            "received_on": line.received_on.isoformat(),
            "accounting_date": line.accounting_date.isoformat() if line.accounting_date else None,
            "corrects_id": line.corrects,
        }
        for number, line in enumerate(lines, start=1)
    ]
    return _LINES, {"lines": json.dumps(rows)}
