"""SWIFT MT940 (end of day) and MT942 (during the day) customer statements.

A message is a statement (or one page of one); a file holds any number of them, for any number of accounts.
Sign rule: C and RD are money in, D and RC are money out. EC and ED are expected, not booked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from ims.formats import swift_fields
from ims.formats.dates import yymmdd
from ims.formats.format import Format
from ims.formats.records import (
    Balance,
    Problem,
    Record,
    StatementEnd,
    StatementStart,
    UnreadableFile,
)
from ims.formats.swift_entry import entry_records
from ims.formats.swift_fields import Field
from ims.formats.text_lines import TextLines

_INTRADAY_TAGS = frozenset(("34F", "13", "13D", "90C", "90D"))
_HAS_TAG = re.compile(rb"(?:^|[\r\n\x01\x1a}:]):(?:20|25P?|28C?|60[FM]|61|34F):", re.MULTILINE)
_INTRADAY_MARK = re.compile(rb"(?:^|[\r\n]):(?:34F|13D|90[CD]):|\{2:[IO]942", re.MULTILINE)
_END_OF_DAY_MARK = re.compile(rb"(?:^|[\r\n]):60[FM]:|\{2:[IO]940", re.MULTILINE)


@dataclass(slots=True)
class _Message:
    """What is known of the message being read."""

    line: int
    reference: str = ""
    account: str = ""
    number: str = ""
    currency: str = ""
    opening: Balance | None = None
    closing: Balance | None = None
    available: Balance | None = None
    intraday: bool = False
    ended: bool = False
    started: bool = False
    as_of: date | None = None
    declared: dict[str, swift_fields.ReadTotal] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    information: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    last_line: int = 0


def recognise_mt940(head: bytes) -> bool:
    """SWIFT tags, and nothing that only an intraday report has."""
    return bool(_HAS_TAG.search(head)) and not recognise_mt942(head)


def recognise_mt942(head: bytes) -> bool:
    """SWIFT tags with a floor limit, a date-time or totals, and no balances."""
    return bool(_HAS_TAG.search(head) and _INTRADAY_MARK.search(head) and not _END_OF_DAY_MARK.search(head))


def recognise(head: bytes) -> bool:
    """True for either message type."""
    return bool(_HAS_TAG.search(head))


def read(stream: BinaryIO) -> Iterator[Record]:
    """The statements of an MT940 or MT942 file.

    `Entry.line` is the line of the :61: field. Problems: ``row`` for a :61: that cannot be read (no entry is
    given) or an entry without a usable date (entry and problem share the line); ``statement`` for balances
    that are missing or unreadable; ``notice`` for moved dates and unknown fields. Raises `UnreadableFile` when
    there is no SWIFT field at all.
    """
    lines = TextLines(stream)
    reader = _Reader(lines)
    seen = False
    for found in swift_fields.fields(lines):
        seen = True
        yield from reader.take_entry(found) if found.tag == "61" else reader.take(found)
    if not seen:
        raise UnreadableFile(
            "The file holds no SWIFT fields such as :20: or :61:, so it is not an MT940 or MT942 statement. "
            "Check that the right file and format were chosen."
        )
    yield from reader.finish()


class _Reader:
    """Builds records from fields, one message at a time."""

    def __init__(self, lines: TextLines) -> None:
        self._lines = lines
        self._message: _Message | None = None
        self._pending: Field | None = None
        self._information: list[str] = []

    def take_entry(self, found: Field) -> Sequence[Record]:
        """Begins an entry; gives what was complete before it."""
        ready = self._flush_entry()
        message = self._open_message(found)
        if not message.started:
            ready.append(self._start(message))
        if message.closing:
            message.problems.append(
                _statement_problem(
                    found,
                    f"an entry stands behind the closing balance of the statement that starts on line {message.line}",
                    "entry_after_closing",
                )
            )
        message.last_line = found.line
        self._pending = found
        self._information = []
        return ready

    def take(self, found: Field) -> Iterable[Record]:
        """The records that are complete once this field, which begins no entry, is seen."""
        if self._pending and found.tag == "86":
            self._information += found.value
            return ()
        return self._take_other(found)

    def _take_other(self, found: Field) -> Iterator[Record]:
        yield from self._flush_entry()
        tag = found.tag
        if tag == swift_fields.SEPARATOR:
            if self._message:
                self._message.ended = True
        elif tag in ("20", swift_fields.MESSAGE_START):
            yield from self._end_message()
            if tag == "20":
                self._message = _Message(found.line, reference=found.value[0].strip(), last_line=found.line)
        else:
            yield from self._take_field(found)

    def finish(self) -> Iterator[Record]:
        """What is still open at the end of the file."""
        yield from self._flush_entry()
        yield from self._end_message()
        yield from self._lines.take_notices()

    def _open_message(self, found: Field) -> _Message:
        if self._message is None:
            self._message = _Message(found.line)
        return self._message

    def _begin_message_without_reference(self, message: _Message, found: Field) -> Iterator[Record]:
        """A second account or opening balance without a :20: between. Entries already given stay with the first
        statement; where there were none, the second takes the place of the first. Either way a person is told."""
        if message.started:
            yield from self._end_message()
            what = "it was read as a separate statement"
            self._message = message = _Message(found.line)
        else:
            what = f"the statement of account {message.account} before it, which has no entries, was left out"
            self._message = message = _Message(message.line, message.reference, message.account, message.number)
        if found.tag.startswith("25"):
            message.account = ""
        message.problems.append(
            _statement_problem(
                found, f"a new statement starts without its own :20: field; {what}", "message_without_reference"
            )
        )

    def _take_field(self, found: Field) -> Iterator[Record]:
        message = self._open_message(found)
        value = found.value[0].strip()
        if _belongs_to_next_message(message, found.tag):
            yield from self._begin_message_without_reference(message, found)
            message = self._open_message(found)
        message.last_line = found.line
        message.intraday = message.intraday or found.tag in _INTRADAY_TAGS
        match found.tag:
            case "25" | "25P":
                message.account = value
            case "28" | "28C":
                message.number = value
            case "21":
                message.extra["related_reference"] = value
            case "60F" | "60M" | "62F" | "62M" | "64" | "65":
                yield from self._take_balance(message, found, value)
            case "90C" | "90D":
                yield from self._take_total(message, found, value)
            case "34F":
                message.currency = message.currency or value[:3]
                message.extra["floor_limit"] = f"{message.extra.get('floor_limit', '')} {value}".strip()
            case "13" | "13D":
                message.as_of = yymmdd(value[:6]).on
                message.extra["created"] = value
            case "86":
                message.information.extend(line.strip() for line in found.value if line.strip())
            case _:
                yield self._notice(found, f"the field :{found.tag}: is not part of a statement and was left out")

    def _take_balance(self, message: _Message, found: Field, value: str) -> Iterator[Record]:
        read_balance = swift_fields.balance(value)
        if read_balance is None:
            yield _unreadable(found, value, "balance")
            return
        if found.tag == "65":
            message.extra["forward_available"] = str(read_balance.balance.amount)
            return
        if message.currency and read_balance.currency != message.currency:
            yield Problem(
                line=found.line,
                message=f"Line {found.line}: the balance :{found.tag}: is in {read_balance.currency} but the statement "
                f"is in {message.currency}. Ask the bank for the statement again.",
                scope="statement",
                field=f":{found.tag}:",
                value=value,
                code="currency_differs",
            )
        if read_balance.date.on is None or read_balance.date.moved:
            yield self._notice(found, f"the balance date “{value[1:7]}” does not exist", "date")
        if found.tag.startswith("60"):
            message.opening = read_balance.balance
            message.currency = read_balance.currency
            message.extra["opening_tag"] = found.tag
        elif found.tag.startswith("62"):
            message.closing = read_balance.balance
            message.extra["closing_tag"] = found.tag
        else:
            message.available = read_balance.balance

    def _take_total(self, message: _Message, found: Field, value: str) -> Iterator[Record]:
        read_total = swift_fields.total(value)
        if read_total is None:
            yield _unreadable(found, value, "total")
            return
        message.declared[found.tag] = read_total
        if message.currency and read_total.currency != message.currency:
            yield Problem(
                line=found.line,
                message=f"Line {found.line}: the total :{found.tag}: is in {read_total.currency} but the report is in "
                f"{message.currency}. Ask the bank for the report again.",
                scope="statement",
                field=f":{found.tag}:",
                value=value,
                code="currency_differs",
            )

    def _start(self, message: _Message) -> StatementStart:
        message.started = True
        return StatementStart(
            account=message.account,
            currency=message.currency or "GBP",
            number=message.number,
            reference=message.reference,
            opening=message.opening,
            starts_on=message.opening.on if message.opening else message.as_of,
            line=message.line,
            extra=dict(message.extra),
        )

    def _end_message(self) -> Iterator[Record]:
        message, self._message = self._message, None
        if message is None:
            return
        if not message.started:
            yield self._start(message)
        yield from self._lines.take_notices()
        yield from message.problems
        yield from _missing_balances(message)
        if message.information:
            message.extra["information"] = " ".join(message.information)
        credits, debits = message.declared.get("90C"), message.declared.get("90D")
        yield StatementEnd(
            closing=message.closing,
            available=message.available,
            declared_credit_count=credits.count if credits else None,
            declared_credit_sum=credits.amount if credits else None,
            declared_debit_count=debits.count if debits else None,
            declared_debit_sum=debits.amount if debits else None,
            line=message.last_line,
            extra=message.extra,
        )

    def _flush_entry(self) -> list[Record]:
        found, self._pending = self._pending, None
        if found is None or self._message is None:
            return []
        return entry_records(found, self._information, self._message.currency or "GBP")

    @staticmethod
    def _notice(found: Field, what: str, code: str = "unknown_field") -> Problem:
        return Problem(
            line=found.line,
            message=f"Line {found.line}: {what}.",
            scope="notice",
            field=f":{found.tag}:",
            value=found.value[0],
            code=code,
        )


def _statement_problem(found: Field, what: str, code: str) -> Problem:
    return Problem(
        line=found.line,
        message=f"Line {found.line}: {what}. Ask the bank for the file again.",
        scope="statement",
        field=f":{found.tag}:",
        value=found.value[0],
        code=code,
    )


def _belongs_to_next_message(message: _Message, tag: str) -> bool:
    """An account or an opening balance where the message already has one, or has entries or its closing."""
    if tag not in ("25", "25P", "60F", "60M"):
        return False
    already = message.account if tag.startswith("25") else message.opening
    return bool(already or message.started or message.closing)


def _unreadable(found: Field, value: str, what: str) -> Problem:
    return Problem(
        line=found.line,
        message=f"Line {found.line}: the {what} “{value}” in :{found.tag}: cannot be read, so the statement cannot be "
        "checked. Ask the bank for the file again.",
        scope="statement",
        field=f":{found.tag}:",
        value=value,
        code=f"unreadable_{what}",
    )


def _missing_balances(message: _Message) -> Iterator[Problem]:
    if message.intraday and not message.opening and not message.closing:
        if not message.declared:
            yield _report_without_totals(message)
        return
    for name, tag, present in (
        ("opening", "60F", message.opening),
        ("closing", "62F", message.closing),
    ):
        if not present:
            yield Problem(
                line=message.last_line,
                message=f"The statement that starts on line {message.line} has no readable {name} balance (:{tag}:), "
                "so it cannot be checked. The file may have been cut off: fetch it again.",
                scope="statement",
                field=f":{tag}:",
                code="balance_missing",
            )


def _report_without_totals(message: _Message) -> Problem:
    """The totals of an intraday report are optional; without them only the end mark shows that it is whole."""
    what = f"The report that starts on line {message.line} has no totals (:90C:, :90D:)"
    return Problem(
        line=message.last_line,
        message=f"{what}, so its entries could not be checked."
        if message.ended
        else f"{what} and no end mark (-): it may have been cut off. Fetch it again.",
        scope="notice" if message.ended else "statement",
        field=":90C:",
        code="totals_missing",
    )


FORMATS = (
    Format("mt940", "SWIFT MT940 statement", recognise_mt940, read),
    Format("mt942", "SWIFT MT942 intraday report", recognise_mt942, read),
)
