"""AUDDIS, ADDACS and AWACS: what banks say about Direct Debit Instructions and about accounts that were credited.

No money moves; every advice is an entry of kind "instruction" with no amount. A record about a whole file (types V
and R) has the status "information".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from lxml import etree

from ims.common.money import ZERO
from ims.formats.bacs.reasons import reason_for
from ims.formats.bacs.xml_values import (
    account,
    account_number,
    attribute,
    day,
    elements,
    is_document,
    line_of,
    local_name,
    problem,
    sort_code,
)
from ims.formats.format import Format
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart
from ims.formats.xml_stream import forget_before

_NAMES = ("MessagingHeader", "MessagingAdvice", "MessagingError", "MessagingAdvices")
_ABOUT_A_FILE = {"V": "Submission accepted", "R": "Submission rejected"}
_KEPT = {
    # attribute → name in the entry's extra
    "record-type": "record_type",
    "effective-date": "effective_date",
    "due-date": "due_date",
    "payment-frequency": "payment_frequency",
    "amount-of-payment": "amount_of_payment",
    "payer-new-name": "new_name",
    "new-due-date": "new_due_date",
    "new-payment-frequency": "new_payment_frequency",
    "amount-of-new-payment": "new_amount",
    "last-payment-date": "last_payment_date",
    "original-proc-date": "original_processing_date",
    "originator-file-number": "file_number",
    "work-code": "work_code",
    "file-type": "file_type",
    "accepted-ddi": "accepted",
    "rejected-ddi": "rejected",
    "vol-serial-number": "submission_serial",
    "file-error-code": "file_error_code",
    "building-society-roll-number": "roll_number",
}


def recognise(kind: str, head: bytes) -> bool:
    """True for a report of this kind: AUDDIS, ADDACS or AWACS."""
    is_message = is_document(head, b"BACSDocument", b"MessagingAdvices")
    return is_message and f'advice-type="{kind}"'.encode() in head[:8000].replace(b"'", b'"')


def read(kind: str, stream: BinaryIO) -> Iterator[Record]:
    """The advices of a report as one statement. Raises `UnreadableFile` for damaged XML."""
    started = False
    reported_on = ""
    sun = ""
    count = line = 0
    for element in elements(stream, _NAMES, f"{kind} report"):
        line = line_of(element) or line
        name = local_name(element)
        if name == "MessagingHeader":
            reported_on, sun = attribute(element, "report-generation-date"), attribute(element, "user-number")
            if not started:
                yield _start(kind, element, line)
            started = True
            continue
        if not started:
            started = True
            yield StatementStart(line=line, extra={"report": kind})
            yield problem(line, f"the {kind} report has no header", "MessagingHeader", scope="statement")
        if name == "MessagingAdvice":
            count += 1
            yield _advice(kind, element, line, reported_on, sun)
            forget_before(element)
        elif name == "MessagingError":
            yield from _error(element, line)
    if not started:
        yield StatementStart(line=line, extra={"report": kind})
        yield problem(line, f"the document holds no {kind} report", "report", scope="statement")
    elif not count:
        yield problem(line, f"the {kind} report holds no advices", "advices", scope="notice")
    yield StatementEnd(line=line, extra={"advices": str(count)})


def _start(kind: str, header: etree._Element, line: int) -> StatementStart:
    try:
        on = day(attribute(header, "report-generation-date"))
    except Unreadable:
        on = None
    extra = {
        "report": kind,
        "sun": attribute(header, "user-number"),
        "user_name": attribute(header, "user-name"),
        "report_type": attribute(header, "report-type"),
    }
    return StatementStart(
        number=attribute(header, "document-number"),
        reference=extra["sun"],
        starts_on=on,
        ends_on=on,
        line=line,
        extra={name: text for name, text in extra.items() if text},
    )


def _advice(kind: str, element: etree._Element, line: int, reported_on: str, sun: str) -> Entry | Problem:
    reference = attribute(element, "reference")
    own = attribute(element, "user-number")
    if own and sun and own != sun:
        return problem(line, f"the advice {reference} is for service user {own}, not {sun}", "user-number", own)
    effective = attribute(element, "effective-date")
    try:
        booked_on, value_on = day(reported_on), day(effective)
    except Unreadable as error:
        return problem(line, f"a date of the advice {reference} {error.message}", "date", effective or reported_on)
    record_type = attribute(element, "record-type")
    code = attribute(element, "reason-code")
    about_file = _ABOUT_A_FILE.get(record_type) if kind == "AUDDIS" else None
    reason = None if about_file else reason_for(kind, code)
    extra = {name: attribute(element, key) for key, name in _KEPT.items()}
    new = attribute(element, "payer-new-sort-code"), attribute(element, "payer-new-account-number")
    extra["new_account"] = account(*new)
    extra["action"] = reason.action if reason else ""
    return Entry(
        line=line,
        amount=ZERO,
        kind="instruction",
        status="information" if about_file else "booked",
        booked_on=booked_on,
        value_on=value_on,
        type_code=attribute(element, "transaction-code") or record_type,
        reference=reference,
        payer_name=attribute(element, "payer-name"),
        payer_sort_code=sort_code(attribute(element, "payer-sort-code")),
        payer_account=account_number(attribute(element, "payer-account-number")),
        narrative=about_file or (reason.meaning if reason else ""),
        reason_code=code,
        reason=about_file or (reason.meaning if reason else ""),
        extra={name: text for name, text in extra.items() if text},
        raw=etree.tostring(element, encoding="unicode", with_tail=False),
    )


def _error(element: etree._Element, line: int) -> Iterator[Problem]:
    text = " ".join(part for n in (1, 2, 3) if (part := attribute(element, f"line{n}")))
    if text:
        yield problem(line, f"the bank reports an error: {text}", "MessagingError", text, scope="statement")


FORMATS = tuple(
    Format(f"bacs-{kind.lower()}", title, partial(recognise, kind), partial(read, kind))
    for kind, title in (
        ("AUDDIS", "Bacs AUDDIS: Direct Debit Instructions returned"),
        ("ADDACS", "Bacs ADDACS: Direct Debit Instructions changed by banks"),
        ("AWACS", "Bacs AWACS: wrong accounts of credits"),
    )
)
