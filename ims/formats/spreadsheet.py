"""Excel workbooks (.xlsx) read by a profile.

A workbook is a ZIP archive of XML that a stranger sent. Before the library opens it, its parts are unpacked under a
limit and looked through: an archive that swells, a document type or entity, or a sheet that claims to be huge is
refused.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

from python_calamine import CalamineWorkbook

from ims.formats.delimited import column_places, headings_match, missing_headings
from ims.formats.profile import DATE_FIELDS, EXTRA_PREFIX, Profile
from ims.formats.profile_rows import RowConverter
from ims.formats.profile_statement import Row, StatementReader
from ims.formats.records import Problem, Record, UnreadableFile

LARGEST_FILE = 50_000_000
LARGEST_UNPACKED = 400_000_000
LARGEST_RATIO = 200
SMALL_UNPACKED = 5_000_000
"""Archives that unpack to less than this are not held to the ratio."""
MOST_PARTS = 2_000
MOST_ROWS = 1_048_576
MOST_CELLS = 20_000_000
MOST_ROWS_BEFORE_HEADINGS = 30

_CHUNK = 1_000_000
_OVERLAP = 64
_CELL = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_FORBIDDEN = re.compile(
    rb"<!(?:DOCTYPE|ENTITY)|<\x00!\x00D\x00O\x00C\x00T|\x00<\x00!\x00D\x00O\x00C\x00T", re.IGNORECASE
)


def read(stream: BinaryIO, profile: Profile) -> Iterator[Record]:
    """The records of one sheet (the profile's, else the first). Raises `UnreadableFile` for an unsafe or damaged
    workbook, and when the headings asked for are not there.
    """
    profile = _with_spreadsheet_dates(profile)
    rows = enumerate(sheet_rows(stream, profile.sheet), start=1)
    headings = _find_headings(rows, profile) if profile.uses_headings else None
    places = column_places(profile, headings)
    return StatementReader(profile, RowConverter(profile, places)).records(_rows(rows, profile, headings))


def sheet_rows(stream: BinaryIO, sheet: str = "") -> Iterator[list[str]]:
    """The rows of a sheet as texts: whole numbers without a point, dates as ISO, blank cells as "".

    Raises `UnreadableFile` as `read` does.
    """
    data = stream.read(LARGEST_FILE + 1)
    _refuse_unsafe(data)
    with_library = _open(data, sheet)
    for row in with_library:
        yield [_text(cell) for cell in row]


def _refuse_unsafe(data: bytes) -> None:
    if len(data) > LARGEST_FILE:
        raise _unsafe(f"is larger than {LARGEST_FILE // 1_000_000} MB")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile(
            "The workbook is in the old Excel format (.xls) or protected by a password. "
            "Open it in Excel and save it as an Excel workbook (.xlsx) without a password."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_unsafe_parts(archive, len(data))
    except UnreadableFile:
        raise
    except Exception as error:  # zipfile raises many kinds for damaged archives
        raise UnreadableFile(
            "The file is not an Excel workbook (.xlsx), or it is damaged. Open it in Excel, save it again as .xlsx, "
            "and upload that."
        ) from error


def _refuse_unsafe_parts(archive: zipfile.ZipFile, packed: int) -> None:
    parts = archive.infolist()
    declared = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or declared > LARGEST_UNPACKED:
        raise _unsafe("unpacks to more than a workbook of receipts can hold")
    names = [part.filename for part in parts]
    if len(set(names)) != len(names):
        raise _unsafe("holds two parts of the same name")
    unpacked = 0
    for part in parts:
        if part.flag_bits & 1:
            raise UnreadableFile("The workbook is protected by a password. Save it without one and upload that.")
        unpacked += _look_through(archive, part, LARGEST_UNPACKED - unpacked)
    if unpacked > SMALL_UNPACKED and unpacked > packed * LARGEST_RATIO:
        raise _unsafe(f"unpacks to more than {LARGEST_RATIO} times its size")


def _look_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo, allowed: int) -> int:
    """Unpack one part a piece at a time without keeping it; returns its true size."""
    size = 0
    last_column = last_row = 0
    is_xml = part.filename.lower().endswith((".xml", ".rels", ".vml"))
    is_sheet = part.filename.lower().startswith("xl/worksheets/")
    tail = b""
    with archive.open(part) as source:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > allowed or size > part.file_size:
                raise _unsafe("unpacks to more than it declares")
            window = tail + chunk
            if is_xml and _FORBIDDEN.search(window):
                raise _unsafe("holds a document type or an entity")
            if is_sheet:
                for match in _CELL.finditer(window):
                    last_column = max(last_column, _column_number(match[1]))
                    last_row = max(last_row, int(match[2]))
                if last_row > MOST_ROWS or last_row * last_column > MOST_CELLS:
                    raise _unsafe(f"has a sheet that reaches to row {last_row:,} and column {last_column:,}")
            tail = window[-_OVERLAP:]
    return size


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


def _open(data: bytes, sheet: str) -> Iterator[Sequence[Any]]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = workbook.sheet_names
        if sheet and sheet not in names:
            known = ", ".join(names[:20])
            raise UnreadableFile(
                f"The workbook has no sheet called “{sheet}”; it has: {known}. Correct the sheet in the profile."
            )
        if not names:
            raise UnreadableFile("The workbook has no sheets. Check that the right file was chosen.")
        found = workbook.get_sheet_by_name(sheet or names[0])
        return iter(found.to_python(skip_empty_area=False, nrows=MOST_ROWS))
    except (KeyboardInterrupt, SystemExit, UnreadableFile):
        raise
    except BaseException as error:  # the library is Rust: a panic there is not an Exception
        raise UnreadableFile(
            "The workbook cannot be read; it may be damaged. Open it in Excel, save it again as .xlsx, and upload that."
        ) from error


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        # Excel keeps 15 significant digits; what stands behind them is noise.
        return format(Decimal(format(cell, ".15g")).normalize(), "f") if abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


def _with_spreadsheet_dates(profile: Profile) -> Profile:
    """Cells that Excel knows to be dates arrive as ISO, whatever the sheet shows."""
    columns = tuple(
        replace(column, dates=("yyyy-mm-dd", *(column.dates or ("dd/mm/yyyy",))))
        if column.field in DATE_FIELDS or (column.dates and column.field.startswith(EXTRA_PREFIX))
        else column
        for column in profile.columns
    )
    return replace(profile, columns=columns)


def _find_headings(rows: Iterator[tuple[int, list[str]]], profile: Profile) -> list[str]:
    for number, cells in rows:
        if headings_match(profile, cells):
            return cells
        if number >= MOST_ROWS_BEFORE_HEADINGS + profile.skip_rows:
            break
    raise missing_headings(profile)


def _rows(
    rows: Iterator[tuple[int, list[str]]], profile: Profile, headings: Sequence[str] | None
) -> Iterator[Row | Problem]:
    width = max(len(headings or ()), max((column.column for column in profile.columns), default=1))
    for number, cells in rows:
        if headings is None and number <= profile.skip_rows:
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < width:
            cells = [*cells, *[""] * (width - len(cells))]
        yield number, cells, "\t".join(cells)
