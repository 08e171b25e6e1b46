"""Bacs Standard 18 submissions, read: Direct Debit collections, credits, and Direct Debit Instructions.

Amounts are signed as the council that sends the file sees its account: a Direct Debit is money in, a credit is money
out; `Entry.mark` keeps Bacs's own word, D or C. Contras balance each section and are never posted. The booking date
is the *processing* date of the file: the money moves on the working day after it.

The trailer is believed about nothing: its totals, counts and instructions are compared with the records, and each
section must balance. A file of bare records without labels is read too, but cannot be checked, and a notice says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import BinaryIO, Literal

from ims.common.money import ZERO, format_pounds
from ims.formats.bacs import records18 as layout
from ims.formats.format import Format
from ims.formats.profile_controls import DECLARED_DISAGREES
from ims.formats.profile_text import TextFile
from ims.formats.profile_values import short
from ims.formats.records import Entry, EntryKind, Problem, Record, StatementEnd, StatementStart, UnreadableFile

_BARE_RECORD = re.compile(r"[0-9]{14}[0-9 ](?:[0-9]{2}|0[NCS]|Z[45])[0-9]{14}.{4}[0-9]{11}.{18,60}")
_WORK_CODE = re.compile(rb"[\r\n]UHL1 [0-9]{5}.{18}[1245] (?:DAILY|MULTI|RECALLS|FPS)", re.DOTALL)
_END_OF_FILE = "\x1a"


@dataclass(slots=True)
class _Tally:
    """One side of a file, Bacs's view: debits or credits."""

    count: int = 0
    total: Decimal = ZERO

    def add(self, amount: Decimal) -> None:
        self.count += 1
        self.total += amount


@dataclass(slots=True)
class _Day:
    """What one account's items of a day come to, and its contras, which must be equal and opposite."""

    debits: Decimal = ZERO
    credits: Decimal = ZERO
    contra_debits: Decimal = ZERO
    contra_credits: Decimal = ZERO

    def add(self, amount: Decimal, *, debit: bool, contra: bool) -> None:
        name = f"{'contra_' if contra else ''}{'debits' if debit else 'credits'}"
        setattr(self, name, getattr(self, name) + amount)


@dataclass(slots=True)
class _Section:
    """One file of the submission: HDR1 to UTL1."""

    line: int = 0
    header: str = ""
    header_2: str = ""
    user_header: str = ""
    sun: str = ""
    serial: str = ""
    work_code: str = ""
    processing_date: date | None = None
    account: str = ""
    started: bool = False
    bare: bool = False
    debits: _Tally = field(default_factory=_Tally)
    credits: _Tally = field(default_factory=_Tally)
    instructions: int = 0
    spoilt: int = 0
    days: dict[tuple[str, date | None], _Day] = field(default_factory=lambda: defaultdict(_Day))
    """By account and day, each of which its contras must balance."""


def recognise(head: bytes) -> bool:
    """True for a labelled submission, or for bare payment records of 100 or 106 characters."""
    if head.startswith(b"VOL1"):
        return bool(_WORK_CODE.search(head[:1000]))
    lines = [line.rstrip("\r") for line in head[:2000].decode("latin-1").split("\n")[:-1] if line.strip()]
    return bool(lines) and all(len(line) in {100, 106} and _BARE_RECORD.match(line) for line in lines)


def read(stream: BinaryIO) -> Iterator[Record]:
    """The entries of a submission, one statement for each file in it. Raises `UnreadableFile` when it is none."""
    return _Reader(TextFile(stream)).records()


