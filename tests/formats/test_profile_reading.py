import io
import time
import zipfile
from dataclasses import fields
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from ims.common.errors import InvalidInput
from ims.formats import profile_statement, receipts15
from ims.formats.profile import Column, Profile, RecordRule, builtin, builtin_names
from ims.formats.profile_reading import read
from ims.formats.records import Entry, Problem, StatementEnd, StatementStart, UnreadableFile

SIMPLE = {
    "name": "simple",
    "fields": 4,
    "columns": [
        {"field": "booked_on", "column": 1, "required": True},
        {"field": "reference", "column": 2},
        {"field": "amount", "column": 3},
        {"field": "narrative", "column": 4},
    ],
}


def records_of(text: str | bytes, config: dict | Profile) -> list:
    profile = config if isinstance(config, Profile) else Profile.from_config(config)
    return list(read(io.BytesIO(text.encode() if isinstance(text, str) else text), profile))


def entries_of(text: str | bytes, config: dict | Profile) -> list[Entry]:
    return [record for record in records_of(text, config) if isinstance(record, Entry)]


def problems_of(text: str | bytes, config: dict | Profile) -> list[Problem]:
    return [record for record in records_of(text, config) if isinstance(record, Problem)]


def column(**changes) -> dict:
    return {**SIMPLE, "columns": [*SIMPLE["columns"][:2], {"field": "amount", "column": 3} | changes]} | {"fields": 3}


def test_every_built_in_profile_is_sound_and_survives_being_written_back():
    assert {"receipts15", "lloyds", "barclays", "hsbc", "natwest", "santander", "paypoint", "post-office"} <= set(
        builtin_names()
    )
    for name in builtin_names():
        profile = builtin(name)
        assert profile.name == name
        assert profile.validate() == []
        assert Profile.from_config(profile.to_config()) == profile
    with pytest.raises(InvalidInput):
        builtin("../../secrets")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layout": "pdf"}, "layout"),
        ({"delimiter": ",,"}, "delimiter"),
        ({"encoding": "klingon"}, "encoding"),
        ({"colour": "red"}, "colour"),
        ({"columns": []}, "between 1 and"),
        ({"columns": [{"field": "money", "column": 1}]}, "is not a field"),
        ({"columns": [{"field": "amount"}]}, "Say where"),
        ({"columns": [{"field": "amount", "column": 1, "heading": "Amount"}]}, "Say where"),
        ({"columns": [{"field": "reference", "column": 1}]}, "what the amount is"),
        ({"columns": [{"field": "amount", "column": 9}]}, "only 4 fields"),
        ({"columns": [{"field": "amount", "column": 1}, {"field": "debit", "column": 2}]}, "not both"),
        ({"columns": [{"field": "amount", "column": 1}, {"field": "amount", "column": 2}]}, "given twice"),
        ({"columns": [{"field": "amount", "column": 1, "scale": "shillings"}]}, "scale"),
        ({"columns": [{"field": "amount", "column": 1, "decimal_mark": "'"}]}, "decimal mark"),
        ({"columns": [{"field": "amount", "column": 1, "sign": "odd"}]}, "sign"),
        (
            {"columns": [{"field": "amount", "column": 1}, {"field": "booked_on", "column": 2, "dates": ["soon"]}]},
            "soon",
        ),
        ({"columns": [{"field": "amount", "column": "one"}]}, "whole number"),
        ({"columns": "amount"}, "must be a list"),
        ({"records": [{"kind": "trailer"}]}, "recognised"),
        ({"records": [{"kind": "skip", "regex": "("}]}, "cannot be understood"),
        ({"kinds": {"DD": "mystery"}}, "not a kind"),
    ],
)
def test_faulty_profiles_are_refused_in_sentences(change, said):
    with pytest.raises(InvalidInput) as refusal:
        Profile.from_config({**SIMPLE, **change})

    assert said in " ".join((refusal.value.message, *refusal.value.details))


