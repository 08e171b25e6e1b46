"""Excel workbooks (.xlsx) read by a profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from ims.formats.delimited import column_places, headings_match, missing_headings
from ims.formats.profile import DATE_FIELDS, EXTRA_PREFIX, Profile
from ims.formats.profile_rows import RowConverter
from ims.formats.profile_statement import Row, StatementReader
from ims.formats.records import Problem, Record, UnreadableFile
from ims.formats.workbook import Workbook

MOST_ROWS_BEFORE_HEADINGS = 30


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
    """The rows of a sheet (the first unless named) as texts: whole numbers without a point, dates as ISO.

    Raises `UnreadableFile` as `read` does.
    """
    with Workbook(stream) as book:
        yield from book.rows(_sheet_name(book.sheet_names, sheet))


def _sheet_name(names: Sequence[str], wanted: str) -> str:
    if wanted and wanted not in names:
        raise UnreadableFile(
            f"The workbook has no sheet called “{wanted}”; it has: {', '.join(names[:20])}. "
            "Correct the sheet in the profile."
        )
    if not names:
        raise UnreadableFile("The workbook has no sheets. Check that the right file was chosen.")
    return wanted or names[0]


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
