"""Bacs Standard 18 submissions, written: the same submission always gives the same bytes.

What Bacs would silently change is refused instead: a reference longer than its field, a character Bacs does not
have in a reference, an amount that is nothing. Names, which nobody matches by, are put in capitals, stripped of
accents and cut to their field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ims.common.errors import InvalidInput
from ims.common.money import ZERO, format_pounds
from ims.formats.bacs import records18 as layout

_ALLOWED = re.compile(r"[A-Z0-9.&/ -]*")
_NOT_ALLOWED = re.compile(r"[^A-Z0-9.&/ -]")
_DAYS_KEPT = 5
"""Days after the last processing day until the file expires."""


@dataclass(frozen=True, slots=True)
class Account:
    """A nominated account of the service user, from or to which everything in the file is paid."""

    sort_code: str
    account: str
    name: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """One Direct Debit, credit or Direct Debit Instruction. ``amount`` is in pounds and positive; nothing for an
    Instruction. ``on`` is its processing day; None means the file's.
    """

    sort_code: str
    account: str
    code: str
    amount: Decimal
    reference: str
    name: str
    on: date | None = None
    free_format: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """A whole file. ``serial`` is unique for the service user number and the day; dates are given, never taken from
    a clock. When an instruction has a processing day of its own the file is written for several days.
    """

    sun: str
    serial: str
    account: Account
    user_name: str
    created_on: date
    processing_date: date
    instructions: Sequence[Instruction]
    expires_on: date | None = None
    file_number: int = 1
    contra_narrative: str = "COLLECTIONS"

    @property
    def is_multi(self) -> bool:
        return any(item.on is not None and item.on != self.processing_date for item in self.instructions)


def write(submission: Submission) -> bytes:
    """The submission as Bacs receives it: labels, records, contras that balance each day, and the trailer.

    Raises `InvalidInput` naming the instruction and what is wrong with it.
    """
    _check_submission(submission)
    multi = submission.is_multi
    records: list[str] = []
    totals = _Totals()
    for number, item in enumerate(submission.instructions, start=1):
        _check_instruction(submission, number, item)
        totals.add(item, item.on or submission.processing_date)
        records.append(_record(submission, item, multi=multi))
    contras = list(_contras(submission, totals, multi=multi))
    if max(totals.debit, totals.credit) > layout.LARGEST_TOTAL:
        raise InvalidInput("The file totals more than Bacs can carry in one file. Split it.")
    lines = [*_headers(submission, multi=multi), *records, *contras, *_trailers(submission, totals, multi=multi)]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


class _Totals:
    """Counts and sums for the trailer; debits and credits of each day for the contras."""

    def __init__(self) -> None:
        self.debit = self.credit = ZERO
        self.debits = self.credits = self.instructions = 0
        self.by_day: dict[date, list[Decimal]] = {}

    def add(self, item: Instruction, on: date) -> None:
        if item.code in layout.INSTRUCTION_CODES:
            self.instructions += 1
            return
        day = self.by_day.setdefault(on, [ZERO, ZERO])
        if item.code in layout.DEBIT_CODES:
            self.add_debit(item.amount)
            day[0] += item.amount
        else:
            self.add_credit(item.amount)
            day[1] += item.amount

    def add_debit(self, amount: Decimal) -> None:
        self.debit += amount
        self.debits += 1

    def add_credit(self, amount: Decimal) -> None:
        self.credit += amount
        self.credits += 1


def _headers(submission: Submission, *, multi: bool) -> Iterator[str]:
    work_code = layout.MULTI if multi else layout.DAILY
    yield _label(f"VOL1{submission.serial}{'':31}{submission.sun}{'':32}1")
    yield _label(f"HDR1{_header_1(submission)}")
    yield _label(f"HDR2{_header_2(multi=multi)}")
    yield _label(
        f"UHL1{layout.day_of_year(submission.processing_date)}999999    00000000{work_code:<9}"
        f"{submission.file_number:03d}"
    )


def _header_1(submission: Submission) -> str:
    expires_on = submission.expires_on or _last_day(submission) + timedelta(days=_DAYS_KEPT)
    return (
        f"A{submission.sun}S  1{submission.sun}{submission.serial}00010001      "
        f"{layout.day_of_year(submission.created_on)}{layout.day_of_year(expires_on)} 000000"
    )


def _header_2(*, multi: bool) -> str:
    length = layout.MULTI_LENGTH if multi else layout.SINGLE_LENGTH
    return f"F02000{length:05d}{'':35}00"


def _trailers(submission: Submission, totals: _Totals, *, multi: bool) -> Iterator[str]:
    yield _label(f"EOF1{_header_1(submission)}")
    yield _label(f"EOF2{_header_2(multi=multi)}")
    instructions = f"{'':8}{totals.instructions:07d}" if totals.instructions else ""
    counts = f"{totals.debits:07d}{totals.credits:07d}"
    yield _label(f"UTL1{_pence(totals.debit, 13)}{_pence(totals.credit, 13)}{counts}{instructions}")


def _record(submission: Submission, item: Instruction, *, multi: bool) -> str:
    account = submission.account
    text = (
        f"{item.sort_code}{item.account}0{item.code}{account.sort_code}{account.account}{item.free_format:<4}"
        f"{_pence(item.amount, 11)}{_name(submission.user_name):<18}{item.reference.upper():<18}{_name(item.name):<18}"
    )
    return text + layout.day_of_year(item.on or submission.processing_date) if multi else text


def _contras(submission: Submission, totals: _Totals, *, multi: bool) -> Iterator[str]:
    for on, (debits, credits_) in sorted(totals.by_day.items()):
        if credits_:
            totals.add_debit(credits_)
            yield _contra(submission, layout.CONTRA_DEBIT, credits_, on, multi=multi)
        if debits:
            totals.add_credit(debits)
            yield _contra(submission, layout.CONTRA_CREDIT, debits, on, multi=multi)


def _contra(submission: Submission, code: str, amount: Decimal, on: date, *, multi: bool) -> str:
    if amount > layout.LARGEST_AMOUNT:
        raise InvalidInput(
            f"The {on:%-d %b %Y} part of the file totals {format_pounds(amount)}, more than one contra can carry "
            f"({format_pounds(layout.LARGEST_AMOUNT)}). Split the file."
        )
    account = submission.account
    own = f"{account.sort_code}{account.account}"
    text = (
        f"{own}0{code}{own}    {_pence(amount, 11)}{_name(submission.contra_narrative):<18}"
        f"{layout.CONTRA_REFERENCE:<18}{_name(account.name):<18}"
    )
    return text + layout.day_of_year(on) if multi else text


def _label(text: str) -> str:
    return f"{text:<{layout.LABEL_LENGTH}}"


def _pence(amount: Decimal, width: int) -> str:
    return f"{int(amount * 100):0{width}d}"


def _name(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    return _NOT_ALLOWED.sub(" ", plain)[: layout.NAME_LENGTH]


def _last_day(submission: Submission) -> date:
    return max(item.on or submission.processing_date for item in submission.instructions)


def _check_submission(submission: Submission) -> None:
    account = submission.account
    for text, length, what in (
        (submission.sun, 6, "service user number"),
        (submission.serial, 6, "submission serial number"),
        (account.sort_code, 6, "sort code of the nominated account"),
        (account.account, 8, "number of the nominated account"),
    ):
        if len(text) != length or not layout.is_digits(text):
            raise InvalidInput(f"The {what} must be {length} digits, not “{text}”.")
    if not submission.serial.strip("0"):
        raise InvalidInput("The submission serial number must not be all zeros.")
    if not 1 <= submission.file_number <= 999:
        raise InvalidInput("The file number must be between 1 and 999.")
    if not 1 <= len(submission.instructions) <= layout.MOST_INSTRUCTIONS:
        raise InvalidInput(f"A Bacs file holds between 1 and {layout.MOST_INSTRUCTIONS:,} instructions.")
    if submission.processing_date < submission.created_on:
        raise InvalidInput("The processing date is before the day the file is made.")
    if submission.expires_on is not None and submission.expires_on <= _last_day(submission):
        raise InvalidInput("The file expires before its last processing day. Choose a later expiry date.")
    if not _name(submission.user_name).strip():
        raise InvalidInput("The service user's name is blank. Give the name payers know.")


def _check_instruction(submission: Submission, number: int, item: Instruction) -> None:
    fault = (
        _fault_of_account(submission, item)
        or _fault_of_amount(item)
        or _fault_of_reference(item)
        or _fault_of_day(submission, item)
    )
    if fault:
        raise InvalidInput(f"Instruction {number} (reference “{item.reference}”) {fault}.")


def _fault_of_account(submission: Submission, item: Instruction) -> str:
    known = layout.DEBIT_CODES | layout.CREDIT_CODES | layout.INSTRUCTION_CODES
    if item.code not in known:
        return f"has the transaction code “{item.code}”, which is not one of {', '.join(sorted(known))}"
    if len(item.sort_code) != 6 or not layout.is_digits(item.sort_code):
        return f"has the sort code “{item.sort_code}”, which is not six digits"
    if len(item.account) != 8 or not layout.is_digits(item.account):
        return f"has the account number “{item.account}”, which is not eight digits"
    if not _name(item.name).strip() and item.code != "0C":
        return "has no name"
    if len(item.free_format) > 4 or not _ALLOWED.fullmatch(item.free_format):
        return "has a free format field that is longer than four characters or not in Bacs characters"
    own = (submission.account.sort_code, submission.account.account)
    if (item.sort_code, item.account) == own and item.reference.strip().upper() == layout.CONTRA_REFERENCE:
        return "looks like a contra, which is written for you"
    return ""


def _fault_of_amount(item: Instruction) -> str:
    if item.code in layout.INSTRUCTION_CODES:
        return f"is an instruction but has the amount {format_pounds(item.amount)}" if item.amount else ""
    if not item.amount.is_finite() or item.amount != item.amount.quantize(Decimal("0.01")):
        return f"has the amount {item.amount}, which is not whole pence"
    if not 0 < item.amount <= layout.LARGEST_AMOUNT:
        return f"has an amount that is not between £0.01 and {format_pounds(layout.LARGEST_AMOUNT)}"
    return ""


def _fault_of_reference(item: Instruction) -> str:
    reference = item.reference.upper()
    if len(reference) > layout.REFERENCE_LENGTH:
        return f"has a reference of {len(reference)} characters; Bacs would cut it to {layout.REFERENCE_LENGTH}"
    if not _ALLOWED.fullmatch(reference) or reference != reference.strip():
        return "has a reference with a character Bacs does not have, or a space at an end"
    if item.code in layout.CREDIT_CODES:
        return "" if reference else "has no reference"
    letters = [character for character in reference if character.isalnum()]
    if len(letters) < 6 or len(set(letters)) == 1:
        return "has a reference that is not at least six letters and digits, not all the same"
    if reference.startswith("DDIC"):
        return "has a reference that begins with DDIC, which Bacs keeps for indemnity claims"
    return ""


def _fault_of_day(submission: Submission, item: Instruction) -> str:
    if item.on is None:
        return ""
    if not submission.processing_date <= item.on <= submission.processing_date + timedelta(layout.MOST_DAYS_AHEAD):
        return f"is for {item.on:%-d %b %Y}, which is not within {layout.MOST_DAYS_AHEAD} days of the processing date"
    if item.code in layout.INSTRUCTION_CODES and item.on != submission.processing_date:
        return "is a Direct Debit Instruction, whose day must be the file's processing date"
    return ""
