"""GOV.UK Pay: the CSV of transactions and the report of one payout, which have the same columns.

Times are UTC and are turned into UK days. Refunds and disputes are rows of their own with negative amounts. A
declined payment can still carry a fee. Columns vary by account; without Stripe there are no fees.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

from ims.common.money import ZERO
from ims.formats.card.csv_rows import (
    Row,
    by_payout,
    has_headings,
    last_four,
    refuse_odd_net,
    rows,
    uk_date,
)
from ims.formats.format import Format
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, EntryKind, EntryStatus, Record, StatementStart

_WANTED = ("Reference", "Amount", "State", "GOV.UK Payment ID", "Date Created")
_TIMES = ("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d %b %Y", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S")

_MOVES: dict[str, EntryKind] = {
    "success": "receipt",
    "refund success": "refund",
    "dispute lost to customer": "chargeback",
}
"""States in which money has moved, and as what. Every other state moves at most a fee."""
_PENDING = frozenset({"in progress", "refund submitted", "dispute awaiting evidence", "dispute under review"})
_METADATA = " (metadata)"
_KEPT = {
    "card brand": "card_brand",
    "card type": "card_type",
    "wallet type": "wallet",
    "state": "state",
    "error code": "error_code",
    "payment provider": "provider",
    "issued by": "issued_by",
    "email": "email",
    "moto": "moto",
    "corporate card surcharge": "surcharge",
}


def recognise(head: bytes) -> bool:
    """True for a CSV with GOV.UK Pay's own headings."""
    return has_headings(head, *_WANTED)


def read(stream: BinaryIO) -> Iterator[Record]:
    """The payments, refunds and disputes as one statement, whose end gives gross, fees and net.

    Raises `UnreadableFile` when the headings are not there.
    """
    found = rows(stream, _WANTED, "GOV.UK Pay file")
    return by_payout(found, lambda row: "", lambda row: StatementStart(line=row.line), _entry)


def _entry(row: Row) -> Entry:
    state = row.text("State").lower()
    if not state:
        raise Unreadable("the State is blank")
    kind, status, gross = _movement(row, state)
    fee, net = row.amount("Fee"), row.amount("Net")
    if status == "booked":
        refuse_odd_net(gross, fee or ZERO, net)
    extra = {name: row.text(heading) for heading, name in _KEPT.items()}
    extra["card_last_four"] = last_four(row.text("Card Number"))
    for heading in row.values:
        if heading.endswith(_METADATA):
            extra[f"metadata.{heading.removesuffix(_METADATA)}"] = row.text(heading)
    return Entry(
        line=row.line,
        amount=gross,
        kind=kind,
        status=status,
        booked_on=uk_date(f"{row.text('Date Created')} {row.text('Time Created')}".strip(), _TIMES),
        type_code=row.text("State"),
        bank_reference=row.text("Provider ID"),
        reference=row.text("Reference"),
        end_to_end_reference=row.text("GOV.UK Payment ID"),
        payer_name=row.text("Cardholder Name"),
        narrative=row.text("Description"),
        gross=gross,
        fee=fee,
        net=net,
        reason_code=row.text("Error Code"),
        reason=row.text("Error Message"),
        extra={name: text for name, text in extra.items() if text},
        raw=row.raw,
    )


def _movement(row: Row, state: str) -> tuple[EntryKind, EntryStatus, Decimal]:
    """What the row is, whether it is booked, and the gross amount that moved."""
    amount, total = row.amount("Amount"), row.amount("Total Amount")
    if state in _MOVES:
        gross = total if total is not None else amount
        if gross is None:
            raise Unreadable("the Amount is blank")
        kind = _MOVES[state]
        if kind != "receipt" and gross > 0:
            raise Unreadable(f"the amount of a row in the state “{row.text('State')}” should be negative")
        if kind == "receipt" and gross < 0:
            raise Unreadable("the amount of a successful payment should not be negative")
        return kind, "booked", gross
    if state in _PENDING:
        return "receipt", "pending", amount or ZERO
    if row.amount("Fee"):
        return "fee", "booked", ZERO
    net = row.amount("Net")
    if net:
        raise Unreadable(f"the state “{row.text('State')}” is not known, but {net} moved")
    return "receipt", "information", ZERO


FORMAT = Format("govuk-pay", "GOV.UK Pay transactions or payout", recognise, read)
