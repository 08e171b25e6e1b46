"""A file of account holders as a set: copied beside the table, compared with it, and applied with its history.

Nothing here decides; `services` does. Every function runs in the caller's transaction. Hundreds of thousands of
accounts go in within seconds because no row passes through the ORM; the history rows are written by the same
statements that write the accounts, so neither exists without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg import sql

from ims.accounts.file_layout import Row
from ims.accounts.models import AccountHolder
from ims.audit.actors import Actor
from ims.common.clock import now

_STAGE = sql.Identifier("account_stage")
_HOLDER = sql.Identifier(AccountHolder._meta.db_table)
_HISTORY = sql.Identifier(AccountHolder.history.model._meta.db_table)
_EXAMPLES = 20

_STORED = {"stop_code": "stop_reason_id"}
"""Columns of the file that are stored under another name."""
_TYPES = {"balance": "numeric(12,2)", "balance_on": "date", "stop_reason_id": "bigint"}
_WHEN_ABSENT: dict[str, object] = {"balance": None, "balance_on": None, "stop_reason_id": None}


@dataclass(frozen=True)
class Comparison:
    """How the staged file stands to the accounts that are known."""

    added: int
    changed: int
    unchanged: int
    gone: int


def lock_loads() -> None:
    """Wait for any other load to finish: two at once would each compare with what the other is about to change."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ims.accounts.load', 0))")


def stage(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Copy the rows beside the table. `columns` are those of the file, in the order of each row's values."""
    stored = _stored(columns)
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_TYPES.get(name, "text"))) for name in stored
    )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS account_stage")
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (line int, fund_id text, reference text{}{}) ON COMMIT DROP").format(
                _STAGE, sql.SQL(", " if stored else ""), definitions
            )
        )
        names = sql.SQL(", ").join(map(sql.Identifier, ["line", "fund_id", "reference", *stored]))
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(_STAGE, names)) as copy:
            for row in rows:
                copy.write_row((row.line, row.fund, row.reference, *row.values))
        cursor.execute("ANALYZE account_stage")


