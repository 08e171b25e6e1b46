"""Every format IMS reads: recognises a file by its content, never by its name, and opens the right reader."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

from ims.formats import (
    allpay,
    bacs,
    bai2,
    camt,
    card,
    data_services,
    dwp,
    mt940,
    ofx,
    profile_formats,
    receipts15,
)
from ims.formats.format import Format
from ims.formats.records import Record, UnreadableFile
from ims.formats.rejoined import Rejoined
from ims.formats.text_lines import as_utf8
from ims.formats.unrecognised import what_it_looks_like
from ims.formats.workbook import LARGEST_FILE, ZIP

HEAD_BYTES = 65_536

MODULES: tuple[ModuleType, ...] = (
    mt940,
    camt,
    bai2,
    ofx,
    data_services,
    bacs,
    allpay,
    card,
    dwp,
    receipts15,
    profile_formats,
)
"""Register a module here. It says ``FORMATS = (Format(...), …)``. Asked in this order, so that a format with a
sharp signature stands before one that accepts almost anything."""

FORMATS: dict[str, Format] = {known.name: known for module in MODULES for known in module.FORMATS}


def recognise(head: bytes) -> Format:
    """The format of a file, told from its first bytes.

    Raises `UnreadableFile` that says what the file looks like instead.
    """
    is_archive = head.startswith(ZIP)
    readable = head if is_archive else as_utf8(head[:HEAD_BYTES])
    for known in FORMATS.values():
        # An archive may hold a statement uncompressed: only formats that are archives themselves are asked of one.
        if (known.is_archive or not is_archive) and known.recognise(readable):
            return known
    raise UnreadableFile(what_it_looks_like(head), code="format_not_recognised")


def read(stream: BinaryIO, format: str | None = None) -> Iterator[Record]:
    """The records of a file, in file order. The stream is read once, forwards, and need not be seekable.

    ``format`` is a name from `FORMATS`; without it the content decides. Raises `UnreadableFile`, at once for a
    file that is no known format and while iterating for one that breaks off.
    """
    if format is not None and format not in FORMATS:
        raise UnreadableFile(
            f"There is no file format called “{format}”. Known formats: {', '.join(FORMATS)}.", code="format_unknown"
        )
    head, whole = with_head(stream)
    chosen = FORMATS[format] if format else recognise(head)
    return chosen.read(whole)


def head_of(stream: BinaryIO) -> bytes:
    """The first bytes of a stream, by which `recognise` tells what it is.

    Of an archive such as a workbook that is all of it, up to the largest that is read: its contents are listed at its
    end.
    """
    head = _first(stream, HEAD_BYTES)
    return head + _first(stream, LARGEST_FILE - len(head)) if head.startswith(ZIP) else head


def with_head(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The first bytes of a stream, and a stream that still begins with them."""
    head = head_of(stream)
    return head, io.BufferedReader(Rejoined(head, stream), HEAD_BYTES)


def _first(stream: BinaryIO, count: int) -> bytes:
    parts = []
    while count > 0 and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
