"""Text out of the bytes of a file read by a profile, line ends kept as they are.

Unlike the readers of bank formats, which may read a NUL as a space, a profile's rows are refused when they hold one:
the reader must see the text exactly.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from ims.formats.records import UnreadableFile
from ims.formats.rejoined import Rejoined

HEAD_BYTES = 65_536
LONGEST_LINE = 1_000_000
_WESTERN = "ims.western"


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """Reads what is not UTF-8 as Windows-1252, and what is not even that as ISO 8859-1."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    text = "".join(_western_character(byte) for byte in error.object[error.start : error.end])
    return text, error.end


def _western_character(byte: int) -> str:
    try:
        return bytes((byte,)).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


codecs.register_error(_WESTERN, _as_western)


class TextFile:
    """The text of a stream: ``head`` is its beginning, and iterating gives every line with its line end.

    ``encoding`` blank: the byte order mark decides; else UTF-8, with bytes that are not read as Windows-1252.
    Raises `UnreadableFile` for an empty file, and while iterating for bytes that the given encoding does not have.
    """

    def __init__(self, stream: BinaryIO, encoding: str = "") -> None:
        first = _read_head(stream)
        if not first.strip(b"\0 \t\r\n\x1a"):
            raise UnreadableFile("The file is empty. Check that the download finished, and fetch the file again.")
        self._encoding, self._errors = _encoding_of(first, encoding)
        decoder = codecs.getincrementaldecoder(self._encoding)(
            errors="replace" if self._errors == "strict" else self._errors
        )
        self.head = decoder.decode(first)
        self._first, self._stream = first, stream

    def __iter__(self) -> Iterator[str]:
        rejoined = io.BufferedReader(Rejoined(self._first, self._stream), HEAD_BYTES)
        text = io.TextIOWrapper(rejoined, encoding=self._encoding, errors=self._errors, newline="")
        number = 0
        try:
            # readline with a limit, so that a file without line ends cannot fill the memory
            while line := text.readline(LONGEST_LINE):
                number += 1
                if len(line) >= LONGEST_LINE:
                    raise UnreadableFile(
                        f"Line {number:,} of the file is longer than {LONGEST_LINE:,} characters, so it is not a file "
                        "of receipts. Check that the right file was chosen."
                    )
                yield line
        except UnicodeError:
            raise UnreadableFile(
                f"After line {number:,} the file holds bytes that are not {self._encoding} text. "
                "Correct the encoding in the profile, or leave it blank to have it found."
            ) from None


def _read_head(stream: BinaryIO) -> bytes:
    parts = []
    missing = HEAD_BYTES
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _encoding_of(head: bytes, encoding: str) -> tuple[str, str]:
    if encoding:
        return "utf-8-sig" if encoding == "utf-8" else encoding, "strict"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "replace"
    return "utf-8-sig", _WESTERN
