"""DDICA: Direct Debit indemnity claims, which take money back long after it was collected.

A new claim is money out on the date the report gives; a cancelled claim is money in. One claim may cover several
collections. Amounts may carry thousands commas. No schema is published; element names follow public readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from lxml import etree

from ims.common.money import ZERO, format_pounds
from ims.formats.bacs.reasons import reason_for
from ims.formats.bacs.xml_values import (
    account_number,
    child_text,
    day,
    elements,
    is_document,
    line_of,
    local_name,
    money,
    problem,
    sort_code,
)
from ims.formats.format import Format
from ims.formats.profile_controls import DECLARED_DISAGREES
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart

_GROUPS = ("NewAdvices", "Cancellations")
_NAMES = ("ServiceUserNumber", *_GROUPS)


@dataclass(slots=True)
class _Group:
    """The new claims or the cancelled ones."""

    name: str
    count: int = 0
    total: Decimal = ZERO
    declared: Decimal | None = None
    on: date | None = None

    @property
    def cancelled(self) -> bool:
        return self.name == "Cancellations"


def recognise(head: bytes) -> bool:
    """True for a DDICA report."""
    return is_document(head, b"VocaDocument", b"NewAdvices", b"Cancellations", b"DDICAdvice", b"ReportType>DDICA")


def read(stream: BinaryIO) -> Iterator[Record]:
    """The claims of a report as one statement. Raises `UnreadableFile` for damaged XML."""
    started = False
    groups: list[_Group] = []
    sun = ""
    line = 0
    for element in elements(stream, _NAMES, "DDICA report"):
        line = line_of(element) or line
        name = local_name(element)
        if name == "ServiceUserNumber":
            sun = (element.text or "").strip()
            continue
        if not started:
            started = True
            yield StatementStart(reference=sun, line=line, extra={"report": "DDICA"} | ({"sun": sun} if sun else {}))
        group = _Group(name)
        groups.append(group)
        yield from _group(group, element, line)
        element.clear()
    if not started:
        yield StatementStart(reference=sun, line=line, extra={"report": "DDICA"})
        yield problem(line, "the report holds neither claims nor cancellations", "claims", scope="notice")
    yield _end(groups, line)


def _end(groups: list[_Group], line: int) -> StatementEnd:
    sums = {group.name: group for group in groups}
    new, cancelled = sums.get("NewAdvices"), sums.get("Cancellations")
    extra = {
        "new_claims": str(new.count if new else 0),
        "cancelled_claims": str(cancelled.count if cancelled else 0),
        "date_of_debit": new.on.isoformat() if new and new.on else "",
    }
    return StatementEnd(
        declared_debit_sum=new.declared if new else None,
        declared_credit_sum=cancelled.declared if cancelled else None,
        line=line,
        extra={name: text for name, text in extra.items() if text},
    )


def _group(group: _Group, element: etree._Element, line: int) -> Iterator[Record]:
    debit_date = child_text(element, "DateOfDebit") or child_text(element, "DateOfCredit")
    declared = child_text(element, "TotalValueOfCancellations" if group.cancelled else "TotalValueOfDebits")
    try:
        group.on = day(debit_date)
        group.declared = money(declared) if declared else None
    except Unreadable as error:
        yield problem(line, f"“{debit_date}” or “{declared}” {error.message}", group.name, declared, scope="statement")
    for claim in element:
        if isinstance(claim.tag, str) and local_name(claim) in {"DDICAdvice", "DDICCancellation"}:
            yield _claim(group, claim)
    if group.declared is None or group.declared == group.total:
        return
    yield Problem(
        line=line,
        message=f"Line {line}: the DDICA report totals {format_pounds(group.declared)} but its claims total "
        f"{format_pounds(group.total)}. Nothing may be posted; fetch the report again, or ask the bank for a "
        "corrected one.",
        scope="statement",
        field="sum of credits" if group.cancelled else "sum of debits",
        value=str(group.declared),
        code=DECLARED_DISAGREES,
    )


def _claim(group: _Group, element: etree._Element) -> Entry | Problem:
    line = line_of(element)
    reference = child_text(element, "SUReference")
    total = child_text(element, "TotalAmount")
    try:
        amount = money(total)
        collections = _collections(element)
    except Unreadable as error:
        return problem(line, f"an amount or date of the claim {reference} {error.message}", "TotalAmount", total)
    group.count += 1
    group.total += amount
    collected = sum((each for _, each in collections), ZERO)
    if collections and collected != amount:
        what = f"the claim {reference} is for {format_pounds(amount)} but names {format_pounds(collected)}"
        return problem(line, what, "TotalAmount", total)
    code = child_text(element, "ReasonCode")
    described = child_text(element, "ReasonCodeMeaning")
    reason = reason_for("DDICA", code, described)
    extra = {
        "action": reason.action,
        "description": described,
        "sequence": child_text(element, "SeqNo"),
        "collections": "; ".join(f"{on.isoformat() if on else '?'} {each}" for on, each in collections),
        "collection_count": str(len(collections)),
    }
    return Entry(
        line=line,
        amount=amount if group.cancelled else -amount,
        kind="indemnity_claim",
        booked_on=group.on,
        mark="C" if group.cancelled else "D",
        reversal=group.cancelled,
        bank_reference=child_text(element, "PayingBankReference"),
        reference=reference,
        payer_name=child_text(element, "PayerName"),
        payer_sort_code=sort_code(child_text(element, "PayerSortCode")),
        payer_account=account_number(child_text(element, "PayerAccount")),
        narrative=" ".join(text for text in (reference, described) if text),
        reason_code=code,
        reason=reason.meaning,
        extra={name: text for name, text in extra.items() if text},
        raw=etree.tostring(element, encoding="unicode", with_tail=False),
    )


def _collections(element: etree._Element) -> list[tuple[date | None, Decimal]]:
    return [
        (day(child_text(each, "DateOfDirectDebit")), money(child_text(each, "Amount")))
        for each in element.iterfind("{*}DDCollections/{*}*")
    ]


FORMAT = Format("bacs-ddica", "Bacs DDICA: indemnity claims", recognise, read)
