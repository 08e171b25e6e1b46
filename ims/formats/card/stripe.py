"""Stripe's itemised payout reconciliation: every payment, refund and dispute behind one bank credit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from ims.formats.card.csv_rows import Row, by_payout, has_headings, refuse_odd_net, rows, uk_date
from ims.formats.format import Format
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, EntryKind, Record, StatementStart

_WANTED = ("automatic_payout_id", "balance_transaction_id", "gross", "fee", "net", "reporting_category")
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_KINDS: dict[str, EntryKind] = {
    "charge": "receipt",
    "payment": "receipt",
    "refund": "refund",
    "refund_failure": "refund",
    "partial_capture_reversal": "refund",
    "dispute": "chargeback",
    "dispute_reversal": "chargeback",
    "fee": "fee",
    "network_cost": "fee",
    "tax": "fee",
    "payout": "transfer",
    "payout_reversal": "transfer",
    "transfer": "transfer",
    "topup": "transfer",
    "other_adjustment": "fee",
}
_METADATA = "payment_metadata["


def recognise(head: bytes) -> bool:
    """True for a CSV with the headings of the itemised report."""
    return has_headings(head, *_WANTED)


def read(stream: BinaryIO) -> Iterator[Record]:
    """One statement for each payout, whose end gives gross, fees and net: the net is the bank credit.

    Raises `UnreadableFile` when the headings are not there.
    """
    found = rows(stream, _WANTED, "Stripe payout reconciliation")
    return by_payout(found, lambda row: row.text("automatic_payout_id"), _start, _entry)


def _start(row: Row) -> StatementStart:
    effective = row.text("automatic_payout_effective_at")
    return StatementStart(
        number=row.text("automatic_payout_id"),
        currency=row.text("currency").upper() or "GBP",
        line=row.line,
        extra={"effective_at": effective} if effective else {},
    )


def _entry(row: Row) -> Entry:
    category = row.text("reporting_category").lower()
    if category not in _KINDS:
        raise Unreadable(f"the reporting_category “{category}” is not known, so it cannot be told what moved")
    gross, fee, net = row.amount("gross"), row.amount("fee"), row.amount("net")
    if gross is None or fee is None or net is None:
        raise Unreadable("gross, fee and net must all be given")
    refuse_odd_net(gross, fee, net)
    metadata = {
        heading.removeprefix(_METADATA).rstrip("]"): row.text(heading)
        for heading in row.values
        if heading.startswith(_METADATA)
    }
    kind = _KINDS[category]
    extra = {f"metadata.{name}": text for name, text in metadata.items()}
    extra |= {"payout": row.text("automatic_payout_id"), "customer_facing_amount": row.text("customer_facing_amount")}
    return Entry(
        line=row.line,
        amount=gross,
        kind=kind,
        currency=row.text("currency").upper() or "GBP",
        booked_on=uk_date(row.text("created_utc") or row.text("created"), _TIMES),
        value_on=uk_date(row.text("automatic_payout_effective_at"), _TIMES),
        reversal=category in {"dispute_reversal", "refund_failure", "payout_reversal"},
        type_code=category,
        bank_reference=row.text("balance_transaction_id"),
        reference=metadata.get("reference", ""),
        end_to_end_reference=row.text("source_id"),
        narrative=row.text("description"),
        gross=gross,
        fee=fee,
        net=net,
        extra={name: text for name, text in extra.items() if text},
        raw=row.raw,
    )


FORMAT = Format("stripe-payout", "Stripe payout reconciliation (itemised)", recognise, read)
