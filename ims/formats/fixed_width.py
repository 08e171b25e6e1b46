"""Fixed width text read by a profile: every value has its place on the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from ims.formats.profile import DATE_FIELDS, MONEY_FIELDS, Column, Profile
from ims.formats.profile_cells import Cell
from ims.formats.profile_controls import OddRow
from ims.formats.profile_rows import RowConverter
from ims.formats.profile_statement import Row, StatementReader
from ims.formats.profile_text import TextFile
from ims.formats.profile_values import short
from ims.formats.records import Problem, Record

_END_OF_FILE = "\x1a"


def read(stream: BinaryIO, profile: Profile) -> Iterator[Record]:
    """The records of a fixed width file; blank lines are passed over. Raises `UnreadableFile` for an empty file."""
    text = TextFile(stream, profile.encoding)
    places: dict[int, Cell | int] = {n: _take(column) for n, column in enumerate(profile.columns)}
    return StatementReader(profile, RowConverter(profile, places)).records(_rows(text, profile))


def _take(column: Column) -> Cell:
    if column.constant is not None:
        text = column.constant
        return lambda cells: text
    start, end = column.start - 1, column.start - 1 + column.length
    return lambda cells: cells[0][start:end]


def _rows(text: TextFile, profile: Profile) -> Iterator[Row | Problem]:
    shortest = profile.record_length or _shortest(profile)
    for line, ended in enumerate(text, start=1):
        raw = ended.rstrip("\r\n" + _END_OF_FILE)
        if line <= profile.skip_rows or not raw.strip():
            continue
        if len(raw) >= shortest:
            yield line, (raw,), raw
            continue
        problem = _too_short(line, raw, shortest)
        if profile.records:
            yield line, OddRow([raw], problem), raw
        else:
            yield problem


def _shortest(profile: Profile) -> int:
    """Trailing blanks are often cut off, so a line need only be long enough for its dates and amounts."""
    needed = (*DATE_FIELDS, *MONEY_FIELDS, "sign")
    return max((c.start + c.length - 1 for c in profile.columns if c.field in needed and c.start), default=1)


def _too_short(line: int, raw: str, shortest: int) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line} has {len(raw)} characters where at least {shortest} are expected: “{short(raw)}”. "
        "Correct the row, or ask the sender for a corrected file.",
        code="too_short",
        value=str(len(raw)),
        raw=raw[:2000],
    )
