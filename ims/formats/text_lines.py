"""Lines of text out of bytes whose encoding nobody declared.

Banks say "SWIFT character set" and send UTF-8, Windows-1252 or ISO 8859-1. Every byte of the last one is a
character, so text can always be read; what cannot be known is reported as a notice, once for each fallback.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from ims.formats.records import Problem, UnreadableFile

CHUNK_BYTES = 65_536
LONGEST_LINE = 65_536
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FALLBACKS = ("cp1252", "latin-1")


def as_utf8(head: bytes) -> bytes:
    """The head of a file without its byte order mark, UTF-16 turned into UTF-8; other bytes as they are."""
    if head.startswith(_UTF16_MARKS):
        return head.decode("utf-16", errors="replace").encode()
    return head.removeprefix(codecs.BOM_UTF8)


class TextLines:
    """Iterates over the lines of a stream, without their line ends (LF, CRLF or CR).

    Holds one chunk of the file at a time. NUL characters, which no database column can hold, become spaces.
    Raises `UnreadableFile` for a line longer than `LONGEST_LINE` bytes: no text format of a bank has one.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._notices: list[Problem] = []
        self._known_fallbacks: set[str] = set()
        self._nul_seen = False
        self._lines_given = 0

    def take_notices(self) -> list[Problem]:
        """What was noticed about the encoding since the last call."""
        taken, self._notices = self._notices, []
        return taken

    def __iter__(self) -> Iterator[str]:
        remainder = b""
        for chunk in self._chunks():
            data = remainder + chunk
            cut = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1
            remainder = data[cut:]
            if len(remainder) > LONGEST_LINE:
                raise UnreadableFile(
                    f"After line {self._lines_given} the file has more than {LONGEST_LINE:,} bytes without a line "
                    "end, so it is not a text file of a bank. Check that the right file was chosen."
                )
            if cut:
                yield from self._split(data[:cut])
        if remainder:
            yield from self._split(remainder)

    def _chunks(self) -> Iterator[bytes]:
        first = self._stream.read(CHUNK_BYTES)
        if not first.startswith(_UTF16_MARKS):
            yield first.removeprefix(codecs.BOM_UTF8)
            while chunk := self._stream.read(CHUNK_BYTES):
                yield chunk
            return
        decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        while first:
            yield decoder.decode(first).encode(errors="replace")
            first = self._stream.read(CHUNK_BYTES)
        yield decoder.decode(b"", final=True).encode(errors="replace")

    def _split(self, block: bytes) -> list[str]:
        try:
            text = block.decode()
        except UnicodeDecodeError:
            text = "\n".join(self._decode_line(line) for line in block.split(b"\n"))
        if "\0" in text:
            text = text.replace("\0", " ")
            self._note_nul()
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        self._lines_given += len(lines)
        return lines

    def _decode_line(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            text, encoding = decode_single_bytes(line)
        if encoding not in self._known_fallbacks:
            self._known_fallbacks.add(encoding)
            self._notices.append(encoding_notice(self._lines_given + 1, encoding))
        return text

    def _note_nul(self) -> None:
        if not self._nul_seen:
            self._nul_seen = True
            self._notices.append(
                Problem(
                    line=self._lines_given + 1,
                    message="The file holds NUL characters, which were read as spaces. "
                    "Ask the sender whether the file was damaged on its way.",
                    scope="notice",
                    code="nul_characters",
                )
            )


def decode_single_bytes(data: bytes) -> tuple[str, str]:
    """Text that is not UTF-8, and the encoding it was read as."""
    for encoding in _FALLBACKS[:-1]:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode(_FALLBACKS[-1]), _FALLBACKS[-1]


def encoding_notice(line: int, encoding: str) -> Problem:
    """Tells that text was not UTF-8 and how it was read instead."""
    return Problem(
        line=line,
        message=f"The file is not UTF-8 text; it was read as {encoding}. Amounts are not affected; "
        "check that names with accents and pound signs look right.",
        scope="notice",
        field="encoding",
        value=encoding,
        code="encoding",
    )