def compare(columns: Sequence[str], *, is_full: bool, fund: str) -> Comparison:
    """Count what applying the stage would do."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT count(*) FILTER (WHERE h.id IS NULL),"
                " count(*) FILTER (WHERE h.id IS NOT NULL AND {differs}),"
                " count(*) FILTER (WHERE h.id IS NOT NULL AND NOT {differs})"
                " FROM {stage} s LEFT JOIN {holder} h ON h.fund_id = s.fund_id AND h.reference = s.reference"
            ).format(differs=_differs(columns), stage=_STAGE, holder=_HOLDER)
        )
        added, changed, unchanged = cursor.fetchone()
        gone = 0
        if is_full:
            cursor.execute(
                sql.SQL("SELECT count(*) FROM {holder} h WHERE {gone}").format(holder=_HOLDER, gone=_gone(fund))
            )
            (gone,) = cursor.fetchone()
    return Comparison(added, changed, unchanged, gone)


def examples(columns: Sequence[str]) -> list[dict[str, Any]]:
    """A few of the accounts that would change: line, account, and each value before and after."""
    stored = _stored(columns)
    pairs = sql.SQL(", ").join(sql.SQL("h.{0}::text, s.{0}::text").format(sql.Identifier(name)) for name in stored)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT s.line, s.fund_id, s.reference, h.is_open{comma}{pairs} FROM {stage} s"
                " JOIN {holder} h ON h.fund_id = s.fund_id AND h.reference = s.reference"
                " WHERE {differs} ORDER BY s.line LIMIT {limit}"
            ).format(
                comma=sql.SQL(", " if stored else ""),
                pairs=pairs,
                stage=_STAGE,
                holder=_HOLDER,
                differs=_differs(columns),
                limit=sql.Literal(_EXAMPLES),
            )
        )
        return [_example(row, stored) for row in cursor.fetchall()]


def apply(columns: Sequence[str], *, actor: Actor, reason: str, is_full: bool, fund: str) -> Comparison:
    """Add and change accounts, mark those gone from a full load, and write the history of each. Returns the counts."""
    stored = _stored(columns)
    added = _with_history(_insert(stored), "+", actor, reason)
    changed = _with_history(_update(columns, stored), "~", actor, reason)
    gone = 0
    if is_full:
        closing = sql.SQL("UPDATE {holder} h SET is_open = false WHERE {gone} RETURNING h.*")
        gone = _with_history(closing.format(holder=_HOLDER, gone=_gone(fund)), "~", actor, f"{reason} (gone)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM account_stage")
        (rows,) = cursor.fetchone()
    return Comparison(added, changed, rows - added - changed, gone)


def _insert(stored: Sequence[str]) -> sql.Composed:
    held = {"fund_id", "reference", *stored}
    names, values = [], []
    for field in AccountHolder._meta.concrete_fields:
        if field.primary_key:
            continue
        names.append(sql.Identifier(field.column))
        if field.column in held:
            values.append(sql.SQL("s.{}").format(sql.Identifier(field.column)))
        elif field.column == "is_open":
            values.append(sql.SQL("true"))
        else:
            values.append(sql.Literal(_WHEN_ABSENT.get(field.column, "")))
    return sql.SQL(
        "INSERT INTO {holder} ({names}) SELECT {values} FROM {stage} s WHERE NOT EXISTS"
        " (SELECT 1 FROM {holder} h WHERE h.fund_id = s.fund_id AND h.reference = s.reference)"
        " ORDER BY s.fund_id, s.reference RETURNING *"
    ).format(holder=_HOLDER, names=sql.SQL(", ").join(names), values=sql.SQL(", ").join(values), stage=_STAGE)


def _update(columns: Sequence[str], stored: Sequence[str]) -> sql.Composed:
    settings = [sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in stored]
    settings.append(sql.SQL("is_open = true"))
    return sql.SQL(
        "UPDATE {holder} h SET {settings} FROM {stage} s"
        " WHERE h.fund_id = s.fund_id AND h.reference = s.reference AND {differs} RETURNING h.*"
    ).format(holder=_HOLDER, settings=sql.SQL(", ").join(settings), stage=_STAGE, differs=_differs(columns))


def _with_history(change: sql.Composed, kind: str, actor: Actor, reason: str) -> int:
    """Run `change`, write a history row for each account it returns, and count them: one statement."""
    copied = [sql.Identifier(field.column) for field in AccountHolder._meta.concrete_fields]
    user = actor.person_key
    stamps = {
        "history_date": sql.Literal(now()),  # the moment of the act, not of the transaction's start
        "history_type": sql.Literal(kind),
        "history_change_reason": sql.Literal(reason or None),
        "history_user_id": sql.SQL("{}::bigint").format(sql.Literal(user)),
        "actor_kind": sql.Literal(actor.kind),
        "actor_name": sql.Literal(actor.name),
        "actor_address": sql.Literal(actor.address),
    }
    statement = sql.SQL(
        "WITH done AS ({change}) INSERT INTO {history} ({copied}, {names}) SELECT {copied}, {values} FROM done"
    ).format(
        change=change,
        history=_HISTORY,
        copied=sql.SQL(", ").join(copied),
        names=sql.SQL(", ").join(map(sql.Identifier, stamps)),
        values=sql.SQL(", ").join(stamps.values()),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


def _differs(columns: Sequence[str]) -> sql.Composed:
    stored = _stored(columns)
    if not stored:
        return sql.SQL("(NOT h.is_open)").format()
    left = sql.SQL(", ").join(sql.SQL("h.{}").format(sql.Identifier(name)) for name in stored)
    right = sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(name)) for name in stored)
    return sql.SQL("(NOT h.is_open OR ROW({left}) IS DISTINCT FROM ROW({right}))").format(left=left, right=right)


def _gone(fund: str) -> sql.Composed:
    of_funds = (
        sql.SQL("h.fund_id = {}").format(sql.Literal(fund))
        if fund
        else sql.SQL("h.fund_id IN (SELECT DISTINCT fund_id FROM {})").format(_STAGE)
    )
    return sql.SQL(
        "h.is_open AND {of_funds} AND NOT EXISTS"
        " (SELECT 1 FROM {stage} s WHERE s.fund_id = h.fund_id AND s.reference = h.reference)"
    ).format(of_funds=of_funds, stage=_STAGE)


def _stored(columns: Sequence[str]) -> list[str]:
    return [_STORED.get(column, column) for column in columns]


def _example(row: Sequence[Any], stored: Sequence[str]) -> dict[str, Any]:
    line, fund, reference, is_open, *values = row
    changes = [] if is_open else [{"field": "open", "before": "no", "after": "yes"}]
    for index, name in enumerate(stored):
        before, after = values[2 * index], values[2 * index + 1]
        if before != after:
            field = AccountHolder._meta.get_field(name.removesuffix("_id"))
            changes.append({"field": str(field.verbose_name), "before": before or "", "after": after or ""})
    return {"line": line, "fund": fund, "reference": reference, "changes": changes}
