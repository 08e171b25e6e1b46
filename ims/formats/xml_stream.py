"""Safe reading of XML from a sender one does not control.

No document type (hence no entities), no network, libxml2's own limits on depth and size kept. Bytes that are not
the UTF-8 they claim to be are read as Windows-1252 and reported, instead of losing the whole file to one accent.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from ims.formats.records import Problem, UnreadableFile
from ims.formats.text_lines import as_utf8, decode_single_bytes, encoding_notice

_PROLOGUE_BYTES = 65_536
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_ROOT = re.compile(rb"<[A-Za-z_]")
_UTF8_NAMES = frozenset((b"utf-8", b"utf8", b"us-ascii", b"ascii"))


class XmlStream:
    """The `read` that the XML parser calls: passes bytes on, after looking at them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._prologue = b""
        self._in_prologue = True
        self._decoder: codecs.IncrementalDecoder | None = None
        self.notices: list[Problem] = []

    def read(self, size: int = _PROLOGUE_BYTES) -> bytes:
        """The next bytes; raises `UnreadableFile` for a document type declaration before the root element."""
        chunk = self._stream.read(size)
        if self._in_prologue:
            self._look_at_prologue(chunk)
        return self._valid_utf8(chunk) if self._decoder else chunk

    def _look_at_prologue(self, chunk: bytes) -> None:
        if not self._prologue and self._claims_utf8(chunk):
            self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._prologue += chunk.replace(b"\0", b"")
        if b"<!DOCTYPE" in self._prologue or b"<!ENTITY" in self._prologue:
            raise UnreadableFile(
                "The file contains a document type declaration (<!DOCTYPE …>), which such files never do and which "
                "can be used to attack the reader. It was refused; ask the sender where the file came from.",
                code="document_type",
            )
        if _ROOT.search(self._prologue) or not chunk or len(self._prologue) > _PROLOGUE_BYTES:
            self._in_prologue = False
            self._prologue = b""

    @staticmethod
    def _claims_utf8(head: bytes) -> bool:
        if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\0" in head[:4]:
            return False
        declared = _DECLARED_ENCODING.search(as_utf8(head)[:256])
        return declared is None or declared[1].lower() in _UTF8_NAMES

    def _valid_utf8(self, chunk: bytes) -> bytes:
        assert self._decoder is not None  # says so to the type checker
        kept = self._decoder.getstate()[0]
        try:
            return self._decoder.decode(chunk, final=not chunk).encode()
        except UnicodeDecodeError:
            self._decoder.reset()
            text, encoding = _mixed_text(kept + chunk)
            if not self.notices:
                self.notices.append(encoding_notice(1, encoding))
            return text.encode()


def _mixed_text(data: bytes) -> tuple[str, str]:
    """UTF-8 where lines are UTF-8, a single-byte encoding where they are not."""
    used = "cp1252"
    lines = []
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            text, used = decode_single_bytes(line)
            lines.append(text)
    return "\n".join(lines), used


def ended_elements(stream: XmlStream, names: tuple[str, ...], *, what: str) -> Iterator[etree._Element]:
    """Elements with these local names as they end, in document order.

    Raises `UnreadableFile`, naming the line, when the XML is broken, cut off or beyond the parser's limits.
    """
    try:
        yield from (
            element
            for _, element in etree.iterparse(
                stream,
                events=("end",),
                tag=tuple(f"{{*}}{name}" for name in names),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
            )
        )
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else 0
        raise UnreadableFile(
            f"The XML of the {what} breaks off or is damaged at line {line} ({_plain(error)}). "
            "Nothing of the file can be relied upon: fetch it again.",
            code="broken_xml",
        ) from error


def _plain(error: etree.XMLSyntaxError) -> str:
    return (error.msg or "no reason given").split(", line ")[0]


def forget_before(element: etree._Element) -> None:
    """Frees an element that has been dealt with and everything before it on its level."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]
