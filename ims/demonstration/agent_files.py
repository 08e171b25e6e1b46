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


def govuk_pay(day: date, payments: Sequence[Payment], declined: Sequence[Payment] = ()) -> bytes:
    """The transactions that GOV.UK Pay's admin tool lets people download. Declined payments move no money."""
    rows = [
        _card_row(day, number, payment, succeeded=number <= len(payments))
        for number, payment in enumerate([*payments, *declined], start=1)
    ]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _card_row(day: date, number: int, payment: Payment, *, succeeded: bool) -> dict[str, str]:
    fee = (payment.amount * Decimal("0.015")).quantize(Decimal("0.01")) + Decimal("0.20")
    return {
        "Reference": payment.reference,
        "Description": "Pay the Model Council",
        "Email": "",
        "Amount": f"{payment.amount:.2f}",
        "Card Brand": "Visa" if number % 3 else "Mastercard",
        "Cardholder Name": payment.payer,
        "Card Number": f"{4000 + number * 37 % 6000}",
        "State": "Success" if succeeded else "Declined",
        "Finished": "true",
        "Error Code": "" if succeeded else "P0010",
        "Error Message": "" if succeeded else "Payment method rejected",
        "Provider ID": f"pi_{day:%y%m%d}{number:06d}",
        "GOV.UK Payment ID": f"mc{day:%y%m%d}{number:018d}",
        "Date Created": f"{day:%d %b %Y}",
        "Time Created": f"{8 + number % 12:02d}:{number * 7 % 60:02d}:00",
        "Corporate Card Surcharge": "0",
        "Total Amount": f"{payment.amount:.2f}" if succeeded else "",
        "Fee": f"{fee:.2f}" if succeeded else "",
        "Net": f"{payment.amount - fee:.2f}" if succeeded else "",
        "Card Type": "debit",
        "MOTO": "false",
        "Payment Provider": "stripe" if succeeded else "",
    }
