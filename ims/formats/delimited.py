"""Delimited text (CSV and its relatives) read by a profile."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ims.formats.profile import Column, Profile
from ims.formats.profile_cells import Cell
from ims.formats.profile_controls import OddRow
from ims.formats.profile_rows import RowConverter
from ims.formats.profile_statement import Row, StatementReader
from ims.formats.profile_text import TextFile
from ims.formats.profile_values import short
from ims.formats.records import Problem, Record, UnreadableFile

DELIMITERS = (",", ";", "\t", "|")
MOST_ROWS_BEFORE_HEADINGS = 30
_LONGEST_FIELD = 200_000


def read(stream: BinaryIO, profile: Profile) -> Iterator[Record]:
    """The records of a delimited file. Raises `UnreadableFile` when the headings asked for are not there."""
    text = TextFile(stream, profile.encoding)
    delimiter = profile.delimiter or sniff_delimiter(text.head, profile)
    rows = _Rows(text, delimiter, profile)
    headings = rows.find_headings() if profile.uses_headings else None
    places = column_places(profile, headings)
    rows.expect(_field_count(profile, headings))
    return StatementReader(profile, RowConverter(profile, places)).records(rows)


def sniff_delimiter(head: str, profile: Profile) -> str:
    """The delimiter that splits the file's first lines best: into the profile's headings, or into equal counts."""
    lines = [line for line in head.splitlines()[:40] if line.strip()]
    if not lines:
        return ","

    def score(delimiter: str) -> tuple[int, int]:
        rows = list(csv.reader(lines, delimiter=delimiter, quotechar=profile.quote or None, quoting=_quoting(profile)))
        matched = max((len(_found_headings(profile, row)) for row in rows), default=0)
        widths = [len(row) for row in rows]
        common = max(widths, key=widths.count)
        return matched, widths.count(common) if common > 1 else 0

    try:
        return max(DELIMITERS, key=score)
    except csv.Error:
        return ","


def headings_match(profile: Profile, cells: Sequence[str]) -> bool:
    """Whether a row is the profile's row of headings: every column that goes by heading is there, unless optional."""
    found = _found_headings(profile, cells)
    wanted = [column for column in profile.columns if column.heading]
    return bool(wanted) and all(column.field in found or _is_optional(column) for column in wanted) and bool(found)


def heading_key(text: str) -> str:
    """Headings are compared without case, quotes, byte order marks or doubled spaces."""
    return " ".join(text.replace("\ufeff", "").replace("\u00a0", " ").strip(" \"'").lower().split())


def column_places(profile: Profile, headings: Sequence[str] | None) -> dict[int, Cell | int]:
    """Where each column of the profile is found in the cells of a row."""
    keys = [heading_key(text) for text in headings or ()]
    places: dict[int, Cell | int] = {}
    for n, column in enumerate(profile.columns):
        if column.constant is not None:
            places[n] = _constant(column.constant)
        elif column.column:
            places[n] = column.column - 1
        else:
            index = _heading_index(column, keys)
            if index is not None:
                places[n] = index
    return places


def missing_headings(profile: Profile) -> UnreadableFile:
    names = ", ".join(f"“{column.heading[0]}”" for column in profile.columns if column.heading)
    return UnreadableFile(
        f"The file has no row with the headings {names} that the profile “{profile.title or profile.name}” expects. "
        "Check that the right file and profile were chosen, or correct the headings in the profile.",
        code="headings_missing",
    )


def _constant(text: str) -> Cell:
    return lambda cells: text


def _is_optional(column: Column) -> bool:
    """Everything but dates and money may be missing from an export that otherwise fits."""
    return column.field.startswith("extra.") or (column.field not in _NEEDED and not column.required)


_NEEDED = frozenset({"amount", "debit", "credit", "sign", "booked_on", "reference", "narrative"})


def _heading_index(column: Column, keys: Sequence[str]) -> int | None:
    for heading in column.heading:
        key = heading_key(heading)
        if key in keys:
            return keys.index(key)
    return None