@pytest.mark.parametrize(
    ("settings_", "text", "amount"),
    [
        ({}, "12.34", "12.34"),
        ({}, "-12.34", "-12.34"),
        ({}, "+12.34", "12.34"),
        ({}, "12", "12.00"),
        ({}, "12.5", "12.50"),
        ({}, "12.5000", "12.50"),
        ({}, '"1,234.56"', "1234.56"),
        ({}, "£12.34", "12.34"),
        ({}, "-£12.34", "-12.34"),
        ({}, '"+ £1,100.00"', "1100.00"),
        ({}, "12.34-", "-12.34"),
        ({}, "(12.34)", "-12.34"),
        ({}, "12.34 DR", "-12.34"),
        ({}, "12.34CR", "12.34"),
        ({}, ".50", "0.50"),
        ({"sign": "reversed"}, "12.34", "-12.34"),
        ({"scale": "pence"}, "0000001234", "12.34"),
        ({"scale": "pence"}, "-1234", "-12.34"),
        ({"decimal_mark": ","}, '"1.234,56"', "1234.56"),
        ({"decimal_mark": ","}, '"-2,56"', "-2.56"),
        ({"decimal_mark": ","}, '"1 234,56"', "1234.56"),
    ],
)
def test_amounts_are_read_as_they_are_written(settings_, text, amount):
    entries = entries_of(f"01/04/2026,A1,{text}\n", column(**settings_))

    assert [entry.amount for entry in entries] == [Decimal(amount)]


@pytest.mark.parametrize(
    ("settings_", "text"),
    [
        ({}, "twelve"),
        ({}, ""),
        ({}, "12.345"),
        ({}, '"12,34.00"'),
        ({}, "--12.00"),
        ({}, "-12.00-"),
        ({}, "(12.00"),
        ({}, "-(12.00)"),
        ({}, "1e3"),
        ({}, "NaN"),
        ({}, "١٢"),
        ({}, "99999999999.00"),
        ({"sign": "unsigned"}, "-1.00"),
        ({"scale": "pence"}, "12.34"),
        ({"decimal_mark": ","}, "12.34"),
    ],
)
def test_an_unreadable_amount_is_an_error_and_never_zero(settings_, text):
    problems = problems_of(f"01/04/2026,A1,{text}\n01/04/2026,A2,1\n", column(**settings_))

    assert [problem.line for problem in problems] == [1]
    assert problems[0].field == "amount"
    assert problems[0].scope == "row"
    assert problems[0].message.startswith("Line 1: the amount")
    assert len(entries_of(f"01/04/2026,A1,{text}\n01/04/2026,A2,1\n", column(**settings_))) == 1


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("dd/mm/yyyy", "01/04/2026"),
        ("dd/mm/yyyy", "1/4/2026"),
        ("dd/mm/yyyy", "01/04/2026 15:30"),
        ("dd/mm/yyyy", "01/04/2026 15:30:59"),
        ("dd/mm/yy", "01/04/26"),
        ("dd.mm.yyyy", "01.04.2026"),
        ("dd-mm-yyyy", "01-04-2026"),
        ("dd mmm yyyy", "1 Apr 2026"),
        ("dd mmm yyyy", "01 APRIL 2026"),
        ("dd-mmm-yyyy", "01-Apr-2026"),
        ("yyyy-mm-dd", "2026-04-01"),
        ("yyyy-mm-dd", "2026-04-01T09:30:00.123Z"),
        ("yyyy-mm-dd", "2026-04-01 09:30:00 +0000"),
        ("yyyy/mm/dd", "2026/04/01"),
        ("yyyymmdd", "20260401"),
        ("ddmmyyyy", "01042026"),
        ("ddmmyy", "010426"),
        ("yymmdd", "260401"),
        ("mm/dd/yyyy", "04/01/2026"),
    ],
)
def test_dates_are_read_as_the_profile_says(format_, text):
    config = {**SIMPLE, "columns": [{"field": "booked_on", "column": 1, "dates": [format_]}, *SIMPLE["columns"][1:]]}

    assert entries_of(f"{text},A,1,x\n", config)[0].booked_on == date(2026, 4, 1)


