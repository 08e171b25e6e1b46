"""Reading a file into a temporary table, row by row out of the reader and by COPY into PostgreSQL.

The table lives as long as the transaction. PostgreSQL works out each row's digest, and whether a routing rule touches
it, while the rows are still being read, so that both are busy at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import sql

from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart
from ims.imports.routing_sql import touched_sql
from ims.imports.rules import Rule

Report = Callable[[int, int, str], None]
"""``report(done, total, message)``; see `ims.jobs.running.Run.report`."""

COLUMNS = (
    "line", "is_parent", "kind", "status", "currency", "amount", "received_on", "type_code",
    "bank_reference", "reference", "end_to_end", "payer_name", "narrative", "fund", "method_of_payment", "office",
    "vat_code", "account", "raw", "problem",
)  # fmt: skip
SCRATCH_TABLES = (
    "ims_stage", "ims_problem", "ims_twin", "ims_routed", "ims_unknown", "ims_rewritten", "ims_wrong",
    "ims_candidate", "ims_found", "ims_earlier", "ims_elsewhere", "ims_decided",
)  # fmt: skip
"""Every temporary table of an import. They go with the transaction, or make way for the next import within it."""
LONGEST_RAW = 2000
MOST_PROBLEMS_KEPT = 200
_PIECE = 2000
_BETWEEN = "\x1f"
_NULL = "\\N"
_SEPARATORS_IN_A_LINE = len(COLUMNS) - 1
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", _BETWEEN: " ", "\0": "�", "\b": " ", "\f": " ", "\v": " "}
)

_CREATE = """
CREATE TEMPORARY TABLE ims_stage (
  line integer NOT NULL, is_parent boolean NOT NULL, kind text NOT NULL, status text NOT NULL, currency text NOT NULL,
  amount numeric, received_on date, type_code text NOT NULL, bank_reference text NOT NULL,
  reference text NOT NULL, end_to_end text NOT NULL, payer_name text NOT NULL, narrative text NOT NULL,
  fund text NOT NULL, method_of_payment text NOT NULL, office text NOT NULL, vat_code text NOT NULL,
  account text NOT NULL, raw text NOT NULL, problem text NOT NULL, problem_code text, problem_field text,
  content uuid GENERATED ALWAYS AS (md5(
    {profile} || E'\\x1f' || account || E'\\x1f' || kind || E'\\x1f' || currency || E'\\x1f'
    || coalesce(trim_scale(amount)::text, '') || E'\\x1f'
    || coalesce((received_on - date '2000-01-01')::text, '') || E'\\x1f' || type_code || E'\\x1f'
    || bank_reference || E'\\x1f' || reference || E'\\x1f' || end_to_end || E'\\x1f' || payer_name || E'\\x1f'
    || narrative || E'\\x1f' || fund || E'\\x1f' || method_of_payment)::uuid) STORED,
  across uuid GENERATED ALWAYS AS (CASE WHEN account <> '' THEN (md5(
    account || E'\\x1f' || currency || E'\\x1f' || coalesce(trim_scale(amount)::text, '') || E'\\x1f'
    || coalesce((received_on - date '2000-01-01')::text, '') || E'\\x1f'
    || CASE WHEN bank_reference NOT IN ('', 'NONREF') THEN 'bank' || E'\\x1f' || bank_reference
       ELSE reference || E'\\x1f' || end_to_end || E'\\x1f' || payer_name || E'\\x1f' || narrative END))::uuid END
    ) STORED,
  touched boolean GENERATED ALWAYS AS ({touched}) STORED
) ON COMMIT DROP
"""
_TIDIED = {"reference": "btrim({})"} | dict.fromkeys(
    ("fund", "method_of_payment", "office", "vat_code"), "upper(btrim({}))"
)


def as_routed(name: str) -> sql.Composable:
    """A column of the stage as routing sees it: codes in capitals, no spaces around them."""
    return sql.SQL(_TIDIED.get(name, "{}")).format(sql.Identifier(name))


@dataclass
class Statement:
    """What a statement within the file says of itself."""

    account: str
    currency: str
    number: str
    opening: Decimal | None
    opening_on: date | None
    closing: Decimal | None = None
    closing_on: date | None = None


@dataclass
class Staged:
    """What was read, besides the rows themselves."""

    rows: int = 0
    row_problems: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    """What spoils the file as a whole."""
    problem_count: int = 0
    notices: list[dict[str, Any]] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)


def create_stage(profile_code: str, rules: Sequence[Rule]) -> None:
    """Make the empty table for this transaction. Rows of different profiles never count as the same."""
    with connection.cursor() as cursor:
        # Compiling these long expressions would take longer than running them.
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(SCRATCH_TABLES)}")
        # Without parameters, so that a percent sign in a rule's value is only a percent sign.
        cursor.execute(
            sql.SQL(_CREATE).format(profile=sql.Literal(profile_code), touched=touched_sql(rules, as_routed))
        )


def stage(
    records: Iterable[Record],
    *,
    profile_code: str,
    rules: Sequence[Rule],
    report: Report,
    progress: Callable[[], tuple[int, int]],
) -> Staged:
    """Read `records` into the table. Raises what the reader raises; the transaction is then the caller's to undo.

    `progress` says how many bytes of how many were read.
    """
    create_stage(profile_code, rules)
    staged = Staged()
    connection.ensure_connection()
    statement = sql.SQL("COPY ims_stage ({}) FROM STDIN WITH (DELIMITER E'\\x1f')").format(
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in _pieces(_lines(records, staged)):
            copy.write("".join(piece).encode("utf-8", "replace"))
            report(*progress(), f"Reading: {staged.rows:,} rows so far")
    if staged.row_problems:
        _attach_problems()
    return staged


def _pieces(lines: Iterator[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    for line in lines:
        piece.append(line)
        if len(piece) == _PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _lines(records: Iterable[Record], staged: Staged) -> Iterator[str]:
    account = ""
    for record in records:
        if isinstance(record, Entry):
            staged.rows += 1
            yield entry_line(record, account)
        elif isinstance(record, Problem):
            if record.scope == "row":
                staged.row_problems += 1
                yield _problem_line(record, account)
            else:
                _note(record, staged)
        elif isinstance(record, StatementStart):
            account = record.account
            staged.statements.append(_statement(record))
        elif isinstance(record, StatementEnd) and record.closing and staged.statements:
            staged.statements[-1].closing = record.closing.amount
            staged.statements[-1].closing_on = record.closing.on


def entry_line(entry: Entry, account: str) -> str:
    """One line of COPY text for an entry."""
    received_on = entry.booked_on or entry.value_on
    parts = (
        str(entry.line),
        "t" if entry.member_count else "f",
        entry.kind,
        entry.status,
        entry.currency,
        str(entry.amount),
        received_on.isoformat() if received_on else _NULL,
        entry.type_code,
        entry.bank_reference,
        entry.reference,
        entry.end_to_end_reference,
        entry.payer_name,
        entry.narrative,
        entry.fund,
        entry.method_of_payment,
        entry.office,
        entry.vat_code,
        account,
        entry.raw[:LONGEST_RAW],
        "",
    )
    line = _BETWEEN.join(parts)
    if "\\" in line or "\n" in line or "\r" in line or "\0" in line or line.count(_BETWEEN) != _SEPARATORS_IN_A_LINE:
        line = _BETWEEN.join(part if part is _NULL else part.translate(_ESCAPES) for part in parts)
    return line + "\n"


def _problem_line(problem: Problem, account: str) -> str:
    """A row problem travels in the same COPY, marked by its message, and is joined to its row afterwards."""
    parts = ["" for _ in COLUMNS]
    parts[COLUMNS.index("line")] = str(problem.line)
    parts[COLUMNS.index("is_parent")] = "f"
    parts[COLUMNS.index("kind")] = "receipt"
    parts[COLUMNS.index("status")] = "booked"
    parts[COLUMNS.index("currency")] = "GBP"
    parts[COLUMNS.index("type_code")] = problem.code
    parts[COLUMNS.index("bank_reference")] = problem.field
    parts[COLUMNS.index("account")] = account
    parts[COLUMNS.index("raw")] = problem.raw[:LONGEST_RAW]
    parts[COLUMNS.index("problem")] = problem.message or "This row cannot be read."
    parts = [part.translate(_ESCAPES) for part in parts]
    for name in ("amount", "received_on"):
        parts[COLUMNS.index(name)] = _NULL
    return _BETWEEN.join(parts) + "\n"


def _note(problem: Problem, staged: Staged) -> None:
    kept = staged.problems if problem.scope == "statement" else staged.notices
    if problem.scope == "statement":
        staged.problem_count += 1
    if len(kept) < MOST_PROBLEMS_KEPT:
        kept.append({"line": problem.line, "message": problem.message.replace("\0", "�"), "code": problem.code})


def _statement(start: StatementStart) -> Statement:
    opening = start.opening
    return Statement(
        account=start.account.replace("\0", ""),
        currency=start.currency.replace("\0", ""),
        number=start.number.replace("\0", ""),
        opening=opening.amount if opening else None,
        opening_on=opening.on if opening else start.starts_on,
    )


def _attach_problems() -> None:
    """Give each row the problems of its line; a line that yielded nothing else becomes a row of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE ims_problem ON COMMIT DROP AS
            SELECT line, string_agg(problem, ' ' ORDER BY ctid) AS problem, min(type_code) AS code,
                   min(bank_reference) AS field, max(account) AS account, max(raw) AS raw
            FROM ims_stage WHERE problem <> '' GROUP BY line;
            DELETE FROM ims_stage WHERE problem <> '';
            UPDATE ims_stage s SET problem = p.problem, problem_code = p.code, problem_field = p.field
            FROM ims_problem p WHERE p.line = s.line;
            INSERT INTO ims_stage (line, is_parent, kind, status, currency, amount, received_on, type_code,
              bank_reference, reference, end_to_end, payer_name, narrative, fund, method_of_payment, office, vat_code,
              account, raw, problem, problem_code, problem_field)
            SELECT p.line, false, 'receipt', 'booked', 'GBP', NULL, NULL, '', '', '', '', '', '', '', '', '', '',
                   p.account, p.raw, p.problem, p.code, p.field
            FROM ims_problem p WHERE NOT EXISTS (SELECT 1 FROM ims_stage s WHERE s.line = p.line);
            DROP TABLE ims_problem;
            """
        )
