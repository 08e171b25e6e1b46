"""Workbooks as other programs write them, and workbooks made to harm whoever opens them."""

from __future__ import annotations

import io
import time
import zipfile
from contextlib import suppress
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from html import escape

import openpyxl
import pytest
import python_calamine
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.formats import workbook
from ims.formats.records import UnreadableFile
from ims.formats.spreadsheet import sheet_rows
from tests.formats.samples import FOLDER

SAMPLES = FOLDER.parent / "samples"

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET = "xl/worksheets/sheet1.xml"
FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'


def sheet(rows: str, prologue: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{prologue}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()
    )


def archive(parts: dict[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return stream.getvalue()


def parts(content: bytes, path: str = SHEET, **others: bytes | str) -> dict[str, bytes | str]:
    relation = f'<Relationship Id="rId1" Type="{OFFICE}'
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{relation}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{relation}/worksheet" '
        f'Target="{path.removeprefix("xl/")}"/></Relationships>',
        path: content,
        **others,
    }


def rows(data: bytes) -> list[list[str]]:
    return list(sheet_rows(io.BytesIO(data)))


def test_rows_begin_at_the_corner_whatever_is_empty():
    written = sheet('<row r="2"><c r="C2"><v>1</v></c><c><v>7</v></c></row><row r="4"><c r="D4"><v>2</v></c></row>')
    assert rows(archive(parts(written))) == [[], ["", "", "1", "7"], [], ["", "", "", "2"]]


def test_cells_without_places_follow_one_another():
    written = sheet("<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>")
    assert rows(archive(parts(written))) == [["1", "2"], ["3"]]


NONE_IN_XML = "\ufffe\uffff"
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.decimals(-(10**9), 10**9, places=2).map(float),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters=NONE_IN_XML), max_size=40),
    st.dates(date(1900, 3, 1), date(2099, 12, 31)),
    st.datetimes(datetime(1900, 3, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(microsecond=0)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=6))
def test_what_a_library_writes_is_read_as_it_was(table):
    book = openpyxl.Workbook()
    for number, values in enumerate(table, start=1):
        for place, value in enumerate(values, start=1):
            cell = book.active.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    found = rows(stream.getvalue())
    for number, values in enumerate(table):
        read = (found[number] if number < len(found) else []) + [""] * len(values)
        assert read[: len(values)] == [as_read(value) for value in values]


def as_read(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return format(Decimal(str(value)).normalize() + 0, "f")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == clock(0) else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)


@pytest.mark.parametrize("name", ["python_calamine", "openpyxl"])
def test_two_libraries_agree_about_the_sample(name):
    content = (SAMPLES / "dwp-counciltax-synthetic.xlsx").read_bytes()
    if name == "openpyxl":
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        other = [["" if cell is None else str(cell) for cell in row] for row in book.worksheets[0].values]
    else:
        sheets = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        other = [[str(cell) for cell in row] for row in sheets.get_sheet_by_index(0).to_python()]
    assert rows(content) == other


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("General", "45000.5"), ("0.00", "45000.5"), ('"d"0', "45000.5"), ("[Red]0.00", "45000.5"), ("\\d0", "45000.5"),
        ("dd/mm/yyyy", "2023-03-15 12:00:00"), ("yyyy", "2023-03-15 12:00:00"), ("[$-809]d mmm", "2023-03-15 12:00:00"),
        ("[h]:mm", "45000 days, 12:00:00"),
    ],
)  # fmt: skip
def test_a_number_is_a_date_where_its_style_says_so(code, shown):
    styles = (
        f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="{escape(code)}"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>'
    )
    written = sheet('<row r="1"><c r="A1" s="1"><v>45000.5</v></c><c r="B1" s="0"><v>45000.5</v></c></row>')
    assert rows(archive(parts(written, **{"xl/styles.xml": styles}))) == [[shown, "45000.5"]]


def test_strings_of_every_kind():
    strings = (
        f'<sst xmlns="{MAIN}"><si><t xml:space="preserve"> a </t></si>'
        "<si><r><t>b</t></r><r><t>c</t></r><rPh><t>no</t></rPh></si></sst>"
    )
    written = sheet(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="str"><v>f_x000D_</v></c>'
        '<c r="D1" t="inlineStr"><is><t>i</t></is></c><c r="E1" t="b"><v>1</v></c><c r="F1" t="e"><v>#N/A</v></c>'
        '<c r="G1"><f>1+1</f><v>2</v></c><c r="H1"><v>1_000</v></c><c r="I1"/></row>'
    )
    found = rows(archive(parts(written, **{"xl/sharedStrings.xml": strings})))
    assert found == [[" a ", "bc", "f\r", "i", "TRUE", "#N/A", "2", "1_000", ""]]


@pytest.mark.parametrize(
    "row",
    [
        '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A3"><v>1</v></c></row>',
        '<row r="1"><c r="A1"><v>9</v></c></row>',
        '<row r="2"><c r="A2" t="s"><v>7</v></c></row>',
    ],
    ids=["out of order", "twice", "in another row", "a row twice", "no such string"],
)
def test_money_that_could_be_read_in_two_ways_is_refused(row):
    with pytest.raises(UnreadableFile) as refusal:
        rows(archive(parts(sheet(FIRST + row))))
    assert refusal.value.code == "unsafe_workbook"