@pytest.mark.parametrize("text", ["31/02/2026", "2026-04-01", "01/13/2026", "01/04/0206", "tomorrow", "", "0104/2026"])
def test_a_date_that_is_none_is_a_row_problem(text):
    problems = problems_of(f"{text},A,1,x\n", SIMPLE)

    assert [(problem.field, problem.line) for problem in problems] == [("booked_on", 1)]


def test_rows_of_the_wrong_width_are_told():
    problems = problems_of("01/04/2026,A,1.00,Smith, J\n01/04/2026,A,1.00\n01/04/2026,A,1.00,x,,\n", SIMPLE)

    assert [(problem.line, problem.code) for problem in problems] == [(1, "field_count"), (2, "field_count")]


def test_nul_bytes_and_overlong_texts_are_told():
    problems = problems_of("01/04/2026,A\0,1.00,x\n01/04/2026," + "9" * 300 + ",1.00,x\n", SIMPLE)

    assert [problem.code for problem in problems] == ["nul_character", "too_long"]


def test_quotes_hold_commas_line_ends_and_quotes():
    entries = entries_of('01/04/2026,A,1.00,"Smith, J ""Jo""\r\nFlat 1"\r\n02/04/2026,B,2.00,x\r\n', SIMPLE)

    assert entries[0].narrative == 'Smith, J "Jo" Flat 1'
    assert [entry.line for entry in entries] == [1, 3]
    assert entries[0].raw.endswith('Flat 1"')


def test_a_stray_quote_does_not_swallow_the_file_silently():
    text = '01/04/2026,A,1.00,"open\n02/04/2026,B,2.00,x\n03/04/2026,C,3.00,y\n'
    problems = problems_of(text, SIMPLE)

    assert [problem.scope for problem in problems] == ["statement"]
    assert "Lines 1 to 3" in problems[0].message


def test_identical_rows_are_all_kept():
    assert len(entries_of("01/04/2026,A,1.00,x\n" * 3, SIMPLE)) == 3


@pytest.mark.parametrize(
    ("data", "narrative"),
    [
        ("01/04/2026,A,1,Café £5\n".encode(), "Café £5"),
        ("01/04/2026,A,1,Café £5\n".encode("cp1252"), "Café £5"),
        ("01/04/2026,A,1,Café £5\n".encode("utf-8-sig"), "Café £5"),
        ("01/04/2026,A,1,Café £5\n".encode("utf-16"), "Café £5"),
        (b"01/04/2026,A,1,\x81\n", "\x81"),
    ],
)
def test_the_encoding_is_found(data, narrative):
    assert entries_of(data, SIMPLE)[0].narrative == narrative


def test_a_declared_encoding_is_held_to():
    with pytest.raises(UnreadableFile, match="not utf-8"):
        records_of("01/04/2026,A,1,é\n".encode("cp1252"), {**SIMPLE, "encoding": "utf-8"})
    assert entries_of("01/04/2026,A,1,x\n".encode("cp500"), {**SIMPLE, "encoding": "cp500"})[0].amount == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    text = "".join(delimiter.join((f"0{n}/04/2026", f"A{n}", "1.00", "a b")) + "\n" for n in range(1, 6))

    assert len(entries_of(text, {**SIMPLE, "delimiter": ""})) == 5


def test_headings_are_found_below_a_preamble_in_any_order_and_case():
    config = {
        "name": "headed",
        "columns": [
            {"field": "booked_on", "heading": "Date"},
            {"field": "debit", "heading": ["Paid out", "Money out"]},
            {"field": "credit", "heading": ["Paid in", "Money in"]},
            {"field": "extra.office", "heading": "Branch"},
        ],
    }
    text = '"Account name","Council"\n"Balance","£10.00"\n\nMONEY IN, Date ,Note,Money Out\n"£5.00",01/04/2026,x,\n'

    entry = entries_of(text, config)[0]
    assert (entry.amount, entry.booked_on) == (Decimal("5.00"), date(2026, 4, 1))
    with pytest.raises(UnreadableFile, match="Paid out"):
        records_of("a,b,c\n1,2,3\n", config)