def _found_headings(profile: Profile, cells: Sequence[str]) -> set[str]:
    keys = [heading_key(cell) for cell in cells]
    return {column.field for column in profile.columns if _heading_index(column, keys) is not None}


def _field_count(profile: Profile, headings: Sequence[str] | None) -> int:
    if profile.fields:
        return profile.fields
    if headings:
        return len(_without_blank_tail(headings))
    return max((column.column for column in profile.columns), default=1)


def _without_blank_tail(cells: Sequence[str]) -> Sequence[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _quoting(profile: Profile) -> int:
    return csv.QUOTE_MINIMAL if profile.quote else csv.QUOTE_NONE


class _Rows:
    """The rows of the file with their line numbers and raw text; rows of the wrong width become problems."""

    def __init__(self, text: TextFile, delimiter: str, profile: Profile) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
        self._pending: list[str] = []
        self._profile = profile
        self._width = 0
        self._reader = csv.reader(
            self._remembered(text),
            delimiter=delimiter,
            quotechar=profile.quote or None,
            quoting=_quoting(profile),
            strict=True,
        )
        self._skip = profile.skip_rows

    def expect(self, width: int) -> None:
        """How many fields each row must have; blank ones beyond that are let pass."""
        self._width = width

    def find_headings(self) -> list[str]:
        """Read as far as the row of headings. Raises `UnreadableFile` when it does not come soon."""
        for _ in range(MOST_ROWS_BEFORE_HEADINGS + self._skip):
            try:
                cells = next(self._reader)
            except StopIteration:
                break
            except csv.Error:
                continue
            finally:
                self._pending.clear()
            if headings_match(self._profile, cells):
                self._skip = 0
                return cells
        raise missing_headings(self._profile)

    def __iter__(self) -> Iterator[Row | Problem]:
        reader, pending, width, skip = self._reader, self._pending, self._width, self._skip
        has_records = bool(self._profile.records)
        last_line = reader.line_num
        while True:
            try:
                for cells in reader:
                    line, last_line = last_line + 1, reader.line_num
                    raw = pending[0] if len(pending) == 1 else "".join(pending)
                    pending.clear()
                    if skip:
                        skip -= 1
                        continue
                    if len(cells) == width:
                        yield line, cells, raw.rstrip("\r\n")
                    elif any(map(str.strip, cells)):
                        yield self._odd_width(line, cells, raw.rstrip("\r\n"), has_records)
                return
            except csv.Error as error:
                line, last_line = last_line + 1, reader.line_num
                raw = "".join(pending)
                pending.clear()
                yield _broken_row(line, last_line, raw, error)

    def _odd_width(self, line: int, cells: list[str], raw: str, has_records: bool) -> Row | Problem:
        """Blank fields at the end are no fault; a header or trailer may have any width and is looked at later."""
        if len(cells) > self._width and not any(cell.strip() for cell in cells[self._width :]):
            return line, cells, raw
        if has_records:
            return line, OddRow(cells, self._width_problem(line, cells, raw)), raw
        return self._width_problem(line, cells, raw)

    def _width_problem(self, line: int, cells: Sequence[str], raw: str) -> Problem:
        return Problem(
            line=line,
            message=f"Line {line} has {len(cells)} fields where {self._width} are expected: “{short(raw)}”. "
            "A comma inside a text may lack its quotes: correct the row, or ask the sender for a corrected file.",
            code="field_count",
            value=str(len(cells)),
            raw=raw[:2000],
        )

    def _remembered(self, text: TextFile) -> Iterator[str]:
        remember = self._pending.append
        for line in text:
            remember(line)
            yield line


def _broken_row(line: int, last_line: int, raw: str, error: csv.Error) -> Problem:
    where = f"Line {line}" if last_line <= line else f"Lines {line} to {last_line}"
    several = last_line > line
    return Problem(
        line=line,
        message=f"{where} cannot be split into fields ({error}): “{short(raw)}”. A quotation mark is missing or out of "
        "place: correct it, or ask the sender for a corrected file.",
        scope="statement" if several else "row",
        code="broken_quotes",
        raw=raw[:2000],
    )
