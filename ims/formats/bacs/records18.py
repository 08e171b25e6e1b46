"""Where things stand in a Bacs Standard 18 file, and which transaction codes mean what.

Source: the layout of the Bacs EFT file structures; positions here are 0-based slices.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

DEBIT_CODES = frozenset({"01", "17", "18", "19"})
"""Direct Debits: first, regular, re-presented, final. The payer is debited: money in for the council."""
CREDIT_CODES = frozenset({"99", "Z4", "Z5"})
"""Direct Credits, interest, dividends. The payee is credited: money out for the council that sends the file."""
INSTRUCTION_CODES = frozenset({"0N", "0C", "0S"})
"""New, cancelled and converted Direct Debit Instructions: no money."""
CONTRA_DEBIT, CONTRA_CREDIT = "17", "99"
CONTRA_REFERENCE = "CONTRA"

CODE_MEANINGS = {
    "01": "Direct Debit, first collection",
    "17": "Direct Debit",
    "18": "Direct Debit, presented again",
    "19": "Direct Debit, final collection",
    "99": "Bacs credit",
    "Z4": "Interest",
    "Z5": "Dividend",
    "0N": "New Direct Debit Instruction",
    "0C": "Cancelled Direct Debit Instruction",
    "0S": "Converted Direct Debit Instruction",
}

LABEL_LENGTH = 80
SINGLE_LENGTH, MULTI_LENGTH = 100, 106
DAILY, MULTI = "1 DAILY", "4 MULTI"
WORK_CODES = (DAILY, MULTI, "5 RECALLS", "2 FPS")
MOST_DAYS_AHEAD = 39
LARGEST_AMOUNT = Decimal("999999999.99")
LARGEST_TOTAL = Decimal("99999999999.99")
MOST_INSTRUCTIONS = 1_200_000
REFERENCE_LENGTH = NAME_LENGTH = 18

DESTINATION_SORT_CODE = slice(0, 6)
DESTINATION_ACCOUNT = slice(6, 14)
ACCOUNT_TYPE = slice(14, 15)
CODE = slice(15, 17)
ORIGIN_SORT_CODE = slice(17, 23)
ORIGIN_ACCOUNT = slice(23, 31)
FREE_FORMAT = slice(31, 35)
PENCE = slice(35, 46)
USER_NAME = slice(46, 64)
REFERENCE = slice(64, 82)
DESTINATION_NAME = slice(82, 100)
PROCESSING_DATE = slice(100, 106)


def day_of_year(on: date) -> str:
    """``bYYDDD``: a blank, two digits of the year and the day counted from 1 January."""
    return f" {on:%y%j}"


def date_of(text: str) -> date | None:
    """The date of ``bYYDDD``; None when it is none."""
    digits = text.strip()
    if len(digits) != 5 or not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[2:]) <= 366:
        return None
    found = date(2000 + int(digits[:2]), 1, 1) + timedelta(days=int(digits[2:]) - 1)
    return found if found.year % 100 == int(digits[:2]) else None


def is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