class _Reader:
    def __init__(self, text: TextFile) -> None:
        self._text = text
        self._section: _Section | None = None
        self._volume = ""
        self._line = 0

    def records(self) -> Iterator[Record]:
        any_section = False
        for line, ended in enumerate(self._text, start=1):
            raw = ended.rstrip("\r\n" + _END_OF_FILE)
            self._line = line
            if not raw.strip():
                continue
            if line == 1 and not raw.startswith("VOL1") and not _BARE_RECORD.match(raw):
                raise UnreadableFile(
                    "The file is not a Bacs Standard 18 file: it begins neither with a VOL1 label nor with a payment "
                    f"record, but with “{short(raw)}”. Check that the right file was chosen."
                )
            any_section = any_section or not raw.startswith("VOL1")
            yield from self._record(line, raw)
        if self._section is not None:
            yield from self._cut_off(self._section)
        elif not any_section:
            yield from self._cut_off(_Section(line=self._line))

    def _record(self, line: int, raw: str) -> Iterator[Record]:
        label = raw[:4]
        if label == "VOL1":
            if self._volume or self._section is not None:
                yield _problem(line, "a second VOL1 label follows: two submissions were joined", "label", raw)
            self._volume = raw
        elif label == "HDR1":
            if self._section is not None:
                yield from self._cut_off(self._section)
            self._section = _Section(line=line, header=raw, sun=raw[5:11].strip(), serial=self._volume[4:10])
        elif label in {"HDR2", "UHL1", "EOF1", "EOF2", "UTL1"}:
            yield from self._label(line, label, raw)
        else:
            yield from self._item(line, raw)

    def _label(self, line: int, label: str, raw: str) -> Iterator[Record]:
        section = self._section
        if section is None or section.bare:
            yield _problem(line, f"the label {label} stands outside a file (HDR1 … UTL1)", "label", raw)
            return
        if label == "HDR2":
            section.header_2 = raw
        elif label == "UHL1":
            section.user_header = raw
            section.processing_date = layout.date_of(raw[4:10])
            section.work_code = raw[28:37].strip()
            if section.processing_date is None:
                yield _problem(line, f"the processing date “{short(raw[4:10])}” is not a date", "date", raw)
        elif label in {"EOF1", "EOF2"}:
            wanted = section.header if label == "EOF1" else section.header_2
            if raw[4:] != wanted[4:]:
                yield _problem(line, f"the label {label} is not the copy of {wanted[:4]} it should be", "label", raw)
        else:
            yield from self._trailer(section, line, raw)
            self._section = None

    def _item(self, line: int, raw: str) -> Iterator[Record]:
        section = self._section
        if section is None:
            if self._volume:
                yield _problem(line, "a record stands outside a file (HDR1 … UTL1)", "label", raw)
                return
            section = self._section = _Section(line=line, bare=True)
        if not section.started:
            section.started = True
            section.account = _account(raw, layout.ORIGIN_SORT_CODE, layout.ORIGIN_ACCOUNT)
            yield _start(section)
        record = _entry(section, line, raw)
        if isinstance(record, Problem):
            section.spoilt += 1
        yield record

    def _trailer(self, section: _Section, line: int, raw: str) -> Iterator[Record]:
        if not section.started:
            yield _start(section)
        numbers = [raw[4:17], raw[17:30], raw[30:37], raw[37:44]]
        if not all(layout.is_digits(text) for text in numbers):
            yield _problem(line, f"the totals of the trailer UTL1 cannot be read: “{short(raw)}”", "trailer", raw)
            yield StatementEnd(line=line)
            return
        debit_sum, credit_sum = (Decimal(text).scaleb(-2) for text in numbers[:2])
        debit_count, credit_count = (int(text) for text in numbers[2:])
        # In the council's view the payers' debits are its credits; see the head of this module.
        for name, said, found in (
            ("sum of credits", debit_sum, section.debits.total),
            ("sum of debits", credit_sum, section.credits.total),
            ("number of credits", debit_count, section.debits.count),
            ("number of debits", credit_count, section.credits.count),
        ):
            if said != found:
                yield _disagreement(line, name, said, found, raw)
        yield from _check_instructions(section, line, raw)
        yield from _check_balance(section, line)
        yield StatementEnd(
            declared_credit_count=debit_count,
            declared_credit_sum=debit_sum,
            declared_debit_count=credit_count,
            declared_debit_sum=credit_sum,
            line=line,
            extra={"instructions": str(section.instructions)},
        )

    def _cut_off(self, section: _Section) -> Iterator[Record]:
        if not section.started:
            yield _start(section)
        if section.bare:
            yield Problem(
                line=self._line,
                message="The file has payment records without labels or a trailer, so it cannot be seen whether it is "
                "complete. Compare its total with the sender's.",
                scope="notice",
                code="no_labels",
            )
        else:
            yield _problem(self._line, "the file ends without its trailer UTL1, so it was cut short", "trailer", "")
        yield StatementEnd(line=self._line)
        self._section = None


def _start(section: _Section) -> StatementStart:
    extra = {
        "sun": section.sun,
        "submission_serial": section.serial,
        "work_code": section.work_code,
        "processing_date": section.processing_date.isoformat() if section.processing_date else "",
        "file_number": section.user_header[37:40].strip(),
    }
    return StatementStart(
        account=section.account,
        number=section.serial,
        reference=section.sun,
        starts_on=section.processing_date,
        ends_on=section.processing_date,
        line=section.line,
        extra={name: text for name, text in extra.items() if text},
    )


def _entry(section: _Section, line: int, raw: str) -> Entry | Problem:
    multi = section.work_code.startswith("4") or (section.bare and len(raw) > layout.SINGLE_LENGTH)
    length = layout.MULTI_LENGTH if multi else layout.SINGLE_LENGTH
    if len(raw) > length or len(raw) < layout.DESTINATION_NAME.start or (multi and len(raw) < length):
        return _row(line, raw, f"has {len(raw)} characters where {length} are expected", "length")
    if "\0" in raw:
        return _row(line, raw, "holds a NUL character", "record")
    code, pence = raw[layout.CODE], raw[layout.PENCE]
    known = layout.DEBIT_CODES | layout.CREDIT_CODES | layout.INSTRUCTION_CODES
    if code not in known:
        return _row(line, raw, f"has the transaction code “{short(code)}”, which is not known", "transaction code")
    accounts = raw[layout.DESTINATION_SORT_CODE], raw[layout.DESTINATION_ACCOUNT], raw[17:31]
    if not all(layout.is_digits(text) for text in accounts):
        return _row(line, raw, "has a sort code or account number that is not all digits", "account")
    instruction = code in layout.INSTRUCTION_CODES
    if not layout.is_digits(pence) and not (instruction and not pence.strip()):
        return _row(line, raw, f"has the amount “{short(pence)}”, which is not whole pence", "amount")
    on = layout.date_of(raw[layout.PROCESSING_DATE]) if multi else section.processing_date
    if multi and on is None:
        return _row(line, raw, f"has the date “{short(raw[100:106])}”, which is not a date", "date")
    amount = Decimal(int(pence.strip() or "0")).scaleb(-2)
    if instruction == bool(amount):
        said = "a Direct Debit Instruction with an amount" if instruction else "a payment of nothing"
        return _row(line, raw, f"is {said}", "amount")
    return _count(section, line, raw, amount, on)


