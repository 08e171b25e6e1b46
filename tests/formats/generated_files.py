"""Bank files of any size, made up line by line, whose totals are right."""

from __future__ import annotations

import io
from collections.abc import Iterator


class GeneratedStream(io.RawIOBase):
    """A binary stream over text that is made as it is read, so that no test holds the file in memory."""

    def __init__(self, parts: Iterator[str]) -> None:
        self._parts = parts
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        gathered = [self._ready]
        size = len(self._ready)
        while size < len(buffer) and (part := next(self._parts, None)) is not None:
            gathered.append(part.encode())
            size += len(gathered[-1])
        ready = b"".join(gathered)
        taken, self._ready = ready[: len(buffer)], ready[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def pence(number: int) -> int:
    """The made-up amount of entry ``number``; every tenth is money out."""
    return 1000 + number * 37 % 90_000


def money_in(number: int) -> bool:
    return number % 10 != 0


def net_pence(entries: int) -> int:
    return sum(pence(n) if money_in(n) else -pence(n) for n in range(entries))


def _pounds(amount: int, mark: str = ".") -> str:
    return f"{amount // 100}{mark}{amount % 100:02d}"


def mt940(entries: int) -> Iterator[str]:
    closing = 1_000_000_000 + net_pence(entries)
    yield f":20:STATEMENT1\r\n:25:600004/12345678\r\n:28C:00001/001\r\n:60F:C260401GBP{_pounds(1_000_000_000, ',')}\r\n"
    for n in range(entries):
        yield (
            f":61:2604010401{'C' if money_in(n) else 'D'}{_pounds(pence(n), ',')}NTRFNONREF//B{n:012d}\r\n"
            f"A PAYER {n:08d}      BGC{n:08d}\r\n:86:COUNCIL TAX {n:010d}\r\n"
        )
    yield f":62F:C260401GBP{_pounds(closing, ',')}\r\n-\r\n"


def mt942(entries: int) -> Iterator[str]:
    credits = [pence(n) for n in range(entries) if money_in(n)]
    debits = [pence(n) for n in range(entries) if not money_in(n)]
    yield ":20:REPORT1\r\n:25:600004/12345678\r\n:28C:00001/001\r\n:34F:GBP0,\r\n:13D:2604011200+0100\r\n"
    for n in range(entries):
        yield (
            f":61:2604010401{'C' if money_in(n) else 'D'}{_pounds(pence(n), ',')}NTRFNONREF//B{n:012d}\r\n"
            f":86:COUNCIL TAX {n:010d}\r\n"
        )
    yield f":90D:{len(debits)}GBP{_pounds(sum(debits), ',')}\r\n"
    yield f":90C:{len(credits)}GBP{_pounds(sum(credits), ',')}\r\n-\r\n"


def camt053(entries: int) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId>'
        "<CreDtTm>2026-04-01T18:00:00</CreDtTm></GrpHdr>\n<Stmt><Id>S1</Id><ElctrncSeqNb>1</ElctrncSeqNb>"
        "<Acct><Id><Othr><Id>60000412345678</Id></Othr></Id><Ccy>GBP</Ccy></Acct>\n"
        + _camt_balance("OPBD", 1_000_000_000)
        + _camt_balance("CLBD", 1_000_000_000 + net_pence(entries))
    )
    for n in range(entries):
        role, mark = ("Dbtr", "CRDT") if money_in(n) else ("Cdtr", "DBIT")
        yield (
            f'<Ntry><Amt Ccy="GBP">{_pounds(pence(n))}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
            "<BookgDt><Dt>2026-04-01</Dt></BookgDt><ValDt><Dt>2026-04-01</Dt></ValDt>"
            f"<AcctSvcrRef>B{n:012d}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd>"
            "<SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
            f"<Refs><EndToEndId>E2E{n:010d}</EndToEndId></Refs>"
            f"<RltdPties><{role}><Pty><Nm>A PAYER {n}</Nm></Pty></{role}></RltdPties>"
            f"<RmtInf><Ustrd>COUNCIL TAX {n:010d}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
        )
    yield "</Stmt></BkToCstmrStmt></Document>\n"


def _camt_balance(code: str, amount: int) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="GBP">{_pounds(amount)}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-04-01</Dt></Dt></Bal>\n"
    )


def bai2(entries: int) -> Iterator[str]:
    opening, closing = 1_000_000_000, 1_000_000_000 + net_pence(entries)
    total = opening + closing + sum(pence(n) for n in range(entries))
    yield "01,BANK,COUNCIL,260401,1800,1,,,2/\n02,COUNCIL,BANK,1,260401,1800,GBP,2/\n"
    yield f"03,60000412345678,GBP,010,{opening},,,015,{closing},,/\n"
    for n in range(entries):
        yield (
            f"16,{'142' if money_in(n) else '455'},{pence(n)},0,B{n:012d},C{n:08d}/\n88,COUNCIL TAX {n:010d} A PAYER\n"
        )
    yield f"49,{total},{2 + 2 * entries}/\n98,{total},1,{4 + 2 * entries}/\n99,{total},1,{6 + 2 * entries}/\n"


def ofx(entries: int) -> Iterator[str]:
    yield "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
    yield (
        "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
        "<DTSERVER>20260401<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>0"
        "<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>GBP<BANKACCTFROM><BANKID>600004<ACCTID>12345678"
        "<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20260401<DTEND>20260401\n"
    )
    for n in range(entries):
        sign, kind = ("", "CREDIT") if money_in(n) else ("-", "DEBIT")
        yield (
            f"<STMTTRN><TRNTYPE>{kind}<DTPOSTED>20260401<TRNAMT>{sign}{_pounds(pence(n))}<FITID>B{n:012d}"
            f"<NAME>A PAYER {n}<MEMO>COUNCIL TAX {n:010d}</STMTTRN>\n"
        )
    yield "</BANKTRANLIST><LEDGERBAL><BALAMT>100.00<DTASOF>20260401</LEDGERBAL>"
    yield "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"


def data_services(entries: int) -> Iterator[str]:
    credits = [pence(n) for n in range(entries) if money_in(n)]
    debits = [pence(n) for n in range(entries) if not money_in(n)]
    yield "VOL1BURQ66".ljust(37) + "****830000".ljust(91) + "\r\n"
    yield "HDR1 A606005Z0001                      F     01 26091              260910".ljust(128) + "\r\n"
    yield "UHL1 26091606005    00000000         000              COUNCIL".ljust(128) + "\r\n"
    for n in range(entries):
        yield (
            f"600004123456780{'99' if money_in(n) else '03'}20000055779911{0:04d}{pence(n):011d}"
            f"{f'A PAYER {n}':<18.18}{f'CT{n:010d}':<18}{'':18} 26091".ljust(128)
            + "\r\n"
        )
    yield f"UTL1{sum(debits):013d}{sum(credits):013d}{len(debits):07d}{len(credits):07d}0000000".ljust(128) + "\r\n"


MAKERS = {
    "mt940": mt940,
    "mt942": mt942,
    "camt.053": camt053,
    "bai2": bai2,
    "ofx": ofx,
    "data-services": data_services,
}
