"""The NatWest and RBS "Data Services" statement file: a Standard 18 output of everything on the account.

One ``VOL1``, then for each account ``HDR1``, ``UHL1``, records and ``UTL1``. Columns below are 0-based slices.
Day totals (codes 44 and 54) are given as ``day_total``: the trailer counts them, the council's income does not.
Source: the Ministry of Justice's published parser and its two real samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from ims.formats.dates import year_and_day
from ims.formats.entries import EntryDraft, sealed
from ims.formats.format import Format
from ims.formats.minor_units import from_minor_units
from ims.formats.records import (
    Balance,
    EntryKind,
    Problem,
    Record,
    StatementEnd,
    StatementStart,
    UnreadableFile,
)
from ims.formats.text_lines import TextLines

_SUBMISSION_MARK = "999999"
_STERLING = frozenset(("000", "   ", ""))
_SHORTEST_RECORD = 46
_BALANCE_CODE = "Y1"
_CREDITS = frozenset(("54", "86", "90", "93", "99", "RA", "Z4", "Z5"))
_DEBITS = frozenset(("01", "03", "11", "17", "18", "19", "44", "U1", "U7", "U8", "U9"))
_KINDS: dict[str, EntryKind] = {
    "44": "day_total",
    "54": "day_total",
    "RA": "returned_credit",
    "Z4": "interest",
    "U1": "unpaid_direct_debit",
    "U7": "unpaid_direct_debit",
    "U8": "unpaid_direct_debit",
    "U9": "unpaid_direct_debit",
}
_NAMES = {
    "01": "Direct Debit, first collection",
    "03": "Sundry debit",
    "11": "Cheque",
    "17": "Direct Debit",
    "18": "Direct Debit, re-presented",
    "19": "Direct Debit, final collection",
    "86": "Automated settlement credit",
    "90": "Dividend",
    "93": "Sundry credit",
    "99": "Bacs or Faster Payments credit",
    "RA": "Returned (unapplied) Bacs credit",
    "U1": "Unpaid Direct Debit, first collection",
    "U7": "Unpaid Direct Debit",
    "U8": "Unpaid Direct Debit, re-presented",
    "U9": "Unpaid Direct Debit, final collection",
    "Z4": "Building society interest",
    "Z5": "Dividend",
}


@dataclass(slots=True)
class _Section:
    """One account's part of the file, from HDR1 to UTL1."""

    line: int
    reference: str = ""
    processed_on: date | None = None
    currency: str = "GBP"
    account: str = ""
    started: bool = False
    balance: Balance | None = None
    cleared: Balance | None = None
    balance_records: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    end_extra: dict[str, str] = field(default_factory=dict)


def recognise(head: bytes) -> bool:
    """A volume label and a user header, but no second header label and not the user header of a submission."""
    lines = head.decode("latin-1").splitlines()[:12]
    if not lines or not lines[0].startswith("VOL1") or any(line.startswith("HDR2") for line in lines):
        return False
    if lines[0][37:47] == "****830000":
        return True
    return any(line.startswith("UHL1") and line[10:16] != _SUBMISSION_MARK for line in lines)


def read(stream: BinaryIO) -> Iterator[Record]:
    """The statements of a Data Services file, one for each account.

    The trailer's totals are given as declared; they count day totals. Problems: ``row`` for a record that cannot be
    read; ``statement`` for a missing or unreadable trailer, a balance count that disagrees or a record of another
    account. Raises `UnreadableFile` when the file does not begin with VOL1.
    """
    lines = TextLines(stream)
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        if line.strip(" \x1a"):
            yield from reader.take(number, line)
    yield from reader.finish()
    yield from lines.take_notices()