def _count(section: _Section, line: int, raw: str, amount: Decimal, on: date | None) -> Entry:
    """Add the record to the section's totals and turn it into an entry."""
    code = raw[layout.CODE]
    kind: EntryKind
    if code in layout.INSTRUCTION_CODES:
        kind, mark, signed = "instruction", "", ZERO
        section.instructions += 1
    else:
        debit, contra = code in layout.DEBIT_CODES, _is_contra(raw)
        mark, signed = ("D", amount) if debit else ("C", -amount)
        (section.debits if debit else section.credits).add(amount)
        section.days[(raw[17:31], on)].add(amount, debit=debit, contra=contra)
        kind = "contra" if contra else "receipt" if debit else "payment"
    extra = {
        "free_format": raw[layout.FREE_FORMAT].strip(),
        "user_name": raw[layout.USER_NAME].strip(),
        "origin": _account(raw, layout.ORIGIN_SORT_CODE, layout.ORIGIN_ACCOUNT),
    }
    return Entry(
        line=line,
        amount=signed,
        kind=kind,
        booked_on=on,
        mark=mark,
        type_code=code,
        reference=raw[layout.REFERENCE].strip(),
        payer_name=raw[layout.DESTINATION_NAME].strip(),
        payer_sort_code=raw[layout.DESTINATION_SORT_CODE],
        payer_account=raw[layout.DESTINATION_ACCOUNT],
        narrative=layout.CODE_MEANINGS[code],
        extra={name: text for name, text in extra.items() if text},
        raw=raw,
    )


def _is_contra(raw: str) -> bool:
    """The codes 17 and 99 are also normal items: only the reference and the account together make a contra."""
    return raw[layout.REFERENCE].strip() == layout.CONTRA_REFERENCE and raw[0:14] == raw[17:31]


def _account(raw: str, sort_code: slice, account: slice) -> str:
    return f"{raw[sort_code]}/{raw[account]}" if layout.is_digits(raw[sort_code]) else ""


def _check_instructions(section: _Section, line: int, raw: str) -> Iterator[Problem]:
    declared = raw[52:59].strip()
    if not declared and not section.instructions:
        return
    if not layout.is_digits(declared) or int(declared) != section.instructions:
        yield _problem(
            line,
            f"the trailer UTL1 declares “{short(declared)}” Direct Debit Instructions but {section.instructions} "
            "were read",
            "instructions",
            raw,
        )


def _check_balance(section: _Section, line: int) -> Iterator[Problem]:
    if section.spoilt:
        return
    for (account, on), day in sorted(section.days.items(), key=str):
        for items, contras, what in (
            (day.debits, day.contra_credits, "Direct Debits"),
            (day.credits, day.contra_debits, "credits"),
        ):
            if items != contras:
                of_day = f" of {on:%-d %b %Y}" if on else ""
                yield _problem(
                    line,
                    f"the {what}{of_day} for account {account[:6]}/{account[6:]} come to {format_pounds(items)} but "
                    f"their contras to {format_pounds(contras)}",
                    "contra",
                    "",
                )


def _disagreement(line: int, name: str, said: Decimal | int, found: Decimal | int, raw: str) -> Problem:
    bacs_name = name.replace("credits", "Bacs debits") if "credits" in name else name.replace("debits", "Bacs credits")
    said_text, found_text = (format_pounds(n) if isinstance(n, Decimal) else f"{n:,}" for n in (said, found))
    return Problem(
        line=line,
        message=f"Line {line}: the trailer UTL1 gives {said_text} as the {bacs_name} but the records give "
        f"{found_text}. Do not use the file; ask the sender for a corrected one.",
        scope="statement",
        field=name,
        value=str(said),
        code=DECLARED_DISAGREES,
        raw=raw,
    )


def _problem(line: int, what: str, name: str, raw: str) -> Problem:
    message = f"Line {line}: {what}. Do not use the file; ask the sender for a corrected one."
    return _made(line, message, "statement", name, raw)


def _row(line: int, raw: str, what: str, name: str) -> Problem:
    return _made(line, f"Line {line} {what}: “{short(raw)}”. Ask the sender for a corrected file.", "row", name, raw)


def _made(line: int, message: str, scope: Literal["row", "statement"], name: str, raw: str) -> Problem:
    return Problem(
        line=line, message=message, scope=scope, field=name, value=short(raw), code="standard18", raw=raw[:2000]
    )


FORMAT = Format("bacs-standard18", "Bacs Standard 18 submission", recognise, read)
