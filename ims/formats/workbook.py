"""Excel workbooks (.xlsx) that a stranger sent, read a row at a time: an archive of XML parts (ISO/IEC 29500).

Public libraries lay a sheet out whole, from its first cell to its last, and believe what a part announces of itself:
two cells in opposite corners, or one number, take more memory than there is. Here a row is held while it is read, and
the strings that cells share; nothing is made room for before it is there, and what no spreadsheet program writes is
refused.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import BinaryIO, NoReturn

from lxml import etree

from ims.formats.records import UnreadableFile
from ims.formats.xml_stream import XmlStream, ended_elements, forget_before

LARGEST_FILE = 50_000_000
LARGEST_UNPACKED = 400_000_000
LARGEST_RATIO = 200
SMALL_UNPACKED = 5_000_000
"""Archives that unpack to less than this are not held to the ratio."""
MOST_PARTS = 2_000
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_CELLS = 10_000_000
"""Cells of all rows together, the empty ones before the last of a row too."""
LARGEST_STRINGS = 100_000_000
"""Characters of all the strings that cells share."""

_LARGEST_ELEMENT = 2_000_000
"""Bytes of one row or one shared string, and of all that stands before the first."""
_LARGEST_PART = 10_000_000
"""Bytes of the parts that are read whole: the lists of sheets and of styles."""
_IN_MEMORY = 1_000_000
ZIP = b"PK\x03\x04"
"""How every archive, and so every workbook, begins."""
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_PLACE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:[.][0-9]{0,400})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_AS_EXCEL = Context(prec=15)
_LARGEST_PLAIN = Decimal(10**15)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"

_DATE_STYLES = frozenset((*range(14, 23), *range(27, 37), *range(50, 59)))
_DURATION_STYLES = frozenset((45, 46, 47))
"""The numbers of the formats that every spreadsheet program knows; others are written out in the workbook."""
_NOT_LETTERS_OF_A_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DAYS_1904 = 1462
_LAST_DAY = 2_958_465
_FEBRUARY_1900 = 60
"""The day that Excel counts and no calendar has: 29 Feb 1900."""


class Workbook:
    """A workbook open for reading. Raises `UnreadableFile` for what is not one, is damaged, protected or unsafe."""

    def __init__(self, stream: BinaryIO) -> None:
        with _damage_told():
            self._file = _seekable(stream)
            self._archive = zipfile.ZipFile(self._file)
            self._parts = _safe_parts(self._archive)
            book = self._relations("")[1].get("officeDocument", "xl/workbook.xml")
            self._folder = book.rpartition("/")[0]
            by_id, self._by_kind = self._relations(book)
            root = self._whole(book)
            self._since_1904 = any(e.get("date1904") in ("1", "true") for e in root.iter("{*}workbookPr"))
            self._sheets = {
                sheet.get("name", ""): by_id.get(sheet.get(_RELATION) or sheet.get(_STRICT_RELATION) or "", "")
                for sheet in root.iter("{*}sheet")
            }

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    @property
    def sheet_names(self) -> list[str]:
        """The names of the sheets, in the order of their tabs."""
        return list(self._sheets)

    def rows(self, sheet: str) -> Iterator[list[str]]:
        """The rows of a sheet from its first, as texts: whole numbers without a point, dates as ISO, blank cells as "".

        A row ends with its last cell that is written, so rows differ in length; a row without cells is empty.
        """
        with _damage_told():
            yield from self._rows(self._sheets[sheet])

    def _rows(self, part: str) -> Iterator[list[str]]:
        reader = _Cells(self)
        source = self._stream(part)
        number = cells = 0
        for element in ended_elements(source, ("row", "sheetData"), what="workbook"):
            if not element.tag.endswith("row"):
                return
            at = _row_number(element.get("r"), number)
            row = reader.row(element, at)
            cells += len(row)
            if cells > MOST_CELLS:
                _refuse(f"has a sheet of more than {MOST_CELLS:,} cells by row {at:,}")
            forget_before(element)
            source.begin_anew()
            for _ in range(at - number - 1):
                yield []
            yield row
            number = at

    def shared_strings(self) -> list[str]:
        """The strings that cells refer to by number."""
        part = self._by_kind.get("sharedStrings", f"{self._folder}/sharedStrings.xml")
        if part.lower() not in self._parts:
            return []
        source, strings, size = self._stream(part), [], 0
        for element in ended_elements(source, ("si",), what="workbook"):
            strings.append(_text_of(element))
            size += len(strings[-1])
            if size > LARGEST_STRINGS:
                _refuse("holds more text than a workbook of receipts can")
            forget_before(element)
            source.begin_anew()
        return strings

    def styles(self) -> list[str]:
        """What the number in a cell of each style is: "date", "duration", or "" for just a number."""
        part = self._by_kind.get("styles", f"{self._folder}/styles.xml")
        if part.lower() not in self._parts:
            return []
        root = self._whole(part)
        written = {e.get("numFmtId", ""): _kind_of_format(e.get("formatCode", "")) for e in root.iter("{*}numFmt")}
        return [
            written.get(style.get("numFmtId", ""), _kind_of_known(style.get("numFmtId", "")))
            for styles in root.iter("{*}cellXfs")
            for style in styles.iterchildren("{*}xf")
        ]

    def read_moment(self, text: str, kind: str) -> str:
        """The number of a cell as an ISO date or a duration, by its `kind`; as it is when it can be neither."""
        if not _NUMBER.fullmatch(text):
            return text
        days = Decimal(text) + _DAYS_1904 * self._since_1904
        if not 0 <= days < _LAST_DAY + 1:
            return _plain_number(text)
        seconds = timedelta(seconds=round(days * 86_400))
        return str(seconds) if kind == "duration" else _moment(seconds)

    def _relations(self, of: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The parts that a part (the archive itself: "") refers to: by the number it gives them, and by their kind."""
        folder, _, name = of.rpartition("/")
        part = f"{folder}/_rels/{name}.rels".lstrip("/")
        if part.lower() not in self._parts:
            return {}, {}
        by_id, by_kind = {}, {}
        for relation in self._whole(part).iter("{*}Relationship"):
            target = relation.get("Target", "")
            path = target.removeprefix("/") if target.startswith("/") else f"{folder}/{target}".lstrip("/")
            by_id[relation.get("Id", "")] = path
            by_kind.setdefault(relation.get("Type", "").rpartition("/")[2], path)
        return by_id, by_kind

    def _whole(self, part: str) -> etree._Element:
        source = self._stream(part, allowed=_LARGEST_PART)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        return etree.parse(source, parser).getroot()

    def _stream(self, part: str, allowed: int = _LARGEST_ELEMENT) -> _Part:
        found = self._parts.get(part.lower())
        if found is None or not part.lower().endswith((".xml", ".rels")):
            _refuse(f"refers to “{part[:100]}”, which is not in it")
        return _Part(self._archive.open(found), allowed)