def test_two_columns_must_not_both_hold_money():
    config = {
        "name": "pair",
        "columns": [{"field": "debit", "column": 1}, {"field": "credit", "column": 2}],
    }
    assert [entry.amount for entry in entries_of("1.00,\n,2.00\n0.00,3.00\n", config)] == [-1, 2, 3]
    assert len(problems_of("1.00,2.00\n,x\n-1.00,\n", config)) == 3


def test_a_flag_that_is_not_known_is_not_guessed():
    config = {
        "name": "flag",
        "columns": [
            {"field": "amount", "column": 1},
            {"field": "sign", "column": 2},
            {"field": "narrative", "column": 3},
        ],
    }
    text = "1.00,CR,a\n2.00,dr,b\n3.00,?,c\n4.00,,d\n-5.00,DR,e\n"

    assert [entry.amount for entry in entries_of(text, config)] == [1, -2]
    assert [problem.line for problem in problems_of(text, config)] == [3, 4, 5]


TRAILED = {
    **SIMPLE,
    "records": [
        {"kind": "header", "prefix": "HDR", "number": {"column": 2}},
        {"kind": "trailer", "prefix": "TRL", "count": {"column": 2}, "sum": {"column": 3, "scale": "pence"}},
    ],
}
BODY = "01/04/2026,A,1.00,x\n01/04/2026,B,2.50,y\n"


def test_control_totals_that_agree():
    records = records_of(f"HDR,77\n{BODY}TRL,2,350\n", TRAILED)

    assert [type(record) for record in records] == [StatementStart, Entry, Entry, StatementEnd]
    assert records[0].number == "77"
    assert (records[-1].declared_count, records[-1].declared_sum) == (2, Decimal("3.50"))


@pytest.mark.parametrize(
    "text",
    [
        f"HDR,77\n{BODY}TRL,3,350\n",
        f"HDR,77\n{BODY}TRL,2,351\n",
        f"HDR,77\n{BODY}TRL,,350\n",
        f"HDR,77\n{BODY}TRL,2,3.50\n",
        f"HDR,77\n{BODY}TRL\n",
        f"HDR,77\n{BODY}",
        f"{BODY}TRL,2,350\n",
        f"HDR,77\n{BODY}TRL,2,350\n01/04/2026,C,1.00,z\n",
        f"HDR,77\n{BODY.replace('2.50', 'x')}TRL,2,350\n",
    ],
)
def test_control_totals_fail_closed(text):
    assert any(problem.scope == "statement" for problem in problems_of(text, TRAILED))


def test_a_row_spoiled_by_its_date_still_counts_in_the_control_totals():
    from ims.formats.summary import checked

    records = records_of(f"HDR,77\n{BODY.replace('01/04/2026,B', '31/02/2026,B')}TRL,2,350\n", TRAILED)

    assert [problem.scope for problem in checked(records) if isinstance(problem, Problem)] == ["row"]
    assert records[-1].extra == {"declared_count": "2", "declared_sum": "3.50"}


def test_a_disagreement_is_told_once_also_when_checked_again():
    from ims.formats.summary import checked

    records = records_of(f"HDR,77\n{BODY}TRL,3,351\n", TRAILED)

    assert len([record for record in checked(records) if isinstance(record, Problem)]) == 2


BALANCED = {
    "name": "balanced",
    "order": "detect",
    "columns": [
        {"field": "booked_on", "column": 1},
        {"field": "amount", "column": 2},
        {"field": "balance", "column": 3},
    ],
}
ROWS = ["01/04/2026,1.00,11.00\n", "01/04/2026,2.00,13.00\n", "02/04/2026,-3.00,10.00\n"]


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]])
def test_balances_are_followed_in_either_order(rows):
    records = records_of("".join(rows), BALANCED)

    assert records[0].opening.amount == Decimal("10.00")
    assert records[-1].closing.amount == Decimal("10.00")
    assert not [record for record in records if isinstance(record, Problem)]


