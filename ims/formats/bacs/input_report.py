"""The Bacs input report: what Bacs accepted and rejected of a submission, before any money moves.

Each user file is a statement. What was accepted is one entry of kind "day_total" for each account (it is what the
bank will credit); each rejected item is an entry whose receipt must be reversed. All are information: nothing is
booked at the bank yet. Accepted and rejected must agree with the totals the report gives for the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from lxml import etree

from ims.common.money import ZERO, format_pounds
from ims.formats.bacs.xml_values import (
    account,
    account_number,
    attribute,
    child,
    day,
    elements,
    is_document,
    line_of,
    local_name,
    money,
    problem,
    sort_code,
    whole_number,
)
from ims.formats.format import Format
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart

_NAMES = (
    "Header",
    "SubmissionInformation",
    "UserFileInformation",
    "Error",
    "AccountTotal",
    "AgreementOfFileTotals",
    "InputUserFile",
)
_DEBIT_CODES = frozenset({"01", "17", "18", "19"})
_SIDES = ("CreditEntry", "DebitEntry")
_OUTCOMES = ("AcceptedRecords", "RejectedRecords")

Totals = dict[tuple[str, str], tuple[int, Decimal]]
"""(side, outcome) → count and sum."""


@dataclass(slots=True)
class _File:
    processed_on: date | None = None
    serial: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    started: bool = False
    any_file: bool = False
    rejected: list[Decimal] = field(default_factory=list)
    totals: Totals = field(default_factory=dict)


def recognise(head: bytes) -> bool:
    """True for an input report."""
    return is_document(head, b"BACSDocument", b"InputReport")


def read(stream: BinaryIO) -> Iterator[Record]:
    """What became of each user file. Raises `UnreadableFile` for damaged XML."""
    file = _File()
    line = 0
    for element in elements(stream, _NAMES, "input report"):
        line = line_of(element) or line
        try:
            yield from _element(file, element, line)
        except Unreadable as error:
            yield problem(
                line, f"a value of {local_name(element)} {error.message}", local_name(element), scope="statement"
            )
    if not file.any_file:
        yield StatementStart(line=line, extra={"report": "INPUT"})
        yield problem(line, "the input report names no file", "UserFile", scope="statement")
        yield StatementEnd(line=line)


def _element(file: _File, element: etree._Element, line: int) -> Iterator[Record]:
    name = local_name(element)
    if name == "Header":
        file.processed_on = day(attribute(child(element, "ProcessingDate"), "date"))
    elif name == "SubmissionInformation":
        file.serial = attribute(element, "volumeSerialNumber")
    elif name == "UserFileInformation":
        yield _start(file, element, line)
    elif not file.started:
        return
    elif name == "Error":
        yield from _rejected(file, element, line)
    elif name == "AccountTotal":
        yield from _accepted(file, element, line)
    elif name == "AgreementOfFileTotals":
        yield from _agreement(file, _totals_of(element), line)
    else:
        yield _end(file, line)


def _start(file: _File, element: etree._Element, line: int) -> StatementStart:
    file.started = file.any_file = True
    file.rejected, file.totals = [], {}
    on = file.processed_on or day(attribute(element, "uhl1ProcessingDate"))
    extra = {
        "report": "INPUT",
        "sun": attribute(element, "userNumber"),
        "submission_serial": file.serial,
        "work_code": attribute(element, "uhl1WorkCode"),
        "processing_date": on.isoformat() if on else "",
        "file_number": attribute(element, "userFileNumber"),
    }
    return StatementStart(
        currency=attribute(element, "fileCurrency") or "GBP",
        number=file.serial,
        reference=extra["sun"],
        starts_on=on,
        ends_on=on,
        line=line,
        extra={name: text for name, text in extra.items() if text},
    )


def _rejected(file: _File, element: etree._Element, line: int) -> Iterator[Record]:
    messages = " ".join(
        " ".join((each.text or "").split()) for each in element.iterfind("{*}ErrorMessage/{*}MessageLine")
    )
    if attribute(element, "type").upper() != "REJECTED":
        yield problem(line, f"Bacs reports: {messages[:200] or 'an error'}", "Error", scope="notice")
        return
    for item in element.iterfind("{*}ErrorItem"):
        reference, value = attribute(item, "reference"), attribute(item, "valueOf")
        amount = money(value)
        file.rejected.append(amount)
        destination = child(item, "DestinationAccount")
        code = attribute(item, "transactionCode")
        yield Entry(
            line=line_of(item) or line,
            amount=-amount if code in _DEBIT_CODES else amount,
            kind="unpaid_direct_debit" if code in _DEBIT_CODES else "returned_credit",
            status="information",
            currency=attribute(item, "currency") or "GBP",
            booked_on=file.processed_on,
            type_code=code,
            reference=reference,
            payer_name=attribute(destination, "name"),
            payer_sort_code=sort_code(attribute(destination, "sortCode")),
            payer_account=account_number(attribute(destination, "number")),
            narrative=" ".join(text for text in (reference, messages) if text)[:2000],
            reason_code=attribute(item, "errorCode"),
            reason=messages[:250],
            extra={"action": "Bacs did not process this item: reverse the receipt, correct it and send it again."},
            raw=etree.tostring(element, encoding="unicode", with_tail=False),
        )


def _accepted(file: _File, element: etree._Element, line: int) -> Iterator[Record]:
    totals = _totals_of(element)
    for key, (count, amount) in totals.items():
        so_far = file.totals.get(key, (0, ZERO))
        file.totals[key] = (so_far[0] + count, so_far[1] + amount)
    own = account(attribute(element, "sortCode"), attribute(element, "number"))
    for side in _SIDES:
        count, amount = totals.get((side, "AcceptedRecords"), (0, ZERO))
        if not count:
            continue
        debits = side == "DebitEntry"
        yield Entry(
            line=line,
            amount=amount if debits else -amount,
            kind="day_total",
            status="information",
            booked_on=file.processed_on,
            mark="D" if debits else "C",
            reference=own,
            narrative=f"{count:,} {'Direct Debits' if debits else 'credits'} accepted for account {own}",
            extra={"account": own, "count": str(count)},
        )


def _agreement(file: _File, totals: Totals, line: int) -> Iterator[Problem]:
    for key, (count, amount) in totals.items():
        found = file.totals.get(key, (0, ZERO))
        if found != (count, amount):
            side, outcome = key[0].removesuffix("Entry").lower(), key[1].removesuffix("Records").lower()
            yield problem(
                line,
                f"the file total of {outcome} {side}s is {count:,} for {format_pounds(amount)}, but the accounts give "
                f"{found[0]:,} for {format_pounds(found[1])}",
                key[1],
                str(amount),
                scope="statement",
            )
    declared = [totals.get((side, "RejectedRecords"), (0, ZERO)) for side in _SIDES]
    count, amount = sum(each[0] for each in declared), sum((each[1] for each in declared), ZERO)
    if (count, amount) != (len(file.rejected), sum(file.rejected, ZERO)):
        yield problem(
            line,
            f"{count:,} items for {format_pounds(amount)} were rejected, but the report names {len(file.rejected):,} "
            f"for {format_pounds(sum(file.rejected, ZERO))}",
            "RejectedRecords",
            str(amount),
            scope="statement",
        )


def _totals_of(element: etree._Element) -> Totals:
    totals: Totals = {}
    for side in _SIDES:
        for outcome in _OUTCOMES:
            found = element.find(f"{{*}}{side}/{{*}}{outcome}")
            if found is not None:
                totals[(side, outcome)] = (
                    whole_number(attribute(found, "numberOf")),
                    money(attribute(found, "valueOf")),
                )
    return totals


def _end(file: _File, line: int) -> StatementEnd:
    file.started = False
    extra = {}
    for (side, outcome), (count, amount) in file.totals.items():
        name = f"{outcome.removesuffix('Records').lower()}_{side.removesuffix('Entry').lower()}"
        extra |= {f"{name}_count": str(count), f"{name}_sum": str(amount)}
    return StatementEnd(line=line, extra=extra)


FORMAT = Format("bacs-input-report", "Bacs input report", recognise, read)
