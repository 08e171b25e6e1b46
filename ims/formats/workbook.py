"""Looks through an Excel workbook (.xlsx) that a stranger sent, before the library that reads it may see it.

The library lays every sheet out whole, from its first cell to its last, and believes how many strings a part announces:
two cells in opposite corners, or one number, would take more memory than there is, and that ends the whole process. So
every cell's place is read here first, by the strict grammar of an XML tag; a cell written in any other way is refused,
not guessed at. Because two programs may see different parts in one archive, the library is given a new archive, of
nothing but the parts that were looked through.
"""

from __future__ import annotations

import io
import re
import zipfile

from ims.formats.records import UnreadableFile

LARGEST_FILE = 50_000_000
LARGEST_UNPACKED = 400_000_000
LARGEST_RATIO = 200
SMALL_UNPACKED = 5_000_000
"""Archives that unpack to less than this are not held to the ratio."""
MOST_PARTS = 2_000
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_CELLS = 10_000_000
"""Rows times columns, empty cells between others too: about 32 bytes each while the sheet is read."""

_CHUNK = 1_000_000
_LONGEST_BETWEEN_TAGS = 2_000_000
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_READ_PARTS = (".xml", ".rels")
"""Other parts (pictures, macros, the parts of other kinds of workbook) are left out."""
_NOT_READ = "xl/calcchain.xml"
"""In which order Excel computes cells: tags like a sheet's, in no order of rows."""

_FORBIDDEN = re.compile(
    rb"<!(?:DOCTYPE|ENTITY)|<\x00!\x00D\x00O\x00C\x00T|\x00<\x00!\x00D\x00O\x00C\x00T", re.IGNORECASE
)
_COUNT = re.compile(rb"""[cC]ount\s*+=\s*+["'][^"'<]{0,40}?[0-9]{8}""")
"""A part that announces tens of millions of anything: the library makes room for them before it looks."""
_OVERLAP = 256
_ATTRIBUTE = rb"""\s++(?!r[\s=])[\w:.-]++\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+')"""
_PLACE = rb"""\s++r\s*+=\s*+["']([A-Z]{0,3})([1-9][0-9]{0,6})["']"""
_TAG = re.compile(
    rb"<(?:[^\s<>/:]*:)?(?:(c|row)(?=[\s/>])"
    rb"((?:" + _ATTRIBUTE + rb")*+(?:" + _PLACE + rb"(?:" + _ATTRIBUTE + rb")*+)?\s*+/?>)?|(/)(?:[^\s<>/:]*:)?row[\s>])"
)


def safe_copy(data: bytes) -> io.BytesIO:
    """The workbook as a new archive of the parts that hold sheets. Raises `UnreadableFile` for one that is unsafe."""
    if len(data) > LARGEST_FILE:
        raise _unsafe(f"is larger than {LARGEST_FILE // 1_000_000} MB")
    if data.startswith(_OLD_EXCEL):
        raise UnreadableFile(
            "The workbook is in the old Excel format (.xls) or protected by a password. "
            "Open it in Excel and save it as an Excel workbook (.xlsx) without a password."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _copied(archive, len(data))
    except UnreadableFile:
        raise
    except Exception as error:  # zipfile raises many kinds for damaged archives
        raise UnreadableFile(
            "The file is not an Excel workbook (.xlsx), or it is damaged. Open it in Excel, save it again as .xlsx, "
            "and upload that."
        ) from error


def _copied(archive: zipfile.ZipFile, packed: int) -> io.BytesIO:
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise _unsafe("unpacks to more than a workbook of receipts can hold")
    if len({part.filename.lower() for part in parts}) != len(parts):
        raise _unsafe("holds two parts of the same name")
    unpacked = 0
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for part in parts:
            if part.flag_bits & 1:
                raise UnreadableFile("The workbook is protected by a password. Save it without one and upload that.")
            unpacked += _look_through(archive, part, target, LARGEST_UNPACKED - unpacked)
    if unpacked > SMALL_UNPACKED and unpacked > packed * LARGEST_RATIO:
        raise _unsafe(f"unpacks to more than {LARGEST_RATIO} times its size")
    copy.seek(0)
    return copy


def _look_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo, target: zipfile.ZipFile, allowed: int) -> int:
    """Unpack one part a piece at a time and copy it if it can be a sheet's; returns its true size."""
    name = part.filename.lower()
    if not name.endswith(_READ_PARTS) or name == _NOT_READ:
        return 0
    size = 0
    before = b""
    cells = _Cells()
    with archive.open(part) as source, target.open(part.filename, "w") as copied:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > allowed or size > part.file_size:
                raise _unsafe("unpacks to more than it declares")
            if _FORBIDDEN.search(before + chunk):
                raise _unsafe("holds a document type or an entity")
            if _COUNT.search(before + chunk):
                raise _unsafe("announces more strings or styles than a workbook can hold")
            before = chunk[-_OVERLAP:]
            cells.look(chunk)
            copied.write(chunk)
    cells.look(b"<")  # whatever tag was still open
    return size


class _Cells:
    """Where the cells of a sheet are, told from its tags as they come. Other parts have no such tags."""

    def __init__(self) -> None:
        self._rest = b""
        self._row = self._column = 0
        self._last_row = self._last_column = 0

    def look(self, chunk: bytes) -> None:
        """Take in every tag that ends before the last “<”; what follows waits for the next piece."""
        window = self._rest + chunk
        end = window.rfind(b"<")
        if end < 0 or len(window) - end > _LONGEST_BETWEEN_TAGS:
            if len(window) > _LONGEST_BETWEEN_TAGS:
                raise _unsafe("holds a text longer than a cell can be")
            end = max(end, 0)
        for match in _TAG.finditer(window, 0, end):
            self._take(match)
        self._rest = window[end:]
        if self._last_row > MOST_ROWS or self._last_column > MOST_COLUMNS or self._area > MOST_CELLS:
            raise _unsafe(f"has a sheet that reaches to row {self._last_row:,} and column {self._last_column:,}")

    @property
    def _area(self) -> int:
        return self._last_row * self._last_column

    def _take(self, match: re.Match[bytes]) -> None:
        name, body, letters, number, ends_row = match.groups()
        if ends_row:
            self._row += 1
            self._column = 0
            return
        if body is None:
            raise _unsafe("has a cell that is not written as Excel writes cells")
        if name == b"row":
            self._row = int(number) if number else self._row + (not self._row)
            return
        if number:
            self._row, self._column = max(self._row, int(number)), _column_number(letters)
        else:
            self._row = self._row or 1
            self._column += 1
        self._last_row = max(self._last_row, self._row)
        self._last_column = max(self._last_column, self._column)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _unsafe(what: str) -> UnreadableFile:
    return UnreadableFile(
        f"The workbook {what}, so it was not opened. Ask the sender for a plain workbook, or for a CSV file.",
        code="unsafe_workbook",
    )