def test_a_missing_row_breaks_the_balance():
    assert [problem.code for problem in problems_of(ROWS[0] + ROWS[2], BALANCED | {"order": "oldest_first"})] == [
        "balance_chain"
    ]


def test_each_account_is_a_statement_of_its_own():
    config = {
        "name": "accounts",
        "columns": [{"field": "account", "column": 1}, {"field": "amount", "column": 2}],
    }
    records = records_of("20-00-00 12345678,1\n20-00-00 12345678,2\n20-00-00 87654321,3\n", config)

    assert [record.account for record in records if isinstance(record, StatementStart)] == [
        "200000/12345678",
        "200000/87654321",
    ]
    assert [type(record) for record in records].count(StatementEnd) == 2


FIXED = {
    "name": "fixed",
    "layout": "fixed_width",
    "kind_out": "receipt",
    "columns": [
        {"field": "reference", "start": 2, "length": 10},
        {"field": "amount", "start": 12, "length": 8, "scale": "pence"},
        {"field": "booked_on", "start": 20, "length": 8, "dates": ["yyyymmdd"]},
        {"field": "narrative", "start": 28, "length": 20},
        {"field": "method_of_payment", "constant": "PO"},
    ],
    "records": [
        {"kind": "trailer", "regex": "^T(?P<count>[0-9]{6})(?P<sum>[0-9]{10})", "scale": "pence"},
        {"kind": "skip", "prefix": "#"},
    ],
}


def test_fixed_width():
    text = "# a remark\nD770012345 0000125020260401SMITH\r\nD770012346 -000025020260402\n\nT0000020000001000\x1a"
    records = records_of(text, FIXED)

    assert not [record for record in records if isinstance(record, Problem)]
    first, second = (record for record in records if isinstance(record, Entry))
    assert (first.reference, first.amount, first.narrative) == ("770012345", Decimal("12.50"), "SMITH")
    assert (second.amount, second.kind, second.reversal) == (Decimal("-2.50"), "receipt", True)
    assert first.method_of_payment == "PO"


def test_a_short_fixed_width_line_is_told():
    assert problems_of("D77001\nT0000010000000000\n", FIXED)[0].code == "too_short"


def test_labelled_blocks():
    text = "From: 1/4 to 2/4\nAccount: 1234\n\nDate: 01/04/2026\nDescription: one\n goes on\nAmount: 5.00\n"
    records = records_of(text, builtin("santander"))

    assert records[0].account == "1234"
    assert records[1].narrative == "one goes on"
    with pytest.raises(UnreadableFile):
        records_of("nothing here\n", builtin("santander"))


ROW15 = 'P1,I1,R1,99,01/04/2026 15:30,01/04/2026,770012345,7,23,15,12.50,N0,0,0.00,"Smith, J"\n'


def test_the_fifteen_field_file():
    assert receipts15.recognise(ROW15.encode())
    records = list(receipts15.read(io.BytesIO(("Reference,b,c,d,e,f,g,h,i,j,Amount,l,m,n,o\n" + ROW15).encode())))
    entry = records[1]

    assert (entry.reference, entry.fund, entry.method_of_payment, entry.office) == ("770012345", "23", "15", "99")
    assert (entry.amount, entry.vat_code, entry.vat_amount) == (Decimal("12.50"), "N0", Decimal("0.00"))
    assert (entry.bank_reference, entry.narrative) == ("P1", "Smith, J")
    assert entry.extra == {
        "internal_reference": "I1",
        "receipt": "R1",
        "entry_date": "2026-04-01",
        "user": "7",
        "vat_rate": "0",
    }


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("15:30", "25 o'clock", "extra.entry_date"),
        (",01/04/2026,", ",yesterday,", "booked_on"),
        ("12.50", "twelve", "amount"),
        (",0,0.00", ",none,0.00", "extra.vat_rate"),
        ("0.00", "nil", "vat_amount"),
    ],
)
def test_fifteen_field_errors_name_their_field(old, new, field):
    problems = problems_of(ROW15.replace(old, new, 1), builtin("receipts15"))

    assert [(problem.line, problem.field) for problem in problems] == [(1, field)]


