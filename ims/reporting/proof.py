"""The daily proof: what it says, whatever it is shown on. Pure: no database.

For every fund and method of payment, opening + receipts ± moves ± reversals = closing; and the day's receipts are tied
to the files they came in and to the journals that went out. What does not tie is named, never absorbed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from ims.common.money import ZERO, format_pounds

RECEIVED = frozenset({"receipt", "import"})
MOVED = frozenset({"journal", "transfer", "allocation"})
REVERSED = frozenset({"reversal"})


@dataclass(frozen=True)
class BalanceRow:
    """One fund or method of payment over a span of days. Pounds, VAT included."""

    code: str
    name: str
    opening: Decimal = ZERO
    received: Decimal = ZERO
    moved: Decimal = ZERO
    reversed: Decimal = ZERO
    vat: Decimal = ZERO
    entry_count: int = 0

    @property
    def closing(self) -> Decimal:
        """Opening with everything that happened."""
        return self.opening + self.received + self.moved + self.reversed


@dataclass(frozen=True)
class FileRow:
    """One imported file: what is in it and what became of it. Pounds; counts are rows."""

    batch: int
    file_name: str
    profile: str
    state: str
    posting: str
    on_the_day: Decimal
    in_file: Decimal
    in_file_count: int
    posted: Decimal
    to_suspense: Decimal
    separately: Decimal
    held: Decimal
    held_count: int
    discarded: Decimal
    ledger: Decimal

    @property
    def in_ledger(self) -> Decimal:
        """What reached the ledger, with the file or row by row afterwards."""
        return self.ledger + self.separately

    @property
    def difference(self) -> Decimal:
        """What the file holds less everything accounted for; zero when all is."""
        return self.in_file - self.ledger - self.separately - self.held - self.discarded


@dataclass(frozen=True)
class StatementRow:
    """One bank account in one statement file, against the rows read from it. Pounds; payments out are negative."""

    file_name: str
    account: str
    opening: Decimal
    closing: Decimal
    change: Decimal
    receipts: Decimal
    other: Decimal

    @property
    def difference(self) -> Decimal:
        """What the bank's own balances say moved, less the rows that IMS has; zero when nothing was lost."""
        return self.change - self.receipts - self.other


@dataclass(frozen=True)
class ExportRow:
    """The day's entries and one journal: what should go out, what went out, what waits. Pounds."""

    profile: str
    due: Decimal
    due_count: int
    exported: Decimal
    exported_count: int
    batches: Sequence[str] = ()

    @property
    def waiting(self) -> Decimal:
        """What has not gone out."""
        return self.due - self.exported

    @property
    def waiting_count(self) -> int:
        """How many entries have not gone out."""
        return self.due_count - self.exported_count


@dataclass(frozen=True)
class SuspenseTie:
    """The suspense fund in the ledger against the items people work on, as of now. Pounds."""

    ledger: Decimal
    items: Decimal

    @property
    def difference(self) -> Decimal:
        """What has no item; zero when all has."""
        return self.ledger - self.items


@dataclass(frozen=True)
class CardsInTransit:
    """What card payers paid that the bank does not show yet, now: not paid out; paid out but not found. Pounds."""

    not_paid_out: Decimal
    not_in_bank: Decimal


@dataclass(frozen=True)
class SealState:
    """The last seal over the ledger: what an auditor compares with the copy kept elsewhere."""

    number: int
    sealed_at: datetime
    hash: str
    unsealed_postings: int


@dataclass(frozen=True)
class Difference:
    """Something that does not tie. An error is wrong; a warning waits for somebody; information explains."""

    severity: Literal["error", "warning", "information"]
    message: str
    amount: Decimal | None = None


