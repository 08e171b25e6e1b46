"""What the files of card providers have in common: headed CSV, gross less fee is net, and no card numbers.

An entry's amount is the gross: what the customer paid or got back, which is what their account is credited with. The
fee is beside it, for the council's expense code, and the net is what reaches the bank. ``gross - fee = net`` holds on
every row or the row is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import BinaryIO, Literal
from zoneinfo import ZoneInfo

from ims.common.money import ZERO, format_pounds
from ims.formats.delimited import heading_key
from ims.formats.profile_text import TextFile
from ims.formats.profile_values import Unreadable, amount_reader, short
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart, UnreadableFile

_UK = ZoneInfo("Europe/London")
_MOST_PREAMBLE_ROWS = 5
_LONGEST_VALUE = 1000
_CARD_NUMBER = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")
_FORMULA_STARTS = ("'=", "'+", "'-", "'@", "'\t")

money = amount_reader(scale="pounds", decimal_mark=".", signed=True)
"""Reads an amount in pounds; raises `Unreadable`."""


@dataclass(slots=True)
class Row:
    """One row by heading. Text values lose the apostrophe that protects spreadsheets from formulas."""

    line: int
    raw: str
    values: Mapping[str, str]

    def text(self, heading: str) -> str:
        value = self.values.get(heading_key(heading), "").strip()
        return value[1:] if value.startswith(_FORMULA_STARTS) else value

    def amount(self, heading: str) -> Decimal | None:
        """The amount in a column, None when it is blank or not there. Raises `Unreadable` naming the column."""
        value = self.text(heading)
        if not value:
            return None
        try:
            return money(value)
        except Unreadable as error:
            raise Unreadable(f"the {heading} “{short(value)}” {error.message}") from None


@dataclass(slots=True)
class Sums:
    """Gross, fees and net of one payout, as its rows give them."""

    gross: Decimal = ZERO
    fee: Decimal = ZERO
    net: Decimal = ZERO
    rows: int = 0
    extra: dict[str, str] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        self.rows += 1
        if entry.status == "booked" and entry.kind != "transfer":
            self.gross += entry.amount
            self.fee += entry.fee or ZERO
            self.net += entry.net if entry.net is not None else entry.amount

    def as_extra(self) -> dict[str, str]:
        return {"gross": str(self.gross), "fees": str(self.fee), "net": str(self.net)} | self.extra


def has_headings(head: bytes, *wanted: str) -> bool:
    """Whether one of the first rows of a CSV file has all these headings."""
    text = head.decode("utf-8-sig", errors="replace")
    try:
        for cells in csv.reader(text.splitlines()[:_MOST_PREAMBLE_ROWS]):
            keys = {heading_key(cell) for cell in cells}
            if all(heading_key(heading) in keys for heading in wanted):
                return True
    except csv.Error:
        return False
    return False


def rows(stream: BinaryIO, wanted: Sequence[str], name: str) -> Iterator[Row | Problem]:
    """The rows below the headings; rows that cannot be split as the headings ask are problems.

    Raises `UnreadableFile` when the headings are not there.
    """
    remembered: list[str] = []

    def lines(text: TextFile) -> Iterator[str]:
        for line in text:
            remembered.append(line)
            yield line

    reader = csv.reader(lines(TextFile(stream)), strict=True)
    keys: list[str] = []
    last_line = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            line, last_line = last_line + 1, reader.line_num
            yield row_problem(line, f"cannot be split into fields ({error})", "".join(remembered), scope="statement")
            remembered.clear()
            continue
        line, last_line = last_line + 1, reader.line_num
        raw = "".join(remembered).rstrip("\r\n")
        remembered.clear()
        if not any(cell.strip() for cell in cells):
            continue
        if not keys:
            keys = _headings(cells, wanted, line, name)
        elif "\0" in raw:
            yield row_problem(line, "holds a NUL character", raw.replace("\0", "�"))
        elif len(cells) != len(keys):
            yield row_problem(line, f"has {len(cells)} fields where {len(keys)} are expected", raw)
        elif max(map(len, cells)) > _LONGEST_VALUE:
            yield row_problem(line, f"has a text of more than {_LONGEST_VALUE:,} characters", raw)
        else:
            yield Row(line, raw, dict(zip(keys, cells, strict=True)))
    if not keys:
        raise _no_headings(wanted, name)


def _headings(cells: Sequence[str], wanted: Sequence[str], line: int, name: str) -> list[str]:
    keys = [heading_key(cell) for cell in cells]
    if all(heading_key(heading) in keys for heading in wanted):
        return keys
    if line >= _MOST_PREAMBLE_ROWS:
        raise _no_headings(wanted, name)
    return []


def _no_headings(wanted: Sequence[str], name: str) -> UnreadableFile:
    return UnreadableFile(
        f"The file has no row with the headings {', '.join(f'“{heading}”' for heading in wanted)} of a {name}. "
        "Check that the right file was chosen.",
        code="headings_missing",
    )


def by_payout(
    found: Iterator[Row | Problem],
    key: Callable[[Row], str],
    start: Callable[[Row], StatementStart],
    entry: Callable[[Row], Entry],
    close: Callable[[Sums, int], Iterator[Problem]] | None = None,
) -> Iterator[Record]:
    """One statement for each payout, which the rows name by ``key``; rows of a payout stand together.

    ``entry`` raises `Unreadable` for a row that cannot be one. ``close`` may find fault with a whole payout.
    """
    current: str | None = None
    seen: set[str] = set()
    sums = Sums()
    waiting: list[Problem] = []
    line = 0
    for row in found:
        line = row.line
        if isinstance(row, Problem):
            if current is None:
                waiting.append(row)
            else:
                yield row
            continue
        name = key(row)
        if current is None or name != current:
            if current is not None:
                yield from _closed(sums, line, close)
            if name in seen:
                yield _scattered(row.line, name)
            seen.add(name)
            current, sums = name, Sums()
            yield start(row)
            yield from waiting
            waiting.clear()
        try:
            made = entry(row)
        except Unreadable as error:
            yield row_problem(row.line, f"cannot be read: {error.message}", row.raw)
            continue
        sums.add(made)
        yield made
    if current is None:
        yield StatementStart(line=line)
        yield from waiting
        yield Problem(
            line=line,
            message="The file holds no rows. If money was expected, fetch it again.",
            scope="notice",
            code="no_rows",
        )
    yield from _closed(sums, line, close)


def _closed(sums: Sums, line: int, close: Callable[[Sums, int], Iterator[Problem]] | None) -> Iterator[Record]:
    if close is not None:
        yield from close(sums, line)
    yield StatementEnd(line=line, extra=sums.as_extra())


def _scattered(line: int, name: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line}: rows of the payout {short(name)} stand apart in the file, so its total cannot be relied "
        "on. Sort the file by payout, or fetch it again.",
        scope="statement",
        code="scattered_payout",
    )


def row_problem(line: int, what: str, raw: str, *, scope: Literal["row", "statement"] = "row") -> Problem:
    raw = _CARD_NUMBER.sub(_without_card_number, raw)
    return Problem(
        line=line,
        message=f"Line {line} {what}. Fetch the file again from the provider, or correct the row.",
        scope=scope,
        code="card_row",
        value=short(raw),
        raw=raw[:4000],
    )


def _without_card_number(match: re.Match[str]) -> str:
    """A run of digits that could be a card number, but for its last four; other numbers stay readable."""
    from stdnum import luhn  # Only here: with what it brings it takes 5 MB, and hardly a file holds such a number.

    digits = re.sub("[ -]", "", match[0])
    return f"[card number ending {digits[-4:]}]" if luhn.is_valid(digits) else match[0]


def refuse_odd_net(gross: Decimal, fee: Decimal | None, net: Decimal | None) -> None:
    """Raises `Unreadable` unless gross less fee is net (where both are given)."""
    if fee is not None and net is not None and gross - fee != net:
        raise Unreadable(
            f"gross {format_pounds(gross)} less fee {format_pounds(fee)} is not the net {format_pounds(net)}"
        )


def last_four(text: str) -> str:
    """The last four digits of a card. Raises `Unreadable` when more of the number is there: it must not enter."""
    if sum(character.isdigit() for character in text) > 4:
        raise Unreadable("it holds more of a card number than the last four digits, which may not be stored")
    return text


def uk_date(text: str, formats: Sequence[str]) -> date | None:
    """The day in the United Kingdom of a time in UTC; None when blank. Raises `Unreadable`."""
    if not text:
        return None
    for pattern in formats:
        try:
            moment = datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        return moment.astimezone(_UK).date()
    raise Unreadable(f"the time “{short(text)}” is not a date and time")