class _Part(XmlStream):
    """A part of the archive, of which only so much is passed on until its reader says that it begins anew."""

    def __init__(self, stream: BinaryIO, allowed: int) -> None:
        super().__init__(stream)
        self._allowed = allowed
        self._passed = 0

    def read(self, size: int = 65_536) -> bytes:
        chunk = super().read(min(size, 65_536))
        self._passed += len(chunk)
        if self._passed > self._allowed:
            _refuse("holds a row or a text longer than a workbook of receipts can")
        return chunk

    def begin_anew(self) -> None:
        """What was passed on has been dealt with."""
        self._passed = 0


class _Cells:
    """Turns rows of XML into texts; the strings and styles of the workbook are fetched when a cell first needs them."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._strings: list[str] | None = None
        self._styles: list[str] | None = None
        self._moments: dict[tuple[str, str], str] = {}
        self._columns: dict[str, int] = {}

    def row(self, element: etree._Element, number: int) -> list[str]:
        """The cells of one row, "" for those that are not written."""
        cells: list[str] = []
        for cell in element.iterchildren("{*}c"):
            column = self._column(cell.get("r"), number, len(cells))
            if column > len(cells):
                cells.extend([""] * (column - len(cells)))
            cells.append(self._value(cell))
        return cells

    def _column(self, place: str | None, row: int, expected: int) -> int:
        """The index of a cell's column. Raises `UnreadableFile` unless its place is further on in its row."""
        if place is None:
            column = expected
        else:
            match = _PLACE.fullmatch(place)
            if match is None or int(match[2]) != row:
                _refuse(f"has a cell at “{place[:20]}” in row {row:,}, which no spreadsheet program writes")
            column = self._columns.get(match[1], -1)
            if column < 0:
                column = self._columns[match[1]] = _column_number(match[1]) - 1
        if column < expected:
            _refuse(f"has two cells at, or one before, “{place}”")
        if column >= MOST_COLUMNS:
            _refuse(f"has a sheet that reaches to row {row:,} and column {column + 1:,}")
        return column

    def _value(self, cell: etree._Element) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return _text_of(cell)
        text = next((child.text or "" for child in cell.iterchildren("{*}v")), "").strip(
            " \r\n\t" if kind != "str" else ""
        )
        if not text:
            return ""
        if kind == "n":
            return self._number(text, cell.get("s"))
        if kind == "s":
            return self._shared(text)
        if kind == "b":
            return "TRUE" if text in ("1", "true") else "FALSE"
        if kind == "d":
            return text.removesuffix("T00:00:00").replace("T", " ")
        return _unescaped(text)

    def _number(self, text: str, style: str | None) -> str:
        kind = self._kind_of(style) if style else ""
        if not kind:
            return _plain_number(text)
        known = self._moments.get((text, kind))
        if known is None:
            known = self._book.read_moment(text, kind)
            if len(self._moments) < 10_000:
                self._moments[text, kind] = known
        return known

    def _kind_of(self, style: str) -> str:
        """What the number of a cell in this style is: "date", "duration", or "" for just a number."""
        if self._styles is None:
            self._styles = self._book.styles()
        place = int(style) if style.isdecimal() and len(style) < 6 else -1
        return self._styles[place] if 0 <= place < len(self._styles) else ""

    def _shared(self, text: str) -> str:
        if self._strings is None:
            self._strings = self._book.shared_strings()
        if not (text.isdecimal() and len(text) < 10 and int(text) < len(self._strings)):
            _refuse(f"refers to text number {text[:20]}, which it does not hold")
        return self._strings[int(text)]


