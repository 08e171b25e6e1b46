"""The 15-field receipts file: what LocalGov IMS imports and exports, and a plain way to hand IMS receipts.

The layout is the built-in profile ``receipts15``; here it is only made known as a format of its own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO

from ims.formats import delimited
from ims.formats.format import Format
from ims.formats.profile import builtin
from ims.formats.records import Record

_DATE = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}(?:[ T].*)?|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T].*)?")
_LINES_LOOKED_AT = 5


def recognise(head: bytes) -> bool:
    """True when one of the first rows has 15 fields with dates in the fifth and sixth."""
    lines = head.decode(errors="replace").splitlines()[:_LINES_LOOKED_AT]
    try:
        rows = list(csv.reader(lines))
    except csv.Error:
        return False
    return any(len(row) == 15 and all(_DATE.fullmatch(row[n].strip()) for n in (4, 5)) for row in rows)


def read(stream: BinaryIO) -> Iterator[Record]:
    """The receipts of the file as one statement. Raises `UnreadableFile` for an empty file."""
    return delimited.read(stream, builtin("receipts15"))


FORMAT = Format("receipts15", "Receipts, 15 fields", recognise, read)
FORMATS = (FORMAT,)