@pytest.mark.parametrize(
    "far",
    [
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
        '<row r="1048576"><c r = "XFD1048576"><v>1</v></c></row>',
        '<row r="1048576"><c s="1"\n\tr="XFD1048576"><v>1</v></c></row>',
        '<row r="1048576"><c r="xfd1048576"><v>1</v></c></row>',
        '<row r="1048576"><c r="XFD0001048576"><v>1</v></c></row>',
        '<row r="1048576"><c r="$XFD$1048576"><v>1</v></c></row>',
        '<row r="1048576"><c r="&#88;FD1048576"><v>1</v></c></row>',
        '<row r="1048576"><c x="<" r="XFD1048576"><v>1</v></c></row>',
        '<row r="1048576"><c r="A2" r="XFD1048576"><v>1</v></c></row>',
        '<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>',
        '<row r="4000000000"><c><v>1</v></c></row>',
        '<row r="4000000"><c r="A1"><v>1</v></c><c><v>1</v></c></row>',
        '<row r="1048576"><c' + " " * 1_500_000 + 'r="XFD1048576"><v>1</v></c></row>',
        f'<x:row xmlns:x="{MAIN}" r="1048576"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>',
        "<row>" + "<c><v>1</v></c>" * 20_000 + "</row>",
        '<row r="1000000"><c r="ZZ1000000"><v>1</v></c></row>',
    ],
    ids=range(17),
)
def test_a_sheet_that_would_fill_the_memory_is_refused_or_read_row_by_row(far):
    reached = 0
    with suppress(UnreadableFile):
        for row in sheet_rows(io.BytesIO(archive(parts(sheet(FIRST + far))))):
            reached += 1
            assert len(row) <= workbook.MOST_COLUMNS
    assert reached <= workbook.MOST_ROWS


def test_more_rows_than_excel_has_are_refused():
    many = "".join(f"<row><c><v>{number * 7919 % 1_000_003}</v></c></row>" for number in range(workbook.MOST_ROWS + 10))
    with pytest.raises(UnreadableFile, match="reaches to row 1,048,577"):
        for _ in sheet_rows(io.BytesIO(archive(parts(sheet(many))))):
            pass


def test_wide_rows_without_end_are_refused():
    wide = "".join(f'<row r="{n}"><c r="XFD{n}"><v>{n}</v></c></row>' for n in range(2, 5_000))
    with pytest.raises(UnreadableFile, match="more than 10,000,000 cells"):
        for _ in sheet_rows(io.BytesIO(archive(parts(sheet(FIRST + wide))))):
            pass


def test_one_row_that_never_ends_is_refused_before_it_is_held():
    endless = "<row>" + "".join(f"<c><v>{number}</v></c>" for number in range(300_000)) + "</row>"
    with pytest.raises(UnreadableFile, match="a row or a text longer"):
        rows(archive(parts(sheet(endless))))


@pytest.mark.parametrize("path", ["xl/data/sheet.foo", "xl/worksheets/sheet1.bin"])
def test_a_sheet_in_a_part_that_is_not_looked_through_is_never_opened(path):
    with pytest.raises(UnreadableFile):
        rows(archive(parts(sheet(FIRST + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), path)))


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize(
    "prologue",
    ['<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', '<!DOCTYPE x SYSTEM "http://127.0.0.1/x">'],
    ids=["external entity", "external subset"],
)
def test_document_types_are_refused_in_every_part(part, prologue):
    made = parts(sheet('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'))
    content = made.get(part, f'<sst xmlns="{MAIN}"/>')
    made[part] = prologue.encode() + (content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnreadableFile, match="document type"):
        rows(archive(made))


def test_a_workbook_of_another_kind_inside_the_archive_is_not_read():
    """OpenDocument, where one cell may say that it is repeated sixteen thousand times."""
    ods = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="1048576">'
        '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    with pytest.raises(UnreadableFile):
        rows(archive({"mimetype": mimetype, "content.xml": ods, "META-INF/manifest.xml": "<manifest/>"}))


@pytest.mark.parametrize(
    "others",
    [
        {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}" count="4294967295" uniqueCount="4294967295"/>'},
        {"xl/sharedStrings.xml": f"<sst xmlns='{MAIN}' uniqueCount = '4294967295'/>"},
        {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}" uniqueCount="+99999999999999999999"/>'},
        {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}" uniqueCount="00000000000000004294967295"/>'},
        {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><!--{"x" * 999_900}--></sst><sst uniqueCount="4294967295"/>'},
        {"xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="4294967295"/></styleSheet>'},
    ],
    ids=range(6),
)
def test_a_count_makes_no_room(others):
    with suppress(UnreadableFile):
        assert rows(archive(parts(sheet(FIRST), **others))) == [["1"]]


@pytest.mark.parametrize("count", ["9999999", "-1", "&#52;2949672950", "many"])
def test_a_smaller_lie_does_no_harm(count):
    strings = f'<sst xmlns="{MAIN}" count="1" uniqueCount="{count}"><si><t>rent</t></si></sst>'
    try:
        found = rows(
            archive(parts(sheet('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'), **{"xl/sharedStrings.xml": strings}))
        )
    except UnreadableFile:
        return
    assert found in ([["rent"]], [[""]])


def test_an_archive_that_swells_is_refused_quickly_wherever_it_swells():
    began = time.process_time()
    for part in (SHEET, "xl/sharedStrings.xml", "docProps/app.xml"):
        made = parts(sheet(FIRST))
        made[part] = b"<x>" + b" " * 60_000_000 + b"</x>"
        with pytest.raises(UnreadableFile) as refusal:
            rows(archive(made))
        assert refusal.value.code == "unsafe_workbook"
    assert time.process_time() - began < 10


def test_an_archive_that_lies_about_its_size_is_refused():
    honest = archive(parts(sheet(FIRST + "<!--" + "x" * 5_000_000 + "-->")))
    size = len(sheet(FIRST + "<!--" + "x" * 5_000_000 + "-->"))
    lying = honest.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(UnreadableFile):
        rows(lying)