def _seekable(stream: BinaryIO) -> BinaryIO:
    """The file where an archive can be read from its end, on disk when it is large."""
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the workbook
    size = 0
    while chunk := stream.read(65_536):
        if not size and chunk.startswith(_OLD_EXCEL):
            raise UnreadableFile(
                "The workbook is in the old Excel format (.xls) or protected by a password. "
                "Open it in Excel and save it as an Excel workbook (.xlsx) without a password."
            )
        size += len(chunk)
        if size > LARGEST_FILE:
            _refuse(f"is larger than {LARGEST_FILE // 1_000_000} MB")
        kept.write(chunk)
    kept.seek(0)
    return kept


def _safe_parts(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The parts of an archive by their names in small letters, which is how they are referred to."""
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > LARGEST_UNPACKED:
        _refuse("unpacks to more than a workbook of receipts can hold")
    if unpacked > SMALL_UNPACKED and unpacked > packed * LARGEST_RATIO:
        _refuse(f"unpacks to more than {LARGEST_RATIO} times its size")
    if any(part.flag_bits & 1 for part in parts):
        raise UnreadableFile("The workbook is protected by a password. Save it without one and upload that.")
    named = {part.filename.lower(): part for part in parts}
    if len(named) != len(parts):
        _refuse("holds two parts of the same name")
    return named


@contextmanager
def _damage_told() -> Iterator[None]:
    """Every way in which an archive or its XML can be broken, as one sentence."""
    try:
        yield
    except UnreadableFile:
        raise
    except (zipfile.BadZipFile, etree.LxmlError, OSError, ValueError, KeyError, EOFError, NotImplementedError,
            RuntimeError, zlib.error) as error:  # fmt: skip
        raise UnreadableFile(
            "The file is not an Excel workbook (.xlsx), or it is damaged. Open it in Excel, save it again as .xlsx, "
            "and upload that."
        ) from error


def _row_number(written: str | None, before: int) -> int:
    number = before + 1
    if written is not None:
        number = int(written) if written.isdecimal() and len(written) < 12 else 0
    if number <= before:
        _refuse(f"has a row “{written[:20] if written else ''}” after row {before:,}")
    if number > MOST_ROWS:
        _refuse(f"has a sheet that reaches to row {number:,}")
    return number


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _text_of(element: etree._Element) -> str:
    """The text of a string, its differently dressed runs joined; how it is pronounced is left out."""
    runs = element.iter("{*}t")
    return _unescaped("".join(run.text or "" for run in runs if not run.getparent().tag.endswith("}rPh")))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _kind_of_known(number: str) -> str:
    code = int(number) if number.isdecimal() and len(number) < 6 else 0
    return "date" if code in _DATE_STYLES else "duration" if code in _DURATION_STYLES else ""


def _kind_of_format(code: str) -> str:
    """What a written-out format makes of a number, told from the letters that it has outside quotes and brackets."""
    if code.lower() == "general":
        return ""
    letters = _NOT_LETTERS_OF_A_FORMAT.sub("", code.lower().partition(";")[0])
    if re.search(r"\[(?:h+|m+|s+)\]", letters):
        return "duration"
    return "date" if re.search(r"[dmyhs]", letters.replace("general", "")) else ""


def _plain_number(text: str) -> str:
    """A number as a person writes it. Excel keeps 15 significant digits; what stands behind them is noise."""
    if not _NUMBER.fullmatch(text):
        return text
    number = _AS_EXCEL.create_decimal(text)
    return format(number.normalize(_AS_EXCEL) + 0, "f") if -_LARGEST_PLAIN < number < _LARGEST_PLAIN else text


def _moment(since: timedelta) -> str:
    """Days since the beginning of Excel's time as an ISO date, with the time of day where there is one."""
    minutes, second = divmod(since.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    if not since.days:
        return clock
    day = date(1899, 12, 31 if since.days < _FEBRUARY_1900 else 30) + timedelta(days=since.days)
    return f"{day.isoformat()} {clock}" if since.seconds else day.isoformat()


def _refuse(what: str) -> NoReturn:
    raise UnreadableFile(
        f"The workbook {what}, so it was not opened. Ask the sender for a plain workbook, or for a CSV file.",
        code="unsafe_workbook",
    )
