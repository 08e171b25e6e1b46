"""ARUDD (unpaid Direct Debits) and ARUCS (credits that could not be applied): money that came back.

An unpaid Direct Debit is money out of the council's account, a returned credit is money in. Each originating account
is a statement; the totals the report gives for it are compared with its items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import BinaryIO

from lxml import etree

from ims.common.money import ZERO, format_pounds
from ims.formats.bacs.reasons import reason_for
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
from ims.formats.profile_controls import DECLARED_DISAGREES
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart
from ims.formats.xml_stream import forget_before

_ITEMS = ("ReturnedDebitItem", "ReturnedCreditItem")
_NAMES = (
    "Header",
    "ServiceLicenseInformation",
    "OriginatingAccount",
    *_ITEMS,
    "Totals",
    "OriginatingAccountRecord",
    "ARUDD",
    "ARUCS",
)


@dataclass(slots=True)
class _Report:
    kind: str
    number: str = ""
    processed: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    open: bool = False
    any_account: bool = False
    count: int = 0
    total: Decimal = ZERO
    spoilt: int = 0
    declared: etree._Element | None = None
    declared_count: int | None = None
    declared_sum: Decimal | None = None


def recognise(kind: str, head: bytes) -> bool:
    """True for a report of this kind, ARUDD or ARUCS."""
    return is_document(head, b"BACSDocument", kind.encode() + b">", kind.encode() + b" ")


def read(kind: str, stream: BinaryIO) -> Iterator[Record]:
    """The returned items, one statement for each originating account. Raises `UnreadableFile` for damaged XML."""
    report = _Report(kind)
    line = 0
    for element in elements(stream, _NAMES, f"{kind} report"):
        line = line_of(element) or line
        name = local_name(element)
        if name == "Header":
            report.number = attribute(element, "adviceNumber")
            report.processed = attribute(element, "currentProcessingDate")
            report.extra["report_type"] = attribute(element, "reportType")
        elif name == "ServiceLicenseInformation":
            report.extra |= {"sun": attribute(element, "userNumber"), "user_name": attribute(element, "userName")}
        elif name == "OriginatingAccount" and not report.open:
            yield _start(report, element, line)
        elif name in _ITEMS:
            if not report.open:
                yield _start(report, None, line)
            yield _item(report, element, line)
            forget_before(element)
        elif name == "Totals" and report.open:
            yield from _totals(report, element, line)
        elif name == "OriginatingAccountRecord" and report.open:
            yield from _end(report, line)
        elif name == kind and not report.any_account:
            yield _start(report, None, line)
            yield problem(line, f"the {kind} report holds no items", "items", scope="notice")
            yield from _end(report, line)
    if not report.any_account:
        yield _start(report, None, line)
        yield problem(line, f"the document holds no {kind} report", "report", scope="statement")
    if report.open:
        yield from _end(report, line)


def _start(report: _Report, element: etree._Element | None, line: int) -> StatementStart:
    report.open = report.any_account = True
    report.count, report.total, report.spoilt = 0, ZERO, 0
    report.declared_count = report.declared_sum = None
    try:
        on = day(report.processed)
    except Unreadable:
        on = None
    return StatementStart(
        account=account(attribute(element, "sortCode"), attribute(element, "number")),
        number=report.number,
        reference=report.extra.get("sun", ""),
        starts_on=on,
        ends_on=on,
        line=line,
        extra={"report": report.kind} | {name: text for name, text in report.extra.items() if text},
    )


def _item(report: _Report, element: etree._Element, line: int) -> Entry | Problem:
    debit = local_name(element) == "ReturnedDebitItem"
    reference = attribute(element, "ref")
    value = attribute(element, "valueOf")
    try:
        amount = money(value)
    except Unreadable as error:
        report.spoilt += 1
        return problem(line, f"the amount “{value}” of the item {reference} {error.message}", "valueOf", value)
    report.count += 1
    report.total += amount
    original = attribute(element, "originalProcessingDate")
    try:
        booked_on, original_on = day(report.processed), day(original)
    except Unreadable as error:
        report.spoilt += 1
        return problem(line, f"a date of the item {reference} {error.message}", "date", original or report.processed)
    party = child(element, "PayerAccount" if debit else "ReceiverAccount")
    code = attribute(element, "returnCode")
    description = attribute(element, "returnDescription")
    reason = reason_for(report.kind, code, description)
    extra = {
        "action": reason.action,
        "scheme_code": reason.code,
        "description": description,
        "original_processing_date": original_on.isoformat() if original_on else "",
    }
    return Entry(
        line=line,
        amount=-amount if debit else amount,
        kind="unpaid_direct_debit" if debit else "returned_credit",
        currency=attribute(element, "currency") or "GBP",
        booked_on=booked_on,
        mark="D" if debit else "C",
        reversal=True,
        type_code=attribute(element, "transCode"),
        reference=reference,
        payer_name=attribute(party, "name") or attribute(element, "uacName"),
        payer_sort_code=sort_code(attribute(party, "sortCode")),
        payer_account=account_number(attribute(party, "number")),
        narrative=" ".join(text for text in (reference, description) if text),
        reason_code=code,
        reason=reason.meaning,
        extra={name: text for name, text in extra.items() if text},
        raw=etree.tostring(element, encoding="unicode", with_tail=False),
    )


def _totals(report: _Report, element: etree._Element, line: int) -> Iterator[Problem]:
    count, value = attribute(element, "numberOf"), attribute(element, "valueOf")
    try:
        report.declared_count = (report.declared_count or 0) + whole_number(count)
        report.declared_sum = (report.declared_sum or ZERO) + money(value)
    except Unreadable as error:
        yield problem(line, f"the total “{count}”, “{value}” {error.message}", "Totals", value, scope="statement")


def _end(report: _Report, line: int) -> Iterator[Record]:
    report.open = False
    side = "debits" if report.kind == "ARUDD" else "credits"
    if report.declared_count is not None and report.declared_count != report.count:
        yield _disagreement(report, line, f"number of {side}", f"{report.declared_count:,}", f"{report.count:,}")
    if report.declared_sum is not None and report.declared_sum != report.total:
        said, found = format_pounds(report.declared_sum), format_pounds(report.total)
        yield _disagreement(report, line, f"sum of {side}", said, found)
    declared = (None, None) if report.spoilt else (report.declared_count, report.declared_sum)
    if report.kind == "ARUDD":
        yield StatementEnd(declared_debit_count=declared[0], declared_debit_sum=declared[1], line=line)
    else:
        yield StatementEnd(declared_credit_count=declared[0], declared_credit_sum=declared[1], line=line)


def _disagreement(report: _Report, line: int, name: str, said: str, found: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line}: the {report.kind} report gives {said} as the {name} but its items give {found}. "
        "Nothing may be posted; fetch the report again, or ask the bank for a corrected one.",
        scope="statement",
        field=name,
        value=said,
        code=DECLARED_DISAGREES,
    )


FORMATS = (
    Format("bacs-arudd", "Bacs ARUDD: unpaid Direct Debits", partial(recognise, "ARUDD"), partial(read, "ARUDD")),
    Format("bacs-arucs", "Bacs ARUCS: credits returned", partial(recognise, "ARUCS"), partial(read, "ARUCS")),
)