class _Reader:
    """Follows the labels and turns what stands between them into records."""

    def __init__(self) -> None:
        self._section: _Section | None = None
        self._volume_seen = False
        self._sections = 0
        self._last_line = 0

    def take(self, number: int, line: str) -> Iterable[Record]:
        self._last_line = number
        label = line[:4]
        if not self._volume_seen:
            if label != "VOL1":
                raise UnreadableFile(
                    f"Line {number}: a Data Services file begins with a volume label (VOL1), but this one begins with "
                    f"“{line[:20].strip()}”. Check that the right file and format were chosen."
                )
            self._volume_seen = True
            return ()
        match label:
            case "HDR1" | "UHL1":
                return self._header(number, line, label)
            case "UTL1":
                return self._trailer(number, line)
            case "VOL1" | "HDR2" | "EOF1" | "EOF2":
                return ()
        return self._data(number, line)

    def finish(self) -> Iterator[Record]:
        if not self._volume_seen:
            raise UnreadableFile("The file holds no Data Services labels. Check that the right file was chosen.")
        if self._section:
            yield from self._cut_off(self._section)
        elif not self._sections:
            yield _statement_problem(self._last_line, "the file was cut off before its first account", "cut_off")

    def _header(self, number: int, line: str, label: str) -> Iterator[Record]:
        if self._section and (label == "HDR1" or self._section.started or self._section.processed_on):
            yield from self._cut_off(self._section)
            self._section = None
        section = self._section = self._section or _Section(number)
        self._sections += 1
        if label == "HDR1":
            section.reference = line[5:17].strip()
            if line[72:73].strip():
                section.extra["copy_indicator"] = line[72:73]
            return
        section.processed_on = year_and_day(line[5:10]).on
        section.extra |= {
            name: text
            for name, text in (
                ("processing_date", line[5:10]),
                ("branch_sort_code", line[10:16].strip()),
                ("work_code", line[28:37].strip()),
                ("file_number", line[37:40].strip()),
                ("customer_name", line[54:80].strip()),
            )
            if text
        }
        if line[20:23] not in _STERLING:
            section.currency = line[20:23].strip()
            yield _statement_problem(
                number, f"the currency code “{line[20:23]}” is not sterling (000)", "currency", line[20:23]
            )

    def _cut_off(self, section: _Section) -> Iterator[Record]:
        if not section.started:
            yield _start(section)
        yield _statement_problem(
            self._last_line,
            f"the account that starts on line {section.line} has no trailer (UTL1): the file was cut off",
            "cut_off",
        )
        yield StatementEnd(closing=section.balance, available=section.cleared, line=self._last_line)

    def _data(self, number: int, line: str) -> Iterator[Record]:
        section = self._section
        if section is None:
            yield _statement_problem(number, "a record stands outside the labels of an account", "nesting")
            return
        if len(line) < _SHORTEST_RECORD or not (line[:14].isascii() and line[:14].isdigit()):
            yield _row_problem(number, line, "is no record of an account", line[:20])
            return
        account = f"{line[:6]}/{line[6:14]}"
        if not section.started:
            section.account = account
            yield _start(section)
        elif account != section.account:
            yield _statement_problem(
                number, f"the record belongs to account {account}, not to {section.account}", "account", account
            )
        if line[15:17] == _BALANCE_CODE:
            yield from self._balance(section, number, line)
        else:
            yield _entry(section, number, line)

    def _balance(self, section: _Section, number: int, line: str) -> Iterator[Record]:
        section.balance_records += 1
        on = year_and_day(line[101:106]).on or section.processed_on
        ledger, cleared = _signed(line[36:51], line[51:52]), _signed(line[52:67], line[67:68])
        if ledger is None:
            yield _statement_problem(number, f"the balance “{line[36:52]}” cannot be read", "balance", line[36:52])
            return
        section.balance = Balance(ledger, on)
        section.cleared = Balance(cleared, on) if cleared is not None else None
        for name, pence, mark in (
            ("recorded_ledger", line[68:83], line[83:84]),
            ("recorded_cleared", line[84:99], line[99:100]),
        ):
            recorded = _signed(pence, mark)
            if recorded is not None:
                section.end_extra[name] = str(recorded)

    def _trailer(self, number: int, line: str) -> Iterator[Record]:
        section, self._section = self._section, None
        if section is None:
            yield _statement_problem(number, "a trailer (UTL1) stands outside the labels of an account", "nesting")
            return
        if not section.started:
            yield _start(section)
        numbers = [line[4:17], line[17:30], line[30:37], line[37:44]]
        if not all(_is_number(text) for text in numbers):
            yield _statement_problem(
                number,
                "the totals of the trailer (UTL1) cannot be read",
                "trailer",
                line[:51],
            )
            yield StatementEnd(closing=section.balance, available=section.cleared, line=number)
            return
        yield from _balance_count_problem(section, number, line[44:51].strip())
        yield StatementEnd(
            closing=section.balance,
            available=section.cleared,
            declared_debit_sum=from_minor_units(int(numbers[0])),
            declared_credit_sum=from_minor_units(int(numbers[1])),
            declared_debit_count=int(numbers[2]),
            declared_credit_count=int(numbers[3]),
            line=number,
            extra=section.end_extra,
        )


