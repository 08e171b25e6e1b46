"""Writing the files that agents and the council's own counter send: allpay, receipts with 15 fields, GOV.UK Pay."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ims.demonstration.payments import Payment

ALLPAY_CLIENT = "33561"


@dataclass(frozen=True)
class CounterReceipt:
    """One receipt of the cash office. `amount` is text, so that a clerk's slip can be shown."""

    number: str
    payment: Payment
    method: str
    amount: str
    narrative: str = ""


def allpay(day: date, payments: Sequence[tuple[Payment, str]], earlier: Sequence[str] = ()) -> bytes:
    """An allpay file: payments with the letter of how they were made. `earlier` lines were in yesterday's file too."""
    lines = [*earlier, *(allpay_line(day, payment, letter) for payment, letter in payments)]
    total = sum((Decimal(line[23:32]) for line in lines), Decimal(0))
    trailer = [
        "",
        f"Total Amount Updated onto System:{total:>17.2f} ",
        f"Total Transactions updated onto System:{len(lines):>17} ",
    ]
    return "\r\n".join([*lines, *trailer, ""]).encode("ascii")


def allpay_line(day: date, payment: Payment, letter: str) -> str:
    """One payment: client, reference, pounds, how it was made, date."""
    return f"{ALLPAY_CLIENT:>6} {payment.reference:<16}{payment.amount:>9.2f}{letter}{day:%d/%m/%Y}"


def receipts15(day: date, receipts: Sequence[CounterReceipt], *, office: str, clerk: str) -> bytes:
    """A receipts file with 15 fields, as LocalGov IMS exports and imports it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    for each in receipts:
        writer.writerow(
            (
                each.number,
                "",
                each.number,
                office,
                f"{day:%d/%m/%Y}",
                f"{day:%d/%m/%Y}",
                each.payment.reference,
                clerk,
                each.payment.fund,
                each.method,
                each.amount,
                "",
                "",
                "",
                each.narrative or each.payment.payer,
            )
        )
    return text.getvalue().encode("utf-8")
