"""Writing the statements that the Model Council's banks send: MT940, camt.053, BAI2 and a Lloyds download.

Every account is swept each evening, so that it opens and closes at the same balance and each statement follows on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

SWEPT_TO = Decimal("50000.00")
CHARGE = Decimal("14.50")


@dataclass(frozen=True)
class BankAccount:
    """One of the council's accounts. `sort_code` and `number` are digits."""

    name: str
    sort_code: str
    number: str


GENERAL = BankAccount("Model Council General Income", "205577", "40112233")
RENTS = BankAccount("Model Council Housing Rents", "601613", "31926819")
PARKING = BankAccount("Model Council Parking", "301599", "10020030")
DEBTORS = BankAccount("Model Council Sundry Debtors", "402715", "81234560")


@dataclass(frozen=True)
class Movement:
    """One line of a statement: positive pounds are money in."""

    amount: Decimal
    narrative: str
    payer: str = ""
    reference: str = ""
    is_charge: bool = False


def with_evening(movements: Sequence[Movement]) -> list[Movement]:
    """The day's movements, then the bank's charge and the sweep that brings the balance back."""
    charged = [*movements, Movement(-CHARGE, "ACCOUNT CHARGES", is_charge=True)]
    left = sum((movement.amount for movement in charged), Decimal(0))
    return [*charged, Movement(-left, "SWEEP TO GENERAL FUND ACCOUNT")]


def mt940(account: BankAccount, day: date, movements: Sequence[Movement]) -> bytes:
    """An MT940 statement."""
    lines = [
        f"{{1:F01MODLGB2LXXXX0000000000}}{{2:I940MODLGB2LXXXXN}}{{4:\r\n:20:MC{day:%y%m%d}\r\n"
        f":25:{account.sort_code}/{account.number}\r\n:28C:{day:%j}/1\r\n:60F:C{_before(day):%y%m%d}GBP{_comma(SWEPT_TO)}"
    ]
    for number, movement in enumerate(with_evening(movements), start=1):
        side = "C" if movement.amount > 0 else "D"
        kind = "NCHG" if movement.is_charge else "NTRF"
        reference = movement.reference[:16] or "NONREF"
        lines.append(
            f":61:{day:%y%m%d%m%d}{side}{_comma(abs(movement.amount))}{kind}{reference}//{day:%y%m%d}{number:05d}"
        )
        lines.append(f":86:{_wrapped(movement.narrative, 65)}")
    lines.append(f":62F:C{day:%y%m%d}GBP{_comma(SWEPT_TO)}\r\n-}}")
    return ("\r\n".join(lines) + "\r\n").encode("ascii", "replace")


def camt053(account: BankAccount, day: date, movements: Sequence[Movement]) -> bytes:
    """A camt.053 statement (version 8)."""
    entries = "".join(
        _camt_entry(number, day, movement) for number, movement in enumerate(with_evening(movements), start=1)
    )
    iban_like = f"{account.sort_code}{account.number}"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>MC{day:%Y%m%d}</MsgId><CreDtTm>{day.isoformat()}T20:30:00+00:00</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{iban_like}-{day:%Y%m%d}</Id><ElctrncSeqNb>{day:%j}</ElctrncSeqNb>"
        f"<CreDtTm>{day.isoformat()}T20:30:00+00:00</CreDtTm>\n"
        f"<Acct><Id><Othr><Id>{iban_like}</Id></Othr></Id><Ccy>GBP</Ccy><Nm>{escape(account.name)}</Nm></Acct>\n"
        f"{_camt_balance('OPBD', _before(day))}{_camt_balance('CLBD', day)}{entries}"
        "</Stmt></BkToCstmrStmt></Document>\n"
    ).encode()


def bai2(account: BankAccount, day: date, movements: Sequence[Movement]) -> bytes:
    """A BAI2 balance report."""
    own = f"{account.sort_code}{account.number}"
    details = []
    for number, movement in enumerate(with_evening(movements), start=1):
        code = "195" if movement.amount > 0 else "495"
        text = movement.narrative.replace("/", " ").replace(",", " ")
        details.append(
            f"16,{code},{_pence(abs(movement.amount))},0,{day:%y%m%d}{number:05d},{movement.reference},{text}/"
        )
    balances = f"03,{own},GBP,010,{_pence(SWEPT_TO)},,,015,{_pence(SWEPT_TO)},,/"
    gross = sum(_pence(abs(movement.amount)) for movement in with_evening(movements)) + 2 * _pence(SWEPT_TO)
    records = [
        f"01,MODLBANK,{own},{day:%y%m%d},2030,1,,,2/",
        f"02,{own},MODLBANK,1,{day:%y%m%d},2030,GBP,2/",
        balances,
        *details,
        f"49,{gross},{len(details) + 2}/",
        f"98,{gross},1,{len(details) + 4}/",
        f"99,{gross},1,{len(details) + 6}/",
    ]
    return ("\n".join(records) + "\n").encode("ascii", "replace")


def lloyds(account: BankAccount, day: date, movements: Sequence[Movement]) -> bytes:
    """The CSV that Lloyds lets people download: newest line first."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        (
            "Transaction Date",
            "Transaction Type",
            "Sort Code",
            "Account Number",
            "Transaction Description",
            "Debit Amount",
            "Credit Amount",
            "Balance",
        )
    )
    rows = []
    balance = SWEPT_TO
    sort_code = f"'{account.sort_code[:2]}-{account.sort_code[2:4]}-{account.sort_code[4:]}"
    for movement in with_evening(movements):
        balance += movement.amount
        money_in = movement.amount > 0
        rows.append(
            (
                f"{day:%d/%m/%Y}",
                "FPI" if money_in else "CHG" if movement.is_charge else "TFR",
                sort_code,
                account.number,
                movement.narrative,
                "" if money_in else f"{-movement.amount:.2f}",
                f"{movement.amount:.2f}" if money_in else "",
                f"{balance:.2f}",
            )
        )
    writer.writerows(reversed(rows))
    return text.getvalue().encode("cp1252", "replace")


def _camt_entry(number: int, day: date, movement: Movement) -> str:
    side = "CRDT" if movement.amount > 0 else "DBIT"
    family = "RCDT" if side == "CRDT" else "ICDT"
    sub_family = "CHRG" if movement.is_charge else "DMCT"
    payer = ""
    if movement.payer:
        payer = f"<RltdPties><Dbtr><Pty><Nm>{escape(movement.payer)}</Nm></Pty></Dbtr></RltdPties>"
    end_to_end = escape(movement.reference) or "NOTPROVIDED"
    return (
        f'<Ntry><NtryRef>{day:%y%m%d}{number:05d}</NtryRef><Amt Ccy="GBP">{abs(movement.amount):.2f}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day.isoformat()}</Dt></BookgDt>"
        f"<ValDt><Dt>{day.isoformat()}</Dt></ValDt>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub_family}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{payer}"
        f"<RmtInf><Ustrd>{escape(movement.narrative)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )


def _camt_balance(code: str, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="GBP">{SWEPT_TO}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day.isoformat()}</Dt></Dt></Bal>\n'
    )


def _before(day: date) -> date:
    return day - timedelta(days=1)


def _comma(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")


def _pence(amount: Decimal) -> int:
    return int(amount * 100)


def _wrapped(text: str, width: int) -> str:
    return "\r\n".join(text[start : start + width].strip() for start in range(0, len(text), width)) or "NONREF"
