"""Workbooks made to harm whoever opens them. Several of these once ended the process, which no test can catch."""

from __future__ import annotations

import io
import time
import zipfile
from contextlib import suppress

import pytest

from ims.formats import workbook
from ims.formats.records import UnreadableFile
from ims.formats.spreadsheet import sheet_rows

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
    assert rows(archive(parts(written))) == [["", "", "", ""], ["", "", "1", "7"], ["", "", "", ""], ["", "", "", "2"]]


def test_cells_without_places_follow_one_another():
    written = sheet("<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>")
    assert rows(archive(parts(written))) == [["1", "2"], ["3", ""]]


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
def test_a_sheet_that_would_fill_the_memory_is_refused_however_it_is_written(far):
    with pytest.raises(UnreadableFile) as refusal:
        rows(archive(parts(sheet(FIRST + far))))
    assert refusal.value.code == "unsafe_workbook"


def test_more_rows_than_excel_has_are_refused():
    with pytest.raises(UnreadableFile, match=r"row 1,[01]"):
        rows(archive(parts(sheet("<row><c><v>1</v></c></row>" * (workbook.MOST_ROWS + 10)))))


@pytest.mark.parametrize("path", ["xl/data/sheet.foo", "xl/worksheets/sheet1.bin"])
def test_a_sheet_in_a_part_that_is_not_looked_through_is_never_opened(path):
    with pytest.raises(UnreadableFile):
        rows(archive(parts(sheet(FIRST + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), path)))


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/workbook.xml", "[Content_Types].xml"])
@pytest.mark.parametrize(
    "prologue",
    ['<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', '<!DOCTYPE x SYSTEM "http://127.0.0.1/x">'],
    ids=["external entity", "external subset"],
)
def test_document_types_are_refused_in_every_part(part, prologue):
    made = parts(sheet(FIRST))
    content = made.get(part, f'<sst xmlns="{MAIN}"/>')
    made[part] = prologue.encode() + (content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnreadableFile, match="document type or an entity"):
        rows(archive(made))


def test_a_workbook_of_another_kind_inside_the_archive_is_not_read():
    """The library also reads OpenDocument, where one cell may say that it is repeated sixteen thousand times."""
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
def test_a_count_that_would_fill_the_memory_is_refused(others):
    with pytest.raises(UnreadableFile, match="announces more"):
        rows(archive(parts(sheet(FIRST), **others)))


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


def test_two_archives_in_one_file_are_read_as_the_one_that_was_looked_through():
    harmless = archive(parts(sheet(FIRST)))
    harmful = archive(parts(sheet(FIRST + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')))
    for joined in (harmful + harmless, harmless + harmful):
        with suppress(UnreadableFile):
            assert rows(joined) == [["1"]]
