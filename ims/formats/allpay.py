"""allpay payment files: one line for each payment taken in shops, at post offices, by phone and online.

Positions (from 1): 1–7 client, 8–23 reference (a reference that begins BERN is a prefix and 12 characters), 24–32
pounds with a point, 33 how it was paid, 34–43 dd/mm/yyyy. A blank line ends the payments; two lines of control totals
follow. Known from one council's reader, not from allpay's own specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO, Literal

from ims.common.money import ZERO, format_pounds
from ims.formats.format import Format
from ims.formats.profile_controls import DECLARED_DISAGREES
from ims.formats.profile_text import TextFile
from ims.formats.profile_values import Unreadable, amount_reader, date_reader, short
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart

TYPES = {
    "P": "Post Office",
    "T": "PayPoint",
    "Z": "Payzone",
    "N": "Telephone or desktop",
    "B": "Bills online",
    "C": "Cash adjustment",
    "Q": "Returned cheque",
}
"""How it was paid, by the letter in position 33."""

Scope = Literal["row", "statement"]

_DETAIL_LENGTH = 43
_PREFIX = "BERN"
_TOTAL_AMOUNT = "Total Amount"
_TOTAL_COUNT = "Total Transactions"
_DETAIL = re.compile(rb".{23}[ 0-9.,+-]{8}[0-9][A-Za-z][0-9]{2}/[0-9]{2}/[0-9]{4}\s*")

_read_amount = amount_reader(scale="pounds", decimal_mark=".", signed=True)
_read_date = date_reader(("dd/mm/yyyy",))


@dataclass(slots=True)
class _Totals:
    count: int = 0
    amount: Decimal = ZERO
    spoilt: int = 0
    unreadable: int = 0
    """Spoilt payments whose amount cannot be read."""
    declared_count: int | None = None
    declared_amount: Decimal | None = None
    ended: bool = False
    line: int = 0


def recognise(head: bytes) -> bool:
    """True for a file whose first line is a payment, or the control totals of a day without payments."""
    for line in head.splitlines()[:3]:
        if line.strip():
            return bool(_DETAIL.fullmatch(line)) or line.lstrip().startswith(_TOTAL_AMOUNT.encode() + b" Updated")
    return False


def read(stream: BinaryIO) -> Iterator[Record]:
    """The payments of an allpay file as one statement; control totals that disagree spoil it.

    Raises `UnreadableFile` for an empty file.
    """
    text = TextFile(stream)
    totals = _Totals()
    yield StatementStart(line=1)
    for line, ended in enumerate(text, start=1):
        raw = ended.rstrip("\r\n\x1a")
        totals.line = line
        if len(raw.strip()) < 2:
            totals.ended = totals.ended or totals.count > 0
            continue
        yield from _trailer(line, raw, totals) if raw.startswith("Total ") else _payment(line, raw, totals)
    yield from _check(totals)
    yield _end(totals)


def _end(totals: _Totals) -> StatementEnd:
    count, amount = totals.declared_count, totals.declared_amount
    if totals.spoilt:
        # The payments in quarantine were counted here; entries alone could not make the totals agree.
        extra = {"declared_count": str(count), "declared_sum": str(amount)}
        return StatementEnd(line=totals.line, extra=extra)
    return StatementEnd(declared_count=count, declared_sum=amount, line=totals.line)


def _payment(line: int, raw: str, totals: _Totals) -> Iterator[Record]:
    if totals.ended:
        yield _problem(
            line,
            f"Line {line} follows the end of the payments: “{short(raw)}”. Two files may have been joined: ask allpay, "
            "and import each file on its own.",
            "after_end",
            raw,
            scope="statement",
        )
    totals.count += 1
    amount_known = False
    try:
        if len(raw) < _DETAIL_LENGTH:
            raise Unreadable(f"the line has {len(raw)} characters where {_DETAIL_LENGTH} are expected")
        if "\0" in raw:
            raise Unreadable("the line holds a NUL character")
        amount = _amount(raw)
        totals.amount += amount
        amount_known = True
        entry = _entry(line, raw, amount)
    except Unreadable as error:
        totals.spoilt += 1
        totals.unreadable += not amount_known
        message = f"Line {line}: {error.message}. Correct the row, or ask allpay for a corrected file."
        yield _problem(line, message, "invalid", raw)
        return
    yield entry


def _amount(raw: str) -> Decimal:
    text = raw[23:32].strip()
    try:
        return _read_amount(text)
    except Unreadable as error:
        raise Unreadable(f"the amount “{short(text)}” {error.message}") from None


def _entry(line: int, raw: str, amount: Decimal) -> Entry:
    kind = raw[32].upper()
    text = raw[33:43]
    try:
        booked_on = _read_date(text)
    except Unreadable as error:
        raise Unreadable(f"the date “{short(text)}” {error.message}") from None
    if raw[43:].strip():
        raise Unreadable(f"there is unexpected text behind the date: “{short(raw[43:].strip())}”")
    if kind == "Q" and amount > 0:
        raise Unreadable("a returned cheque has a positive amount, so it cannot be told whether money came or went")
    reference = raw[7:23].strip()
    prefixed = reference.startswith(_PREFIX)
    client = raw[:7].strip()
    return Entry(
        line=line,
        amount=amount,
        reversal=amount < 0,
        booked_on=booked_on,
        type_code=kind,
        reference=reference.removeprefix(_PREFIX).strip() if prefixed else reference,
        narrative=" ".join(part for part in (TYPES.get(kind, ""), client) if part),
        extra={"client": client} | ({"prefix": _PREFIX} if prefixed else {}),
        raw=raw,
    )


def _trailer(line: int, raw: str, totals: _Totals) -> Iterator[Problem]:
    totals.ended = True
    try:
        if raw.startswith(_TOTAL_AMOUNT):
            totals.declared_amount = _read_amount(raw[34:51].strip())
        elif raw.startswith(_TOTAL_COUNT):
            text = raw[40:57].strip().replace(",", "")
            if not (text.isascii() and text.isdigit()) or len(text) > 9:
                raise Unreadable("is not a whole number")
            totals.declared_count = int(text)
    except Unreadable as error:
        message = f"Line {line}: the control total in “{short(raw)}” {error.message}. Ask allpay for a corrected file."
        yield _problem(line, message, "control_unreadable", raw, scope="statement")


def _check(totals: _Totals) -> Iterator[Problem]:
    if totals.declared_amount is None or totals.declared_count is None:
        message = (
            "The control totals at the end of the allpay file are missing, so it may have been cut short. "
            "Fetch the file again."
        )
        yield _problem(totals.line, message, "trailer_missing", "", scope="statement")
        return
    if totals.declared_count != totals.count:
        message = (
            f"The allpay file says it holds {totals.declared_count:,} payments but {totals.count:,} were read. "
            "Nothing may be posted; ask allpay for a corrected file."
        )
        yield _problem(totals.line, message, DECLARED_DISAGREES, "", scope="statement", field="number of entries")
    if totals.unreadable:
        message = (
            f"The control total {format_pounds(totals.declared_amount)} cannot be confirmed, because the amounts of "
            f"{totals.unreadable:,} payments cannot be read. Ask allpay for a corrected file."
        )
        yield _problem(totals.line, message, DECLARED_DISAGREES, "", scope="statement", field="net sum of entries")
    elif totals.declared_amount != totals.amount:
        difference = format_pounds(totals.declared_amount - totals.amount)
        message = (
            f"The allpay file says it totals {format_pounds(totals.declared_amount)} but its payments total "
            f"{format_pounds(totals.amount)}; the difference is {difference}. "
            "Nothing may be posted; ask allpay for a corrected file."
        )
        yield _problem(totals.line, message, DECLARED_DISAGREES, "", scope="statement", field="net sum of entries")


def _problem(line: int, message: str, code: str, raw: str, *, scope: Scope = "row", field: str = "") -> Problem:
    return Problem(line=line, message=message, scope=scope, field=field, code=code, value=short(raw), raw=raw)


FORMAT = Format("allpay", "allpay payment file", recognise, read)
FORMATS = (FORMAT,)
