"""Agents', card providers' and Bacs files, and statement downloads, of any size, whose totals are right.

Made line by line like `generated_files`; workbooks and submissions are made whole.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from openpyxl import Workbook

from ims.formats.bacs.standard18_write import Account, Instruction, Submission, write
from tests.formats.generated_files import money_in, pence


def _pounds(amount: int) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def _signed(number: int) -> int:
    return pence(number) if money_in(number) else -pence(number)


def allpay(entries: int) -> Iterator[str]:
    for n in range(entries):
        yield f" 33561 {f'7{n:09d}':<16}{_pounds(pence(n)):>9}P01/04/2026\r\n"
    yield "\r\n"
    yield f"Total Amount Updated onto System:{_pounds(sum(map(pence, range(entries)))):>18}\r\n"
    yield f"Total Transactions updated onto System:{entries:>18}\r\n"


def paypoint(entries: int) -> Iterator[str]:
    yield "H,COUNCIL,20260401,000001\r\n"
    for n in range(entries):
        yield f"D,9826{n:015d},7{n:09d},20260401,{pence(n)},T{n % 977:05d},X{n:012d},N\r\n"
    yield f"T,{entries},{sum(map(pence, range(entries)))}\r\n"


def post_office(entries: int) -> Iterator[str]:
    yield "H00000001\r\n"
    for n in range(entries):
        yield f"D{n % 977:07d}01042026{f'7{n:09d}':<20}{pence(n):011d}C\r\n"
    yield f"T{entries:08d}{sum(map(pence, range(entries))):013d}\r\n"


def standard18(entries: int) -> Iterator[str]:
    own = Account("601613", "31926819", "Anytown Council")
    items = tuple(
        Instruction("089999", f"{10_000_000 + n}", "17", Decimal(pence(n)) / 100, f"CT{n:010d}", "A PAYER")
        for n in range(entries)
    )
    submission = Submission(
        sun="123456",
        serial="000001",
        account=own,
        user_name="Anytown Council",
        created_on=date(2026, 3, 31),
        processing_date=date(2026, 4, 1),
        instructions=items,
    )
    yield write(submission).decode()


def _returned(entries: int, report: str, item: str, account: str) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<BACSDocument><Data><{report}>'
    yield '<Header reportType="REFT2013" adviceNumber="101" currentProcessingDate="2026-04-07"></Header>'
    yield '<ServiceLicenseInformation userName="COUNCIL" userNumber="123456"></ServiceLicenseInformation>\n'
    yield "<Advice><OriginatingAccountRecords><OriginatingAccountRecord>"
    yield '<OriginatingAccount name="COUNCIL" number="31926819" sortCode="60-16-13" type="0"></OriginatingAccount>\n'
    for n in range(entries):
        yield (
            f'<{item} ref="7{n:09d}" transCode="17" returnCode="0128" returnDescription="REFER TO PAYER" '
            f'originalProcessingDate="2026-04-01" valueOf="{_pounds(pence(n))}" currency="GBP">'
            f'<{account} number="{n:08d}" ref="7{n:09d}" name="A PAYER" sortCode="08-99-99"></{account}></{item}>\n'
        )
    total = _pounds(sum(map(pence, range(entries))))
    yield f'<Totals numberOf="{entries}" valueOf="{total}" currency="GBP"></Totals>'
    yield "</OriginatingAccountRecord></OriginatingAccountRecords></Advice>"
    yield f"</{report}></Data></BACSDocument>\n"


def arudd(entries: int) -> Iterator[str]:
    return _returned(entries, "ARUDD", "ReturnedDebitItem", "PayerAccount")


def arucs(entries: int) -> Iterator[str]:
    return _returned(entries, "ARUCS", "ReturnedCreditItem", "ReceiverAccount")


def govuk_pay(entries: int) -> Iterator[str]:
    yield "Reference,Amount,State,Provider ID,GOV.UK Payment ID,Date Created,Time Created,Total Amount,Fee,Net\r\n"
    for n in range(entries):
        gross = pence(n)
        yield (
            f"7{n:09d},{_pounds(gross)},Success,pi_{n:012d},{n:026d},01 Apr 2026,10:00:00,{_pounds(gross)},"
            f"0.20,{_pounds(gross - 20)}\r\n"
        )


def stripe(entries: int) -> Iterator[str]:
    yield (
        "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,"
        "reporting_category,source_id,description,payment_metadata[reference]\r\n"
    )
    for n in range(entries):
        gross = pence(n)
        yield (
            f"po_A,2026-04-03 00:00:00,txn_{n:012d},2026-04-01 09:00:00,gbp,{_pounds(gross)},0.20,"
            f"{_pounds(gross - 20)},charge,ch_{n:012d},Council payment,7{n:09d}\r\n"
        )


def adyen(entries: int) -> Iterator[str]:
    yield (
        "Psp Reference,Merchant Reference,Type,Creation Date,Gross Currency,Gross Debit (GC),Gross Credit (GC),"
        "Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Batch Number\r\n"
    )
    for n in range(entries):
        gross = pence(n)
        yield (
            f"88{n:012d},7{n:09d},Settled,2026-04-01 09:00:00,GBP,,{_pounds(gross)},"
            f"GBP,,{_pounds(gross - 20)},0.20,7\r\n"
        )
    total = _pounds(sum(pence(n) - 20 for n in range(entries)))
    yield f",,MerchantPayout,2026-04-03 09:00:00,,,,GBP,{total},,,7\r\n"


def receipts15(entries: int) -> Iterator[str]:
    for n in range(entries):
        yield (
            f'R{n:09d},,,WP,01/04/2026,01/04/2026,7{n:09d},7,23,28,{_pounds(_signed(n))},N0,0,0,"Council tax, {n}"\r\n'
        )


def barclays(entries: int) -> Iterator[str]:
    yield "Number,Date,Account,Amount,Subcategory,Memo\r\n"
    for n in range(entries):
        yield f" ,03/04/2026,60-16-13 31926819,{_pounds(_signed(n))},OTH,CTAX 7{n:09d}\tBGC\r\n"


def hsbc(entries: int) -> Iterator[str]:
    for n in range(entries):
        yield f"03/04/2026,CTAX 7{n:09d} CR,{_pounds(_signed(n))}\r\n"


def lloyds(entries: int) -> Iterator[str]:
    yield (
        "Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,Debit Amount,"
        "Credit Amount,Balance\r\n"
    )
    balance = 1_000_000_000
    lines = []
    for n in range(entries):
        balance += _signed(n)
        amounts = f",{_pounds(pence(n))}" if money_in(n) else f"{_pounds(pence(n))},"
        lines.append(f"03/04/2026,BGC,'60-16-13,31926819,CTAX 7{n:09d},{amounts},{_pounds(balance)}\r\n")
    yield from reversed(lines)


def natwest(entries: int) -> Iterator[str]:
    yield "Date, Type, Description, Value, Balance, Account Name, Account Number\r\n\r\n"
    balance = 1_000_000_000
    lines = []
    for n in range(entries):
        balance += _signed(n)
        lines.append(
            f"03/04/2026,BGC,'CTAX 7{n:09d},{_pounds(_signed(n))},{_pounds(balance)},'COUNCIL,'601613-31926819,\r\n"
        )
    yield from reversed(lines)


def santander(entries: int) -> Iterator[str]:
    yield "From: 01/04/2026 to 03/04/2026\r\n\r\nAccount: XXXX XXXX 3192\r\n\r\n"
    balance = 1_000_000_000
    blocks = []
    for n in range(entries):
        balance += _signed(n)
        blocks.append(
            f"Date: 03/04/2026\r\nDescription: CTAX 7{n:09d}\r\nAmount: {_pounds(_signed(n))}\r\n"
            f"Balance: {_pounds(balance)}\r\n\r\n"
        )
    yield from reversed(blocks)


MAKERS = {
    "allpay": allpay,
    "paypoint": paypoint,
    "post-office": post_office,
    "bacs-standard18": standard18,
    "bacs-arudd": arudd,
    "bacs-arucs": arucs,
    "govuk-pay": govuk_pay,
    "stripe-payout": stripe,
    "adyen-settlement": adyen,
    "receipts15": receipts15,
    "barclays": barclays,
    "hsbc": hsbc,
    "lloyds": lloyds,
    "natwest": natwest,
    "santander": santander,
}
"""By the name of the format or, for `paypoint` and `post-office`, of the built-in profile that only a name chooses."""


def dwp(entries: int) -> bytes:
    """A deductions schedule: an Excel workbook."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Schedule")
    sheet.append(["heading"] * 13)
    for n in range(entries):
        row = ["x"] * 5 + [f"7{n:09d}"] + ["x"] * 4 + ["30/06/2026", pence(n), "+" if money_in(n) else "-"]
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
