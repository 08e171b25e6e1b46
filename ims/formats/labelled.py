"""Text in labelled blocks (``Date: …``, ``Amount: …``), one block for each entry, read by a profile.

A block begins with the label of the profile's first column that has one. Text without a known label goes on with the
value before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from ims.formats.delimited import heading_key, missing_headings
from ims.formats.profile import Profile
from ims.formats.profile_cells import Cell
from ims.formats.profile_controls import OddRow
from ims.formats.profile_rows import RowConverter
from ims.formats.profile_statement import Row, StatementReader
from ims.formats.profile_text import TextFile
from ims.formats.records import Problem, Record

_MOST_LINES_IN_BLOCK = 200


def read(stream: BinaryIO, profile: Profile) -> Iterator[Record]:
    """The records of a labelled file. Raises `UnreadableFile` when its first block does not begin."""
    text = TextFile(stream, profile.encoding)
    labels = _labels(profile)
    first = next(iter(labels), "")
    if not any(_label(line)[0] == first for line in text.head.splitlines()):
        raise missing_headings(profile)
    places: dict[int, Cell | int] = {}
    for n, column in enumerate(profile.columns):
        places[n] = (
            _constant(column.constant) if column.constant is not None else labels[heading_key(column.heading[0])]
        )
    return StatementReader(profile, RowConverter(profile, places)).records(_blocks(text, profile, labels, first))


def _labels(profile: Profile) -> dict[str, int]:
    """The cell that each label fills; several headings of one column fill the same cell."""
    labels: dict[str, int] = {}
    for n, column in enumerate(column for column in profile.columns if column.heading):
        for heading in column.heading:
            labels.setdefault(heading_key(heading), n)
    return labels


def _constant(text: str) -> Cell:
    return lambda cells: text


def _label(line: str) -> tuple[str, str]:
    label, colon, value = line.replace("\u00a0", " ").partition(":")
    return (heading_key(label), value.strip()) if colon else ("", line.strip())


def _blocks(text: TextFile, profile: Profile, labels: dict[str, int], first: str) -> Iterator[Row | Problem]:
    width = max(labels.values(), default=-1) + 1
    cells: list[str] | None = None
    raw: list[str] = []
    start, last = 0, 0
    for number, ended in enumerate(text, start=1):
        line = ended.rstrip("\r\n\x1a")
        label, value = _label(line)
        if label == first:
            if cells is not None:
                yield start, cells, "\n".join(raw).rstrip()
            cells, raw, start, last = [""] * width, [], number, labels[first]
        if cells is None:
            if line.strip():
                shown = line.replace("\u00a0", " ")
                yield number, OddRow([shown], None), shown
            continue
        if len(raw) >= _MOST_LINES_IN_BLOCK:
            yield _too_long(start)
            return
        raw.append(line)
        if label in labels:
            last = labels[label]
            cells[last] = value
        elif line.strip():
            cells[last] = f"{cells[last]} {line.strip()}".strip()
    if cells is not None:
        yield start, cells, "\n".join(raw).rstrip()


def _too_long(line: int) -> Problem:
    return Problem(
        line=line,
        message=f"The entry that begins on line {line} has more than {_MOST_LINES_IN_BLOCK} lines, so the file is not "
        "of this layout or was damaged. Reading stopped there: fetch the file again.",
        scope="statement",
        code="block_too_long",
    )