@dataclass(frozen=True)
class Proof:
    """The proof of one accounting day. `limited_to` says whose money it is of, for somebody who sees only some."""

    day: date
    made_at: datetime
    funds: Sequence[BalanceRow]
    methods: Sequence[BalanceRow]
    files: Sequence[FileRow] = ()
    statements: Sequence[StatementRow] = ()
    other_receipts: Decimal = ZERO
    other_receipts_count: int = 0
    exports: Sequence[ExportRow] = ()
    suspense: SuspenseTie | None = None
    cards: CardsInTransit | None = None
    seal: SealState | None = None
    limited_to: str = ""
    differences: Sequence[Difference] = field(default_factory=tuple)

    @property
    def total(self) -> BalanceRow:
        """All funds together."""
        return add_up(self.funds, "Total")

    @property
    def is_proven(self) -> bool:
        """Whether nothing is wrong; what merely waits for somebody does not count as wrong."""
        return not any(difference.severity == "error" for difference in self.differences)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is wrong and nothing waits."""
        return not any(difference.severity in ("error", "warning") for difference in self.differences)

    def as_json(self) -> dict[str, Any]:
        """Plain values for machines; amounts as text, dates in ISO form."""
        plain = _plain(asdict(self))
        plain["proven"], plain["complete"] = self.is_proven, self.is_complete
        plain["total"] = _balance_json(self.total)
        plain["funds"] = [_balance_json(row) for row in self.funds]
        plain["methods"] = [_balance_json(row) for row in self.methods]
        for row, source in zip(plain["files"], self.files, strict=True):
            row["difference"] = str(source.difference)
        for row, source in zip(plain["statements"], self.statements, strict=True):
            row["difference"] = str(source.difference)
        for row, source in zip(plain["exports"], self.exports, strict=True):
            row["waiting"], row["waiting_count"] = str(source.waiting), source.waiting_count
        return plain

    def lines(self) -> Iterator[str]:
        """The proof as lines of text, for a terminal or a printer."""
        yield f"Daily proof of {self.day:%A %-d %B %Y}"
        for title, rows in (("Fund", self.funds), ("Method of payment", self.methods)):
            yield ""
            yield f"{title:<34}{'Opening':>17}{'Received':>16}{'Moved':>15}{'Reversed':>15}{'Closing':>17}"
            for row in [*rows, add_up(rows, "Total")]:
                name = f"{row.code} {row.name}".strip()[:33]
                sums = f"{row.opening:>17,.2f}{row.received:>16,.2f}{row.moved:>15,.2f}{row.reversed:>15,.2f}"
                yield f"{name:<34}{sums}{row.closing:>17,.2f}"
        yield from self._statements_as_lines()
        yield from self._files_as_lines()
        yield from self._exports_as_lines()
        yield ""
        for difference in self.differences:
            yield f"{difference.severity.upper()}: {difference.message}"
        yield "PROVEN: everything ties." if self.is_complete else "PROVEN." if self.is_proven else "NOT PROVEN."

    def _statements_as_lines(self) -> Iterator[str]:
        if self.statements:
            yield ""
            yield f"{'Bank account':<34}{'Opening':>17}{'Receipts':>16}{'Other':>15}{'Closing':>17}{'Difference':>15}"
        for row in self.statements:
            sums = f"{row.opening:>17,.2f}{row.receipts:>16,.2f}{row.other:>15,.2f}{row.closing:>17,.2f}"
            yield f"{row.account[:33]:<34}{sums}{row.difference:>15,.2f}"

    def _files_as_lines(self) -> Iterator[str]:
        if self.files:
            yield ""
            yield f"{'File':<44}{'In the file':>16}{'In the ledger':>16}{'Waiting':>14}{'Difference':>14}"
        for row in self.files:
            name = f"{row.file_name[:31]} (reversed)" if row.state == "reversed" else row.file_name
            yield (
                f"{name[:43]:<44}{row.in_file:>16,.2f}{row.in_ledger:>16,.2f}{row.held:>14,.2f}{row.difference:>14,.2f}"
            )
        if self.other_receipts_count:
            yield f"{'Receipts not from a file':<60}{self.other_receipts:>16,.2f}"

    def _exports_as_lines(self) -> Iterator[str]:
        if self.exports:
            yield ""
            yield f"{'Journal':<44}{'Of the day':>16}{'Exported':>16}{'Waiting':>14}"
        for row in self.exports:
            yield f"{row.profile[:43]:<44}{row.due:>16,.2f}{row.exported:>16,.2f}{row.waiting:>14,.2f}"


def add_up(rows: Iterable[BalanceRow], name: str) -> BalanceRow:
    """The sum of `rows`."""
    listed = list(rows)
    columns = ("opening", "received", "moved", "reversed", "vat")
    sums = {column: sum((getattr(row, column) for row in listed), ZERO) for column in columns}
    return BalanceRow(code="", name=name, entry_count=sum(row.entry_count for row in listed), **sums)


def differences(
    *,
    funds: Sequence[BalanceRow],
    methods: Sequence[BalanceRow],
    files: Sequence[FileRow],
    unposted: Sequence[FileRow],
    statements: Sequence[StatementRow],
    imported: Decimal,
    exports: Sequence[ExportRow],
    suspense: SuspenseTie | None,
    day: date,
    today: date,
) -> list[Difference]:
    """Everything that does not tie, the gravest first. `imported` is what the ledger has from files that day."""
    found = [
        *_balance_differences(funds, methods),
        *_statement_differences(statements),
        *_file_differences(files, unposted, imported),
        *_export_differences(exports, day, today),
    ]
    if suspense is not None and suspense.difference:
        found.append(
            Difference(
                "error",
                f"The suspense fund holds {format_pounds(suspense.ledger)}, but its items add up to "
                f"{format_pounds(suspense.items)}.",
                suspense.difference,
            )
        )
    order = ("error", "warning", "information")
    return sorted(found, key=lambda difference: order.index(difference.severity))


def _balance_differences(funds: Sequence[BalanceRow], methods: Sequence[BalanceRow]) -> Iterator[Difference]:
    by_fund, by_method = add_up(funds, ""), add_up(methods, "")
    for column in ("opening", "received", "moved", "reversed"):
        gap = getattr(by_fund, column) - getattr(by_method, column)
        if gap:
            yield Difference("error", f"Funds and methods of payment do not agree on what was {column}.", gap)
    if by_fund.moved:
        yield Difference("error", "Journals, transfers and allocations of the day do not sum to zero.", by_fund.moved)


def _file_differences(files: Sequence[FileRow], unposted: Sequence[FileRow], imported: Decimal) -> Iterator[Difference]:
    from_files = sum((row.on_the_day for row in files), ZERO)
    if from_files != imported:
        yield Difference(
            "error",
            f"The ledger has {format_pounds(imported)} from files that day, but the files known account for "
            f"{format_pounds(from_files)}.",
            imported - from_files,
        )
    for row in files:
        if row.difference:
            yield Difference(
                "error",
                f"{row.file_name} holds {format_pounds(row.in_file)}; {format_pounds(row.difference)} of it is neither "
                "in the ledger nor waiting nor discarded.",
                row.difference,
            )
        if row.held_count and row.state == "posted":
            one = row.held_count == 1
            rows, wait, them = ("row", "waits", "it") if one else ("rows", "wait", "them")
            yield Difference(
                "warning",
                f"{row.held_count:,} {rows} of {row.file_name} ({format_pounds(row.held)}) {wait} for somebody to "
                f"correct or decide {them}.",
                row.held,
            )
    for row in unposted:
        yield Difference(
            "warning", f"{row.file_name} was received that day and is not posted ({row.state}).", row.in_file or None
        )


def _statement_differences(statements: Sequence[StatementRow]) -> Iterator[Difference]:
    for row in statements:
        if row.difference:
            yield Difference(
                "error",
                f"The balances of account {row.account} in {row.file_name} moved by {format_pounds(row.change)}, but "
                f"the rows read from it add up to {format_pounds(row.receipts + row.other)}.",
                row.difference,
            )


def _export_differences(exports: Sequence[ExportRow], day: date, today: date) -> Iterator[Difference]:
    for row in exports:
        if row.waiting_count:
            one = row.waiting_count == 1
            entries, have = ("1 entry", "has") if one else (f"{row.waiting_count:,} entries", "have")
            yield Difference(
                "information" if day >= today else "warning",
                f"{entries} of the day ({format_pounds(row.waiting)}) {have} not gone out by “{row.profile}”.",
                row.waiting,
            )


def _balance_json(row: BalanceRow) -> dict[str, Any]:
    return {**_plain(asdict(row)), "closing": str(row.closing)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):  # a datetime is a date too
        return value.isoformat()
    return value
