"""The rules of each bank format, on the shortest files that show them."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from ims.formats import data_services, registry
from ims.formats.records import UnreadableFile
from tests.formats.generated_files import MAKERS
from tests.formats.reading import checked_records, ends, entries, problems, records, starts, statements, summary

CENTURY = {"00": 2000, "79": 2079, "80": 1980, "99": 1999}


def mt940(*lines: str, opening: str = "C260401GBP0,00", closing: str = "C260401GBP0,00") -> bytes:
    text = (":20:REF", ":25:600004/12345678", ":28C:1/1", f":60F:{opening}", *lines, f":62F:{closing}", "-", "")
    return "\r\n".join(text).encode()


def only_entry(*lines: str):
    found = entries(records(mt940(*lines)))
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("mark", "amount", "reversal", "status", "kind"),
    [
        ("C", "12.34", False, "booked", "receipt"),
        ("D", "-12.34", False, "booked", "payment"),
        ("RC", "-12.34", True, "booked", "payment"),
        ("RD", "12.34", True, "booked", "receipt"),
        ("EC", "12.34", False, "pending", "receipt"),
        ("ED", "-12.34", False, "pending", "payment"),
    ],
)
def test_swift_mark_decides_the_sign(mark, amount, reversal, status, kind):
    entry = only_entry(f":61:2604010401{mark}12,34NTRFNONREF")
    assert (entry.amount, entry.reversal, entry.status, entry.kind) == (Decimal(amount), reversal, status, kind)
    assert entry.mark == mark


def test_swift_funds_code_is_not_part_of_the_mark():
    entry = only_entry(":61:2604010401RCR204,88NTRFNONREF")
    assert (entry.mark, entry.amount, entry.extra["funds_code"]) == ("RC", Decimal("-204.88"), "R")


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1,", "1"),
        ("1", "1"),
        ("5,9", "5.90"),
        ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("000000000042,00", "42"),
    ],
)
def test_swift_amounts(written, amount):
    assert only_entry(f":61:2604010401C{written}NTRFNONREF").amount == Decimal(amount)


@pytest.mark.parametrize("written", ["12.34", "1.23,45", "1,2,3", ",", "1.234.5,00", "1,005", ""])
def test_swift_amounts_that_could_mean_two_things_are_refused(written):
    found = records(mt940(f":61:2604010401C{written}NTRFNONREF"))
    assert not entries(found)
    (problem,) = problems(found, "row")
    assert problem.line == 5
    assert "Line 5" in problem.message
    assert "cannot be read" in problem.message


@pytest.mark.parametrize(
    ("value", "entry", "booked"),
    [
        ("251231", "0102", date(2026, 1, 2)),
        ("260102", "1231", date(2025, 12, 31)),
        ("260401", "0402", date(2026, 4, 2)),
        ("260401", "", date(2026, 4, 1)),
        ("260401", "    ", date(2026, 4, 1)),
    ],
)
def test_swift_entry_date_takes_the_nearest_year(value, entry, booked):
    assert only_entry(f":61:{value}{entry}C1,NTRFNONREF").booked_on == booked


@pytest.mark.parametrize(("year", "full"), CENTURY.items())
def test_swift_two_digit_years(year, full):
    assert only_entry(f":61:{year}0401C1,NTRFNONREF").value_on == date(full, 4, 1)


def test_30_february_is_moved_and_told():
    found = records(mt940(":61:260230C1,NTRFNONREF"))
    assert entries(found)[0].value_on == date(2026, 2, 28)
    assert [problem.code for problem in problems(found, "notice")] == ["date_moved"]


def test_an_impossible_value_date_keeps_the_money_and_spoils_the_row():
    found = records(mt940(":61:262601C1,NTRFNONREF"))
    (entry,), (problem,) = entries(found), problems(found, "row")
    assert (entry.amount, entry.value_on, entry.booked_on) == (Decimal(1), None, None)
    assert problem.line == entry.line
    assert "2626" in problem.message


def test_uk_supplementary_line_runs_on_into_the_information_line():
    entry = only_entry(":61:2604010401C1,NTRFNONREF", "F/FLOW ACCOUNTNAME    TFRPAYMENTRE", ":86:FERENCE12")
    assert entry.narrative == "F/FLOW ACCOUNTNAME TFRPAYMENTREFERENCE12"
    assert (entry.payer_name, entry.reference) == ("F/FLOW ACCOUNTNAME", "PAYMENTREFERENCE12")
    assert entry.extra["bank_type"] == "TFR"


def test_structured_information_is_taken_apart():
    entry = only_entry(":61:2604010401C1,NTRFNONREF", ":86:166?00CREDIT?20EREF+ABC-1?21SVWZ+RENT?31DE02?32J?33DOE")
    assert (entry.payer_name, entry.payer_account, entry.end_to_end_reference) == ("J DOE", "DE02", "ABC-1")
    slashed = only_entry(":61:2604010401C1,NTRFNONREF", ":86:/IBAN/GB29NWBK60161331926819/NAME/J DOE/REMI/CT 123/")
    assert (slashed.payer_name, slashed.payer_sort_code, slashed.payer_account) == ("J DOE", "601613", "31926819")
    assert slashed.reference == "CT 123"


def test_hyphens_and_colons_inside_information_are_text():
    entry = only_entry(":61:2604010401C1,NTRFNONREF", ":86:ONE", "-TWO", ":THREE", ":1:FOUR")
    assert entry.narrative == "ONE -TWO :THREE :1:FOUR"


def test_references_of_owner_and_bank():
    entry = only_entry(":61:2604010401C1,NTRFCT123456//BANK9")
    assert (entry.reference, entry.bank_reference, entry.type_code) == ("CT123456", "BANK9", "NTRF")
    assert only_entry(":61:2604010401C1,NTRFNONREF//BANK9").reference == ""


def test_information_behind_the_closing_balance_belongs_to_the_statement():
    data = mt940(":61:2604010401C1,NTRFNONREF").replace(b"\r\n-\r\n", b"\r\n:86:SEE OVER\r\n-\r\n")
    found = records(data)
    assert entries(found)[0].narrative == ""
    assert ends(found)[0].extra["information"] == "SEE OVER"


def test_several_accounts_keep_their_entries_apart():
    second = mt940(":61:2604010401D2,NTRFNONREF", closing="D260401GBP2,00").replace(b"12345678", b"87654321")
    found = summary(mt940(":61:2604010401C1,NTRFNONREF", closing="C260401GBP1,00") + second).as_json()
    assert [item["account"] for item in found["statements"]] == ["600004/12345678", "600004/87654321"]
    assert [item["balances_agree"] for item in found["statements"]] == [True, True]
    assert (found["credit_sum"], found["debit_sum"], found["errors"]) == ("1.00", "2.00", [])


def test_a_second_account_without_a_reference_is_a_statement_of_its_own():
    first = mt940(":61:2604010401C1,NTRFNONREF", closing="C260401GBP1,00")
    second = first.replace(b":20:REF\r\n", b"").replace(b"12345678", b"87654321")
    found = records(first + second)
    assert [start.account for start in starts(found)] == ["600004/12345678", "600004/87654321"]
    assert "message_without_reference" in [problem.code for problem in problems(found, "statement")]


def test_a_statement_that_does_not_add_up_says_by_how_much():
    found = checked_records(mt940(":61:2604010401C10,NTRFNONREF", closing="C260401GBP11,50"))
    (problem,) = problems(found, "statement")
    assert problem.code == "balances_disagree"
    assert "£11.50" in problem.message
    assert "the difference is £1.50" in problem.message


def test_a_missing_closing_balance_is_reported():
    data = mt940(":61:2604010401C10,NTRFNONREF").split(b":62F:")[0]
    assert [problem.code for problem in problems(records(data), "statement")] == ["balance_missing"]


def test_checking_twice_reports_once():
    from ims.formats.summary import checked

    data = mt940(":61:2604010401C10,NTRFNONREF")
    assert list(checked(checked_records(data))) == checked_records(data)


def camt(entry: str, *, opening: str = "0.00", closing: str = "0.00", root: str = "BkToCstmrStmt") -> bytes:
    def balance(code, amount):
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="GBP">{amount}</Amt>'
            "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-04-01</Dt></Dt></Bal>"
        )

    return (
        f"<Document><{root}><GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>S</Id><Acct><Id><Othr><Id>1</Id></Othr></Id>"
        f"<Ccy>GBP</Ccy></Acct>{balance('OPBD', opening)}{balance('CLBD', closing)}{entry}</Stmt></{root}></Document>"
    ).encode()


def ntry(amount="10.00", mark="CRDT", status="BOOK", inside="", currency="GBP") -> str:
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>{inside}<Sts>{status}</Sts>'
        "<BookgDt><Dt>2026-04-01</Dt></BookgDt></Ntry>"
    )


def test_camt_reversal_does_not_flip_the_sign_again():
    (entry,) = entries(records(camt(ntry(mark="DBIT", inside="<RvslInd>true</RvslInd>"))))
    assert (entry.amount, entry.reversal) == (Decimal("-10.00"), True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("BOOK", "booked"), ("PDNG", "pending"), ("INFO", "information"), ("<Cd>BOOK</Cd>", "booked")],
)
def test_camt_status(status, expected):
    found = records(camt(ntry(status=status)))
    assert entries(found)[0].status == expected
    assert not problems(found, "row")


def test_camt_only_booked_entries_count():
    found = summary(camt(ntry() + ntry(status="PDNG"), closing="10.00"))
    assert (found.movements.count, found.movements.credit_sum, found.errors) == (1, Decimal("10.00"), [])


def test_camt_batch_is_exploded_and_counted_once():
    details = "".join(
        f'<TxDtls><Amt Ccy="GBP">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>CT {name}</Ustrd></RmtInf></TxDtls>"
        for amount, name in (("4.00", "ANN"), ("6.00", "BOB"))
    )
    batch = ntry().replace("</Ntry>", f"<NtryDtls>{details}</NtryDtls></Ntry>")
    found = records(camt(batch + ntry("1.00"), closing="11.00"))
    parent, ann, bob, single = entries(found)
    assert (parent.member_count, parent.parent, parent.amount) == (2, None, Decimal("10.00"))
    assert [(m.parent, m.amount, m.payer_name, m.narrative) for m in (ann, bob)] == [
        (parent.line, Decimal("4.00"), "ANN", "CT ANN"),
        (parent.line, Decimal("6.00"), "BOB", "CT BOB"),
    ]
    assert len({entry.line for entry in (parent, ann, bob, single)}) == 4
    totals = summary(camt(batch + ntry("1.00"), closing="11.00"))
    assert (totals.movements.count, totals.movements.credit_sum, totals.errors) == (2, Decimal("11.00"), [])


def test_camt_batch_keeps_the_text_of_each_part():
    details = '<TxDtls><Amt Ccy="GBP">4.00</Amt></TxDtls><TxDtls><Amt Ccy="GBP">6.00</Amt></TxDtls>'
    found = entries(records(camt(ntry().replace("</Ntry>", f"<NtryDtls>{details}</NtryDtls></Ntry>"))))
    assert [">4.00<" in entry.raw for entry in found] == [False, True, False]
    assert "BookgDt" in found[0].raw


def test_camt_batch_without_amounts_stays_one_receipt():
    details = "<TxDtls><RmtInf><Ustrd>ONE</Ustrd></RmtInf></TxDtls><TxDtls><RmtInf><Ustrd>TWO</Ustrd></RmtInf></TxDtls>"
    found = records(camt(ntry().replace("</Ntry>", f"<NtryDtls>{details}</NtryDtls></Ntry>"), closing="10.00"))
    (entry,) = entries(found)
    assert (entry.member_count, entry.narrative) == (0, "ONE TWO")
    assert "ONE" in entry.raw
    assert [problem.code for problem in problems(found)] == ["batch_not_split"]


@pytest.mark.parametrize(
    ("page", "last", "codes", "opening", "closing"),
    [
        ("1", "false", ("OPBD", "ITBD"), "5.00", "15.00"),
        ("2", "false", ("ITBD", "ITBD"), "5.00", "15.00"),
        ("2", "true", ("ITBD", "CLBD"), "5.00", "15.00"),
        ("1", "true", ("PRCD", "CLBD"), "5.00", "15.00"),
    ],
)
def test_camt_pages_use_interim_balances(page, last, codes, opening, closing):
    data = camt(ntry(), opening="5.00", closing="15.00").decode()
    data = data.replace("OPBD", "first").replace("CLBD", codes[1]).replace("first", codes[0])
    pages = f"<StmtPgntn><PgNb>{page}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>"
    found = summary(data.replace("<Acct>", pages + "<Acct>").encode())
    (statement,) = found.statements
    assert (statement.opening, statement.closing) == (Decimal(opening), Decimal(closing))
    assert statement.balances_agree is True


def test_camt_declared_totals_are_compared():
    totals = "<TxsSummry><TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>10.01</Sum></TtlCdtNtries></TxsSummry>"
    data = camt(ntry(), closing="10.00").decode().replace("<Ntry>", totals + "<Ntry>", 1).encode()
    told = [problem.message for problem in summary(data).errors]
    assert len(told) == 2
    assert "declares 2 but holds 1" in told[0]
    assert "declares £10.01 but its entries give £10.00; the difference is £0.01" in told[1]


def test_camt_in_utf16():
    data = camt(ntry().replace("</Ntry>", "<AddtlNtryInf>René</AddtlNtryInf></Ntry>")).decode()
    found = records(('<?xml version="1.0" encoding="UTF-16"?>' + data).encode("utf-16"))
    assert entries(found)[0].narrative == "René"
    assert not problems(found, "notice")


def test_camt_batch_that_does_not_add_up_spoils_its_row():
    details = '<TxDtls><Amt Ccy="GBP">4.00</Amt></TxDtls><TxDtls><Amt Ccy="GBP">5.00</Amt></TxDtls>'
    found = records(camt(ntry().replace("</Ntry>", f"<NtryDtls>{details}</NtryDtls></Ntry>")))
    (problem,) = problems(found, "row")
    assert (problem.code, problem.line) == ("batch_does_not_add_up", entries(found)[0].line)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (ntry(amount="abc"), "unreadable_entry"),
        (ntry(amount="-5.00"), "unreadable_entry"),
        (ntry(amount="1.005"), "unreadable_entry"),
        (ntry(mark="CRDX"), "unreadable_entry"),
        (ntry(status="BOOX"), "unknown_status"),
        (ntry(currency="EUR"), "currency_differs"),
    ],
)
def test_camt_doubtful_entries_spoil_their_row(entry, code):
    assert [problem.code for problem in problems(records(camt(entry)), "row")] == [code]


def test_camt_unpaid_direct_debit_carries_its_reason():
    code = (
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>IDDT</Cd><SubFmlyCd>UPDD</SubFmlyCd></Fmly></Domn></BkTxCd>"
        "<NtryDtls><TxDtls><RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf></TxDtls></NtryDtls>"
    )
    (entry,) = entries(records(camt(ntry(mark="DBIT").replace("</Ntry>", code + "</Ntry>"))))
    assert (entry.kind, entry.reason_code, entry.type_code) == ("unpaid_direct_debit", "AM04", "PMNT/IDDT/UPDD")


def test_camt_searches_structured_references_first():
    details = (
        "<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><RmtInf><Ustrd>free</Ustrd>"
        "<Strd><CdtrRefInf><Ref>CT99</Ref></CdtrRefInf></Strd></RmtInf><AddtlTxInf>more</AddtlTxInf></TxDtls></NtryDtls>"
        "<AddtlNtryInf>last</AddtlNtryInf>"
    )
    (entry,) = entries(records(camt(ntry().replace("</Ntry>", details + "</Ntry>"))))
    assert (entry.narrative, entry.reference, entry.end_to_end_reference) == ("CT99 free more last", "CT99", "")


BAI2 = """01,B,C,260401,1200,1,,,2/
02,C,B,1,260401,,GBP,2/
03,600004 12345678,GBP,010,1000,,,015,1150,,/
16,142,200,V,260402,,BANKREF,CUSTREF,A/B LTD, CT 1/
88,SECOND LINE/16,NOT A RECORD
16,455,50,0,,,OUT
49,2400,5/
98,2400,1,7/
99,2400,1,9/
"""


def test_bai2_fields_and_continuations():
    first, second = entries(records(BAI2.encode()))
    assert (first.amount, first.mark, first.type_code) == (Decimal("2.00"), "C", "142")
    assert (first.bank_reference, first.reference, first.value_on) == ("BANKREF", "CUSTREF", date(2026, 4, 2))
    assert first.narrative == "A/B LTD, CT 1 SECOND LINE/16,NOT A RECORD"
    assert (second.amount, second.kind) == (Decimal("-0.50"), "payment")
    assert summary(BAI2.encode()).errors == []
    assert summary(BAI2.encode()).statements[0].balances_agree is True


def test_bai2_records_may_share_a_line():
    joined = BAI2.replace("OUT\n49", "OUT/49").replace("/\n98", "/98").replace("/\n99", "/ 99")
    assert summary(joined.encode()).as_json() == summary(BAI2.encode()).as_json()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("49,2400,5", "49,2401,5", "control total of the account"),
        ("49,2400,5", "49,2400,6", "number of records of the account"),
        ("98,2400,1,7", "98,2400,2,7", "number of accounts of the group"),
        ("99,2400,1,9", "99,2400,1,8", "number of records of the file"),
        ("16,142,200", "16,142,201", "control total of the account"),
        ("99,2400,1,9/\n", "", "cut off"),
        ("02,C,B,1", "02,C,B,4", "marked as a test"),
    ],
)
def test_bai2_control_figures(old, new, words):
    assert any(words in problem.message for problem in problems(records(BAI2.replace(old, new).encode()), "statement"))


def test_bai2_blank_control_total_is_a_notice():
    found = records(BAI2.replace("49,2400,5", "49,,5").encode())
    assert [problem.code for problem in problems(found)] == ["control_total_blank"]


def test_bai2_currencies_without_pence():
    (first, _) = entries(records(BAI2.replace("GBP", "JPY").encode()))
    assert first.amount == 200


def ofx(*transactions: str) -> bytes:
    return (
        "OFXHEADER:100\nVERSION:102\n\n<OFX><STMTRS><CURDEF>GBP<BANKACCTFROM><BANKID>600004<ACCTID>12345678"
        f"</BANKACCTFROM><BANKTRANLIST>{''.join(transactions)}</BANKTRANLIST></STMTRS></OFX>"
    ).encode()


def transaction(amount: str, extra: str = "") -> str:
    return f"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260401120000[0:GMT]<TRNAMT>{amount}<FITID>1{extra}</STMTTRN>"


@pytest.mark.parametrize(
    ("written", "amount"),
    [("1.50", "1.5"), ("-1,50", "-1.5"), ("+3", "3"), ("1,234.56", "1234.56"), ("1.234,56", "1234.56"), ("-.5", "-.5")],
)
def test_ofx_amounts(written, amount):
    (entry,) = entries(records(ofx(transaction(written))))
    assert (entry.amount, entry.booked_on) == (Decimal(amount), date(2026, 4, 1))


@pytest.mark.parametrize("written", ["", "abc", "1,234", "1.2.3", "1.005", "--1", "1e5", "NaN", "١٢"])
def test_ofx_amounts_that_cannot_be_read(written):
    found = records(ofx(transaction(written)))
    assert not entries(found)
    assert [problem.code for problem in problems(found, "row")] == ["unreadable_amount"]


def test_ofx_entities_and_cdata():
    (entry,) = entries(records(ofx(transaction("1.00", "<NAME>A &amp; B &lt;C&gt;<MEMO><![CDATA[x < y & <b>]]>"))))
    assert (entry.payer_name, entry.narrative) == ("A & B <C>", "A & B <C> x < y & <b>")


def test_data_services_kinds_and_day_totals():
    data = "".join(MAKERS["data-services"](2)).replace("60000412345678099", "600004123456780RA", 1)
    data = data.replace("60000412345678003", "600004123456780U7", 1)
    found = entries(records(data.encode()))
    assert [entry.kind for entry in found] == ["unpaid_direct_debit", "returned_credit"]
    assert [entry.payer_account for entry in found] == ["55779911", "55779911"]


def test_data_services_several_accounts():
    lines = "".join(MAKERS["data-services"](3)).splitlines(keepends=True)
    second = [line.replace("60000412345678", "60000487654321") for line in lines[1:]]
    found = summary("".join(lines + second).encode())
    assert [statement.account for statement in found.statements] == ["600004/12345678", "600004/87654321"]
    assert found.errors == []


def test_data_services_record_of_another_account_is_told():
    data = "".join(MAKERS["data-services"](3))
    head, _, tail = data.rpartition("60000412345678")
    assert "account" in [problem.code for problem in summary((head + "60000487654321" + tail).encode()).errors]


def test_data_services_is_not_taken_for_a_bacs_submission():
    lines = "".join(MAKERS["data-services"](1)).replace("****830000", "    123456").splitlines(keepends=True)
    assert registry.recognise("".join(lines).encode()).name == "data-services"
    submission = [line.replace("606005    00000000", "999999    00000000") for line in lines]
    assert not data_services.recognise("".join(submission).encode())


def test_a_file_of_nothing_but_errors_does_not_fill_the_memory():
    found = summary(mt940(*[":61:rubbish"] * 1_500))
    assert (len(found.errors), found.problems_left_out) == (1_000, 500)


def test_totals_made_by_the_generators_agree():
    for name, make in MAKERS.items():
        found = summary("".join(make(40)).encode())
        assert (found.format, found.errors, found.movements.count) == (name, [], 40)


def test_streams_need_not_be_seekable():
    class Pipe(io.RawIOBase):
        def __init__(self, data):
            self._data = data

        def readable(self):
            return True

        def readinto(self, buffer):
            part, self._data = self._data[:7], self._data[7:]
            buffer[: len(part)] = part
            return len(part)

    for make in MAKERS.values():
        data = "".join(make(30)).encode()
        assert list(registry.read(Pipe(data))) == list(registry.read(io.BytesIO(data)))


def test_the_same_records_whatever_the_encoding():
    data = mt940(":61:2604010401C1,NTRFNONREF", ":86:CAFE")
    plain = entries(records(data))
    assert entries(records(b"\xef\xbb\xbf" + data)) == plain
    assert entries(records(data.decode().encode("utf-16"))) == plain
    assert entries(records(data.replace(b"\r\n", b"\r"))) == plain
    accented = records(data.replace(b"CAFE", "CAFÉ".encode("cp1252")))
    assert entries(accented)[0].narrative == "CAFÉ"
    assert [problem.value for problem in problems(accented)] == ["cp1252"]


def test_camt_that_is_not_the_utf8_it_claims():
    data = camt(ntry().replace("</Ntry>", "<AddtlNtryInf>Ren\xe9</AddtlNtryInf></Ntry>")).decode().encode("cp1252")
    found = records(data)
    assert entries(found)[0].narrative == "René"
    assert [problem.code for problem in problems(found, "notice")] == ["encoding"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\0\0\0 \r\n", "is empty"),
        (b"PK\x03\x04.....xl/workbook.xml", "Excel workbook"),
        (b"PK\x03\x04.....statement.txt", "ZIP archive"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"<?xml version='1.0'?><other/>", "XML, but not"),
        (b'{"a": 1}', "JSON"),
        (bytes(range(32)) * 10, "binary"),
        (b"Date,Amount\n1/4/2026,12.00\n", "text in no layout"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Office document"),
    ],
)
def test_what_is_no_bank_file_is_named(data, words):
    with pytest.raises(UnreadableFile, match=words):
        registry.recognise(data)


def test_an_unknown_format_name_is_refused():
    with pytest.raises(UnreadableFile, match="no file format called"):
        registry.read(io.BytesIO(b""), "mt999")


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_the_wrong_format_is_refused_or_reported(name):
    data = "".join(MAKERS[name](3)).encode()
    for other in MAKERS:
        if {name, other} <= {"mt940", "mt942"} or name == other:
            continue
        try:
            found = records(data, other)
        except UnreadableFile:
            continue
        assert not entries(found)
        assert problems(found)


def test_summary_is_exactly_what_the_command_prints():
    said = summary(mt940(":61:2604010401C1,5NTRFNONREF", closing="C260402GBP1,50")).as_json()
    assert said == {
        "format": "mt940",
        "statements": [
            {
                "account": "600004/12345678",
                "currency": "GBP",
                "number": "1/1",
                "from": "2026-04-01",
                "to": "2026-04-02",
                "opening": "0.00",
                "closing": "1.50",
                "entries": 1,
                "credit_count": 1,
                "credit_sum": "1.50",
                "debit_count": 0,
                "debit_sum": "0.00",
                "balances_agree": True,
            }
        ],
        "entries": 1,
        "credit_count": 1,
        "credit_sum": "1.50",
        "debit_count": 0,
        "debit_sum": "0.00",
        "errors": [],
    }


def test_statements_are_whole():
    for make in MAKERS.values():
        assert len(statements(records("".join(make(2)).encode()))) == 1


def test_a_statement_inside_an_archive_is_an_archive():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("statement.sta", ":20:A\r\n:25:1/2\r\n:28C:1\r\n:60F:C260401GBP0,\r\n:62F:C260401GBP0,\r\n")
    with pytest.raises(UnreadableFile, match=r"(?i)zip"):
        registry.recognise(packed.getvalue())