def test_unquoted_commas_in_the_fifteen_field_file_are_told():
    assert problems_of(ROW15.replace('"', ""), builtin("receipts15"))[0].code == "field_count"


SHEET = {
    "name": "sheet",
    "layout": "spreadsheet",
    "columns": [
        {"field": "reference", "heading": "Reference", "remove": " "},
        {"field": "booked_on", "heading": "Date"},
        {"field": "amount", "heading": "Amount"},
    ],
}


def workbook(rows: list[list]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_workbook():
    data = workbook(
        [
            ["Schedule"],
            ["Reference", "Date", "Amount"],
            ["77 0012 345", date(2026, 4, 1), 12.5],
            [770012346, "02/04/2026", "1,000.00"],
            [None, None, None],
            ["7", date(2026, 4, 1), 0.1 + 0.2],
        ]
    )
    records = records_of(data, SHEET)

    entries = [record for record in records if isinstance(record, Entry)]
    assert [entry.reference for entry in entries] == ["770012345", "770012346", "7"]
    assert [entry.amount for entry in entries] == [Decimal("12.50"), Decimal("1000.00"), Decimal("0.30")]
    assert [entry.line for entry in entries] == [3, 4, 6]
    assert entries[0].booked_on == date(2026, 4, 1)


def replaced_part(name: str, change) -> bytes:
    source = zipfile.ZipFile(io.BytesIO(workbook([["Reference", "Date", "Amount"], ["1", "01/04/2026", 1]])))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            content = source.read(part)
            target.writestr(part, change(content) if part == name else content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY e "x">]><worksheet', 1),
        lambda content: content.replace(b'r="C2"', b'r="XFD1048576"'),
        lambda content: content + b" " * 12_000_000,
    ],
    ids=["entity", "huge sheet", "swelling"],
)
def test_hostile_workbooks_are_refused(change):
    started = time.process_time()

    with pytest.raises(UnreadableFile) as refusal:
        records_of(replaced_part("xl/worksheets/sheet1.xml", change), SHEET)

    assert refusal.value.code in {"unsafe_workbook", "document_type"}
    assert time.process_time() - started < 5


@pytest.mark.parametrize("data", [b"not a workbook", b"\xd0\xcf\x11\xe0old", b"PK\x03\x04broken", b""])
def test_what_is_no_workbook_is_refused(data):
    with pytest.raises(UnreadableFile):
        records_of(data, SHEET)


@settings(deadline=None)
@given(st.binary(max_size=500))
def test_hostile_bytes_never_do_worse_than_being_refused(data):
    for profile in (Profile.from_config(SIMPLE), Profile.from_config(TRAILED), Profile.from_config(FIXED)):
        outcome = _outcome(data, profile)
        assert outcome
    for name in ("natwest", "santander"):
        assert _outcome(data, builtin(name))


def _outcome(data: bytes, profile: Profile) -> list:
    try:
        return records_of(data, profile)
    except UnreadableFile as error:
        return [error.message]


@given(
    st.lists(
        st.tuples(
            st.dates(date(2000, 1, 1), date(2099, 12, 31)),
            st.decimals(-999999, 999999, places=2),
            st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40),
        ),
        max_size=20,
    )
)
def test_what_a_csv_writer_writes_is_read_back(rows):
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream)
    for on, amount, text in rows:
        writer.writerow([on.strftime("%d/%m/%Y"), "REF", f"{amount:.2f}", text])
    if not rows:
        return

    entries = entries_of(stream.getvalue(), SIMPLE)

    assert [(entry.booked_on, entry.amount, entry.narrative) for entry in entries] == [
        (on, amount, text) for on, amount, text in rows
    ]


