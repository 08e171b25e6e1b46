"""BAI2 cash management balance reports (previous day and same day).

Records are comma-separated and end with a slash or with the line; ``88`` continues the record before it; several
records may share a line. Amounts are whole minor units (pence). Control totals and record counts of accounts,
groups and the file are checked here, because they cover balances and lines that only this format has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from ims.formats.bai2_records import AccountAmount, MalformedRecord, Transaction, account_amounts, transaction
from ims.formats.dates import yymmdd
from ims.formats.entries import EntryDraft, sealed
from ims.formats.format import Format
from ims.formats.minor_units import from_minor_units
from ims.formats.records import (
    Balance,
    Entry,
    EntryKind,
    Problem,
    Record,
    StatementEnd,
    StatementStart,
    UnreadableFile,
)
from ims.formats.text_lines import TextLines

_CODES = frozenset(("01", "02", "03", "16", "49", "88", "98", "99"))
_NEXT_RECORD = re.compile(
    r"/\s*(?=(?:01|02|03),[^,]*,|16,[0-9]{3},[+-]?[0-9]*,|49,[+-]?[0-9]*,[0-9]|9[89],[+-]?[0-9]*,[0-9]+,|88,)"
)
_MOST_CONTINUATIONS = 1_000
_OPENING_LEDGER, _CLOSING_LEDGER, _CLOSING_AVAILABLE = "010", "015", "045"
_TOTAL_CREDITS, _TOTAL_DEBITS = "100", "400"
_DEFAULT_CURRENCY = "USD"
_GROUP_STATUS = {"2": "deletion", "3": "correction", "4": "test"}
_INTEREST, _FEE = frozenset(("354", "654")), frozenset(("698",))
_RETURNED = frozenset(("555", "557"))


@dataclass(slots=True)
class _Raw:
    """A logical record: its code and its physical lines, each already without its code."""

    line: int
    code: str
    parts: list[str]


@dataclass(slots=True)
class _Level:
    """Running control figures of a file, group or account."""

    line: int
    total: int = 0
    children: int = 0
    records: int = 0


@dataclass(slots=True)
class _Account:
    level: _Level
    account: str
    currency: str
    amounts: dict[str, AccountAmount] = field(default_factory=dict)


def recognise(head: bytes) -> bool:
    """A file header ``01,…`` of version 2, or one followed by a group header."""
    return bool(re.match(rb"\s*01,[^,\r\n]*,[^,\r\n]*,[^,\r\n]*,[^\r\n]*?(?:,2\s*/|[/\r\n]\s*02,)", head))


def read(stream: BinaryIO) -> Iterator[Record]:
    """The accounts of a BAI2 file, one statement each.

    Problems: ``row`` for a transaction that cannot be read; ``statement`` for control totals or record counts that
    disagree, and for a file that is cut off; ``notice`` for blank control totals. Raises `UnreadableFile` when the
    file does not begin with an 01 record.
    """
    lines = TextLines(stream)
    reader = _Reader()
    for raw in _logical_records(lines):
        yield from reader.take(raw)
    yield from reader.finish()
    yield from lines.take_notices()


def _logical_records(lines: Iterable[str]) -> Iterator[_Raw]:
    current: _Raw | None = None
    for number, line in enumerate(lines, 1):
        pieces = _NEXT_RECORD.split(line) if "/" in line else (line,)
        for piece in pieces:
            code = piece[:2] if piece[2:3] in (",", "/", "") else ""
            if code not in _CODES:
                piece = piece.lstrip("\ufeff\x1a \t")
                code = piece[:2] if piece[2:3] == "," else ""
            if code == "88" and current:
                if len(current.parts) >= _MOST_CONTINUATIONS:
                    raise UnreadableFile(
                        f"The record on line {current.line} has more than {_MOST_CONTINUATIONS:,} continuation lines, "
                        "so this is not a BAI2 file. Check that the right file was chosen."
                    )
                current.parts.append(piece[3:])
            elif code in _CODES:
                if current:
                    yield current
                current = _Raw(number, code, [piece[3:]])
            elif piece.strip():
                if current:
                    yield current
                current = None
                yield _Raw(number, "", [piece])
    if current:
        yield current


class _Reader:
    """Checks the nesting 01 › 02 › 03 › 16 and turns it into statements."""

    def __init__(self) -> None:
        self._file: _Level | None = None
        self._group: _Level | None = None
        self._account: _Account | None = None
        self._group_fields: list[str] = []
        self._finished = False

    def take(self, raw: _Raw) -> Iterator[Record]:
        if self._file is None and raw.code != "01":
            raise UnreadableFile(
                f"Line {raw.line}: a BAI2 file begins with a file header (01), but this one begins with "
                f"“{raw.parts[0][:40].strip()}”. Check that the right file and format were chosen."
            )
        self._count_records(raw)
        match raw.code:
            case "01":
                self._file, self._finished = _Level(raw.line, records=len(raw.parts)), False
            case "02":
                yield from self._begin_group(raw)
            case "03":
                yield from self._begin_account(raw)
            case "16":
                yield from self._transaction(raw)
            case "49":
                yield from self._end_account(raw)
            case "98":
                yield from self._end_group(raw)
            case "99":
                yield from self._end_file(raw)
            case _:
                yield _statement_problem(
                    raw.line,
                    f"“{raw.parts[0][:40].strip()}” is no BAI2 record, so the figures around it cannot be relied upon",
                    "unknown_record",
                )

    def finish(self) -> Iterator[Record]:
        """Complains about a file that is cut off."""
        if self._account:
            yield from self._close_account(self._account, self._account.level.line)
        if self._file is None:
            raise UnreadableFile("The file holds no BAI2 records. Check that the right file was chosen.")
        if not self._finished:
            yield _statement_problem(
                self._file.line, "the file has no file trailer (99): it was cut off", "file_cut_off"
            )

    def _count_records(self, raw: _Raw) -> None:
        levels = (self._file, self._group, self._account.level if self._account else None)
        for level in levels:
            if level:
                level.records += len(raw.parts)

    def _begin_group(self, raw: _Raw) -> Iterator[Record]:
        if self._group:
            yield _statement_problem(raw.line, "a group starts before the one before it has ended (98)", "nesting")
        self._group = _Level(raw.line, records=len(raw.parts))
        self._group_fields = _fields(raw)
        status = _GROUP_STATUS.get(_field(self._group_fields, 2))
        if status:
            yield _statement_problem(
                raw.line, f"the group is marked as a {status}, which is not posted automatically", "group_status"
            )

    def _begin_account(self, raw: _Raw) -> Iterator[Record]:
        if self._account:
            yield from self._close_account(self._account, raw.line)
            yield _statement_problem(raw.line, "an account starts before the one before it has ended (49)", "nesting")
        fields = _fields(raw)
        currency = _field(fields, 1) or _field(self._group_fields, 5) or _DEFAULT_CURRENCY
        account = _Account(_Level(raw.line, records=len(raw.parts)), _field(fields, 0), currency)
        self._account = account
        as_of = yymmdd(_field(self._group_fields, 3))
        try:
            for amount in account_amounts(fields[2:]):
                account.amounts.setdefault(amount.type_code, amount)
                account.level.total += amount.minor_units or 0
        except MalformedRecord as error:
            yield _statement_problem(raw.line, str(error), "unreadable_balance")
        yield StatementStart(
            account=account.account,
            currency=currency,
            reference=_field(self._group_fields, 3),
            opening=self._balance(account, _OPENING_LEDGER),
            starts_on=as_of.on,
            ends_on=as_of.on,
            line=raw.line,
            extra={"as_of": _field(self._group_fields, 3), "date_modifier": _field(self._group_fields, 6)},
        )

    def _transaction(self, raw: _Raw) -> Iterator[Record]:
        if self._account is None:
            yield _statement_problem(raw.line, "a transaction (16) stands outside an account (03)", "nesting")
            return
        text = "\n".join(raw.parts)
        try:
            found = transaction(raw.parts)
        except MalformedRecord as error:
            yield Problem(
                line=raw.line,
                message=f"Line {raw.line}: {error}. Nothing was taken from it; ask the bank for the file again or "
                "enter the receipt by hand.",
                value=raw.parts[0],
                code="unreadable_entry",
                raw=text,
            )
            return
        self._account.level.total += found.minor_units
        yield _entry(raw.line, found, self._account.currency, yymmdd(_field(self._group_fields, 3)).on, "16," + text)

    def _end_account(self, raw: _Raw) -> Iterator[Record]:
        if self._account is None:
            yield _statement_problem(raw.line, "an account trailer (49) stands outside an account", "nesting")
            return
        account = self._account
        yield from _control("account", raw, account.level, account.level.total, None)
        if self._group:
            self._group.children += 1
            self._group.total += account.level.total
        fields = _fields(raw)
        trailer = {"control_total": _field(fields, 0), "records": _field(fields, 1)}
        yield from self._close_account(account, raw.line, trailer)

    def _close_account(self, account: _Account, line: int, trailer: dict[str, str] | None = None) -> Iterator[Record]:
        self._account = None
        credits, debits = account.amounts.get(_TOTAL_CREDITS), account.amounts.get(_TOTAL_DEBITS)
        yield StatementEnd(
            closing=self._balance(account, _CLOSING_LEDGER),
            available=self._balance(account, _CLOSING_AVAILABLE),
            declared_credit_count=credits.count if credits else None,
            declared_credit_sum=_money(credits, account.currency),
            declared_debit_count=debits.count if debits else None,
            declared_debit_sum=_money(debits, account.currency),
            line=line,
            extra=trailer or {},
        )

    def _balance(self, account: _Account, type_code: str) -> Balance | None:
        amount = _money(account.amounts.get(type_code), account.currency)
        as_of = yymmdd(_field(self._group_fields, 3)).on
        return None if amount is None else Balance(amount, as_of)

    def _end_group(self, raw: _Raw) -> Iterator[Record]:
        if self._account:
            yield from self._close_account(self._account, raw.line)
            yield _statement_problem(raw.line, "the group ends before its last account has ended (49)", "nesting")
        if self._group is None:
            yield _statement_problem(raw.line, "a group trailer (98) stands outside a group", "nesting")
            return
        yield from _control("group", raw, self._group, self._group.total, self._group.children)
        if self._file:
            self._file.children += 1
            self._file.total += self._group.total
        self._group = None

    def _end_file(self, raw: _Raw) -> Iterator[Record]:
        if self._group:
            yield _statement_problem(raw.line, "the file ends before its last group has ended (98)", "nesting")
            self._group = None
        assert self._file is not None  # take() refuses anything before 01
        yield from _control("file", raw, self._file, self._file.total, self._file.children)
        self._finished = True


def _control(what: str, raw: _Raw, level: _Level, total: int, children: int | None) -> Iterator[Problem]:
    """Compares a trailer with what was read. ``children`` is None for an account, whose trailer has no such field."""
    fields = _fields(raw)
    expected = [("control total", total)]
    if children is not None:
        expected.append(("number of " + ("accounts" if what == "group" else "groups"), children))
    expected.append(("number of records", level.records))
    for position, (name, computed) in enumerate(expected):
        declared = _field(fields, position)
        if not declared:
            yield Problem(
                line=raw.line,
                message=f"Line {raw.line}: the {name} of the {what} is blank, so it could not be checked.",
                scope="notice",
                field=name,
                code="control_total_blank",
            )
        elif _whole_number(declared) != computed:
            yield _statement_problem(
                raw.line,
                f"the {name} of the {what} that starts on line {level.line} is “{declared}” but its records give "
                f"{computed}; the file is damaged or incomplete",
                "control_total",
                name,
                declared,
            )


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else None


def _fields(raw: _Raw) -> list[str]:
    """The fields of a record without free text: every line split on its own, its final slash taken off."""
    return [value.strip() for part in raw.parts for value in part.rstrip().removesuffix("/").split(",")]


def _field(fields: list[str], position: int) -> str:
    return fields[position] if position < len(fields) else ""


def _money(amount: AccountAmount | None, currency: str) -> Decimal | None:
    if amount is None or amount.minor_units is None:
        return None
    return from_minor_units(amount.minor_units, currency)


def _statement_problem(line: int, what: str, code: str, field: str = "", value: str = "") -> Problem:
    return Problem(
        line=line,
        message=f"Line {line}: {what}. Ask the bank for the file again.",
        scope="statement",
        field=field,
        value=value,
        code=code,
    )


def _entry(line: int, found: Transaction, currency: str, as_of: date | None, raw: str) -> Entry:
    money = from_minor_units(found.minor_units, currency)
    amount = -money if found.mark == "D" and money else money
    draft = EntryDraft(
        line=line,
        amount=amount if found.mark else Decimal(0),
        kind=_kind(found.type_code, found.mark),
        status="booked" if found.mark else "information",
        currency=currency,
        booked_on=as_of,
        value_on=found.value_on or as_of,
        mark=found.mark,
        type_code=found.type_code,
        bank_reference=found.bank_reference,
        reference=found.customer_reference,
        end_to_end_reference=found.extra.get("EREF", ""),
        payer_name=found.extra.get("DBNM" if found.mark == "C" else "CRNM", ""),
        narrative=found.text,
        extra=found.extra,
        raw=raw,
    )
    return sealed(draft)


def _kind(type_code: str, mark: str) -> EntryKind:
    if not mark:
        return "instruction"
    if type_code in _INTEREST:
        return "interest"
    if type_code in _FEE:
        return "fee"
    if mark == "D" and type_code in _RETURNED:
        return "unpaid_direct_debit"
    return "receipt" if mark == "C" else "payment"


FORMATS = (Format("bai2", "BAI2 balance report", recognise, read),)