def _balance_count_problem(section: _Section, number: int, declared: str) -> Iterator[Problem]:
    if declared and (not _is_number(declared) or int(declared) != section.balance_records):
        yield _statement_problem(
            number,
            f"the trailer counts “{declared}” balance records but {section.balance_records} were found",
            "balance records",
            declared,
        )


def _start(section: _Section) -> StatementStart:
    section.started = True
    return StatementStart(
        account=section.account,
        currency=section.currency,
        number=section.extra.get("file_number", ""),
        reference=section.reference,
        starts_on=section.processed_on,
        ends_on=section.processed_on,
        line=section.line,
        extra=section.extra,
    )


def _entry(section: _Section, number: int, line: str) -> Record:
    code, pence = line[15:17], line[35:46]
    credit = code in _CREDITS
    if not credit and code not in _DEBITS:
        return _row_problem(number, line, "has an unknown transaction code, so its direction is not known", code)
    if not _is_number(pence):
        return _row_problem(number, line, "has an amount that cannot be read", pence)
    money = from_minor_units(int(pence))
    name, reference = line[46:64].strip(), line[64:82].strip()
    origin_sort_code, origin_account = line[17:23], line[23:31]
    extra = {"transaction": _NAMES[code]} if code in _NAMES else {}
    if line[31:35].strip(" 0"):
        extra["originator_reference"] = line[31:35].strip()
    draft = EntryDraft(
        line=number,
        amount=money if credit or not money else -money,
        kind=_KINDS.get(code) or ("receipt" if credit else "payment"),
        currency=section.currency,
        booked_on=year_and_day(line[101:106]).on or section.processed_on,
        value_on=year_and_day(line[101:106]).on or section.processed_on,
        mark="C" if credit else "D",
        type_code=code,
        reference=reference,
        payer_name=name,
        payer_sort_code="" if not origin_sort_code.strip("0 ") else origin_sort_code,
        payer_account="" if not origin_account.strip("0 ") else origin_account,
        narrative=" ".join(f"{name} {reference} {line[82:100]}".split()),
        extra=extra,
        raw=line,
    )
    return sealed(draft)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _signed(pence: str, mark: str) -> Decimal | None:
    if not _is_number(pence) or mark not in ("C", "D"):
        return None
    money = from_minor_units(int(pence))
    return -money if mark == "D" and money else money


def _row_problem(number: int, line: str, what: str, value: str) -> Problem:
    return Problem(
        line=number,
        message=f"Line {number} {what}: “{value.strip()}”. Nothing was taken from it; ask the bank for the file again "
        "or enter the receipt by hand.",
        value=value,
        code="unreadable_entry",
        raw=line,
    )


def _statement_problem(number: int, what: str, code: str, value: str = "") -> Problem:
    return Problem(
        line=number,
        message=f"Line {number}: {what}. Ask the bank for the file again.",
        scope="statement",
        value=value,
        code=code,
    )


FORMATS = (Format("data-services", "NatWest and RBS Data Services statement", recognise, read),)