PAYPOINT = (
    "H,1234,20260402,77\n"
    "P,9826123456789012345,770012345,20260401,12550,TERM1,tx1,\n"
    "P,9826123456789012345,770012346,20260401,1000,TERM2,tx2,R\n"
    "T,2,11550\n"
)
POST_OFFICE = "H00000077\nD012345601042026770012345           00000012550C\nT000000010000000012550\n"


def test_the_outline_of_the_unconfirmed_agents_files():
    assert [(entry.reference, entry.amount) for entry in entries_of(PAYPOINT, builtin("paypoint"))] == [
        ("770012345", Decimal("125.50")),
        ("770012346", Decimal("-10.00")),
    ]
    assert not problems_of(PAYPOINT, builtin("paypoint"))
    assert problems_of(PAYPOINT.replace("11550", "11551"), builtin("paypoint"))
    assert [(entry.reference, entry.amount) for entry in entries_of(POST_OFFICE, builtin("post-office"))] == [
        ("770012345", Decimal("125.50"))
    ]
    assert not problems_of(POST_OFFICE, builtin("post-office"))
    assert problems_of(POST_OFFICE.replace("T00000001", "T00000002"), builtin("post-office"))


def test_a_large_file_takes_no_more_memory_than_a_small_one():
    import tracemalloc

    rows = b"01/04/2026,770012345,1.00,narrative of a payment\n" * 30_000
    profile = Profile.from_config(SIMPLE)
    stream = io.BytesIO(rows)
    tracemalloc.start()
    total = sum(record.amount for record in read(stream, profile) if isinstance(record, Entry))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert total == 30_000
    assert peak < 1_500_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**7) | st.text(max_size=6) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
profile_keys, column_keys, record_keys = (
    st.sampled_from([item.name for item in fields(kind)]) for kind in (Profile, Column, RecordRule)
)


@given(
    st.dictionaries(profile_keys, json_values, max_size=4),
    st.dictionaries(column_keys, json_values, max_size=4),
    st.dictionaries(record_keys, json_values, max_size=4),
)
def test_no_settings_do_worse_than_being_refused(top, column_settings, record_settings):
    config = {
        **SIMPLE,
        "columns": [*SIMPLE["columns"][1:], {"field": "booked_on", "column": 1} | column_settings],
        "records": [{"kind": "skip", "prefix": "#"} | record_settings],
        **top,
    }
    outcome: list = []
    try:
        profile = Profile.from_config(config)
        outcome = [profile] if Profile.from_config(profile.to_config()) == profile else []
        if profile.layout != "spreadsheet":
            outcome += _outcome(b"01/04/2026,A,1,x\n", profile)
    except InvalidInput as refusal:
        outcome = [refusal.message]
    assert outcome


def test_a_slow_pattern_does_not_stall_a_long_file():
    config = {**SIMPLE, "records": [{"kind": "skip", "regex": "^((a|aa)+)+$"}]}
    data = (b"a" * 60 + b"!\n") * 10_000
    began = time.process_time()
    with pytest.raises(UnreadableFile, match="takes too long") as refusal:
        records_of(data, config)
    assert refusal.value.code == "slow_pattern"
    assert time.process_time() - began < 5


def test_a_pattern_of_a_profile_that_would_take_long_to_understand_is_refused():
    with pytest.raises(InvalidInput, match="repeats groups within groups"):
        Profile.from_config({**SIMPLE, "records": [{"kind": "skip", "regex": "(?:(?:a{1000}){1000}){1000}"}]})


def test_a_file_that_must_be_held_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(profile_statement, "_MOST_HELD", 20)
    head = "Date, Type, Description, Value, Balance, Account Name, Account Number\n"
    rows = [f"03/04/2026,BGC,CTAX,1.00,{n}.00,COUNCIL,601613-31926819,\n" for n in range(30, 0, -1)]
    assert len(entries_of(head + "".join(rows[:20]), builtin("natwest"))) == 20
    with pytest.raises(UnreadableFile, match="Download it in parts"):
        entries_of(head + "".join(rows), builtin("natwest"))
