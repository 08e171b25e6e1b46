"""One entry of an MT940 or MT942 message: a :61: field and the :86: lines that belong to it."""

from __future__ import annotations

from collections.abc import Iterator

from ims.formats import swift_fields
from ims.formats.dates import ReadDate, month_and_day_near, yymmdd
from ims.formats.entries import EntryDraft, sealed
from ims.formats.records import EntryKind, Problem, Record
from ims.formats.swift_fields import STATEMENT_LINE, Field
from ims.formats.swift_narrative import narrative
from ims.formats.uk_accounts import sort_code_and_account

_NO_DATE = ReadDate(None)
_MONEY_IN = frozenset(("C", "RD", "EC"))
_NO_REFERENCE = frozenset(("NONREF", "EREF", "KREF+", "KREF", "NOTPROVIDED", ""))
_KIND_OF_TYPE: dict[str, EntryKind] = {"NCHG": "fee", "NINT": "interest"}
_RETURNED_ITEM = "NRTI"


def entry_records(found: Field, information: list[str], currency: str) -> list[Record]:
    """The entry of a :61: field and its :86: lines, behind whatever is wrong with it; only a problem where the field
    cannot be read."""
    first = found.value[0]
    line = STATEMENT_LINE.match(first)
    value = swift_fields.amount(line[5]) if line else None
    raw = "\n".join(found.value + information)
    if line is None or value is None or (currency == "GBP" and value != round(value, 2)):
        return [_unreadable_entry(found, raw)]
    value_text, entry_text, mark, funds_code, _, code, owner_and_bank = line.groups("")
    value_on = yymmdd(value_text)
    booked_on = _NO_DATE
    if entry_text and value_on.on and not entry_text.isspace():
        booked_on = month_and_day_near(entry_text, value_on.on)
    doubtful = value_on.on is None or value_on.moved or booked_on.moved or (booked_on.on is None and entry_text)
    text = narrative(found.value[1:], information)
    if funds_code:
        text.extra["funds_code"] = funds_code
    owner, _, bank_reference = owner_and_bank.partition("//")
    owner = owner.strip()
    money_in = mark in _MONEY_IN
    sort_code, account = sort_code_and_account(text.payer_account) if text.payer_account else ("", "")
    draft = EntryDraft(
        line=found.line,
        amount=value if money_in or not value else -value,
        kind=_kind(code.rstrip(), money_in),
        status="pending" if mark[0] == "E" else "booked",
        currency=currency,
        booked_on=booked_on.on or value_on.on,
        value_on=value_on.on,
        mark=mark,
        reversal=mark[0] == "R",
        type_code=code.rstrip(),
        bank_reference=bank_reference.strip(),
        reference=text.reference if owner in _NO_REFERENCE else owner,
        end_to_end_reference=text.end_to_end_reference,
        payer_name=text.payer_name,
        payer_sort_code=sort_code,
        payer_account=account,
        narrative=text.text,
        extra=text.extra,
        raw=raw,
    )
    entry = sealed(draft)
    if doubtful:
        return [*_date_problems(found, value_text, value_on, entry_text.strip(), booked_on, raw), entry]
    return [entry]


def _unreadable_entry(found: Field, raw: str) -> Problem:
    return Problem(
        line=found.line,
        message=f"Line {found.line}: the entry “{found.value[0].strip()}” cannot be read as date, mark, amount and "
        "type. Nothing was taken from it; ask the bank for the file again or enter the receipt by hand.",
        field=":61:",
        value=found.value[0],
        code="unreadable_entry",
        raw=raw,
    )


def _kind(code: str, money_in: bool) -> EntryKind:
    if code == _RETURNED_ITEM:
        return "returned_credit" if money_in else "unpaid_direct_debit"
    return _KIND_OF_TYPE.get(code) or ("receipt" if money_in else "payment")


def _date_problems(
    found: Field, value_text: str, value_on: ReadDate, entry_text: str, booked_on: ReadDate, raw: str
) -> Iterator[Problem]:
    if value_on.on is None:
        yield Problem(
            line=found.line,
            message=f"Line {found.line}: the value date “{value_text}” does not exist. The amount was counted, but "
            "the entry needs a date before it can be posted.",
            field="value date",
            value=value_text,
            code="date",
            raw=raw,
        )
    elif value_on.moved:
        yield Problem(
            line=found.line,
            message=f"Line {found.line}: the value date “{value_text}” does not exist; "
            "the last day of that month was used.",
            scope="notice",
            field="value date",
            value=value_text,
            code="date_moved",
        )
    if entry_text and value_on.on and (booked_on.on is None or booked_on.moved):
        yield Problem(
            line=found.line,
            message=f"Line {found.line}: the entry date “{entry_text}” does not exist; "
            f"{'the last day of that month' if booked_on.moved else 'the value date'} was used.",
            scope="notice",
            field="entry date",
            value=entry_text,
            code="date_moved",
        )
