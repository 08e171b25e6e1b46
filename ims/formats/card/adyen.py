"""The settlement detail report of Adyen and of the services built on it: batches that end with a payout.

Column names follow Adyen's public description; no council's file has been seen, so the mapping is unconfirmed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

from ims.common.money import ZERO, format_pounds
from ims.formats.card.csv_rows import Row, Sums, by_payout, has_headings, row_problem, rows, uk_date
from ims.formats.format import Format
from ims.formats.profile_values import Unreadable
from ims.formats.records import Entry, EntryKind, Problem, Record, StatementStart

_WANTED = (
    "Psp Reference",
    "Merchant Reference",
    "Type",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Batch Number",
)
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_KINDS: dict[str, EntryKind] = {
    "settled": "receipt",
    "settledbulk": "receipt",
    "refunded": "refund",
    "refundedreversed": "refund",
    "refundedbulk": "refund",
    "chargeback": "chargeback",
    "secondchargeback": "chargeback",
    "chargebackreversed": "chargeback",
    "fee": "fee",
    "invoicededuction": "fee",
    "merchantpayout": "transfer",
    "balancetransfer": "transfer",
    "depositcorrection": "transfer",
    "reserveadjustment": "transfer",
}
_FEES = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_PAYOUT = "merchantpayout"


def recognise(head: bytes) -> bool:
    """True for a CSV with the headings of the settlement detail report."""
    return has_headings(head, *_WANTED)


def read(stream: BinaryIO) -> Iterator[Record]:
    """One statement for each batch. A batch whose payout is not the net of its rows is a problem of the statement.

    Raises `UnreadableFile` when the headings are not there.
    """
    paid_out: dict[str, Decimal] = {}
    current = ""

    def entry(row: Row) -> Entry:
        nonlocal current
        current = row.text("Batch Number")
        made = _entry(row)
        if made.kind == "transfer":
            paid_out[current] = paid_out.get(current, ZERO) + (made.net or ZERO)
        return made

    def close(sums: Sums, line: int) -> Iterator[Problem]:
        transferred = paid_out.get(current)
        if transferred is not None:
            sums.extra["paid_out"] = str(-transferred)
            if sums.net + transferred:
                yield row_problem(
                    line,
                    f"ends the batch {current}, whose rows come to {format_pounds(sums.net)} net although "
                    f"{format_pounds(-transferred)} was paid out",
                    "",
                    scope="statement",
                )

    found = rows(stream, _WANTED, "settlement detail report")
    return by_payout(found, lambda row: row.text("Batch Number"), _start, entry, close)


def _start(row: Row) -> StatementStart:
    extra = {"merchant_account": row.text("Merchant Account"), "company_account": row.text("Company Account")}
    return StatementStart(
        number=row.text("Batch Number"),
        currency=row.text("Net Currency") or "GBP",
        line=row.line,
        extra={name: text for name, text in extra.items() if text},
    )


def _entry(row: Row) -> Entry:
    kind_name = row.text("Type").lower().replace(" ", "")
    if kind_name not in _KINDS:
        raise Unreadable(f"the Type “{row.text('Type')}” is not known, so it cannot be told what moved")
    gross, net = _difference(row, "Gross", "GC"), _difference(row, "Net", "NC")
    if net is None:
        raise Unreadable("neither Net Debit nor Net Credit is given")
    kind = _KINDS[kind_name]
    gross = (ZERO if kind == "fee" else net) if gross is None else gross
    gross_currency, net_currency = row.text("Gross Currency"), row.text("Net Currency")
    if gross_currency and net_currency and gross_currency != net_currency:
        raise Unreadable(f"it was paid in {gross_currency} and settled in {net_currency}, which IMS does not convert")
    fee = gross - net
    charged = [amount for heading in _FEES if (amount := row.amount(heading)) is not None]
    if charged and sum(charged, ZERO) != fee:
        raise Unreadable(f"gross less net is {format_pounds(fee)} but its fees are {format_pounds(sum(charged, ZERO))}")
    return Entry(
        line=row.line,
        amount=gross,
        kind=kind,
        currency=net_currency or "GBP",
        booked_on=uk_date(row.text("Creation Date"), _TIMES),
        reversal=kind_name.endswith("reversed"),
        type_code=row.text("Type"),
        bank_reference=row.text("Psp Reference"),
        reference=row.text("Merchant Reference"),
        end_to_end_reference=row.text("Modification Reference"),
        narrative=row.text("Payment Method"),
        gross=gross,
        fee=fee,
        net=net,
        extra={"batch": row.text("Batch Number")},
        raw=row.raw,
    )


def _difference(row: Row, side: str, unit: str) -> Decimal | None:
    """Credit less debit; None when both are blank."""
    credit, debit = row.amount(f"{side} Credit ({unit})"), row.amount(f"{side} Debit ({unit})")
    if credit is None and debit is None:
        return None
    return (credit or ZERO) - (debit or ZERO)


FORMAT = Format("adyen-settlement", "Adyen settlement details (unconfirmed)", recognise, read)
