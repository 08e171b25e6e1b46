"""The DWP's schedule of council tax deductions: an Excel workbook of amounts taken from benefits.

Column F account reference, K date, L whole pence, M “-” for money taken back. The file holds no control total; the
whole schedule is one bank credit, and the two must be compared before posting.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from ims.formats import spreadsheet
from ims.formats.format import Format
from ims.formats.profile import builtin
from ims.formats.profile_values import Unreadable, date_reader
from ims.formats.records import Record, UnreadableFile
from ims.formats.workbook import ZIP

_REFERENCE, _DATE, _PENCE, _SIGN = 5, 10, 11, 12
_read_date = date_reader(("yyyy-mm-dd", "dd/mm/yyyy"))


def recognise(head: bytes) -> bool:
    """True for a workbook, whole in ``head``, whose second row is a deduction."""
    if not head.startswith(ZIP):
        return False
    try:
        rows = spreadsheet.sheet_rows(io.BytesIO(head))
        next(rows)
        row = [cell.strip() for cell in next(rows)]
        if len(row) <= _SIGN:
            return False
        _read_date(row[_DATE])
    except (UnreadableFile, Unreadable, StopIteration):
        return False
    return bool(row[_REFERENCE]) and row[_PENCE].isdigit() and row[_SIGN] in {"", "+", "-"}


def read(stream: BinaryIO) -> Iterator[Record]:
    """The deductions as one statement. Raises `UnreadableFile` for an unsafe or damaged workbook."""
    return spreadsheet.read(stream, builtin("dwp"))


FORMAT = Format("dwp", "DWP council tax deductions", recognise, read, is_archive=True)
FORMATS = (FORMAT,)
