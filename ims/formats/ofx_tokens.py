"""Tokens of an OFX file, SGML (1.x) or XML (2.x) alike: start tags with the text behind them, and end tags.

OFX 1 leaves out end tags of values, OFX 2 has them; banks mix both. So a value is simply the text behind a start
tag, and only aggregates need their end tags. There are no entities beyond the five of XML and character numbers,
and a document type declaration is refused.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ims.formats.records import Problem, UnreadableFile
from ims.formats.text_lines import CHUNK_BYTES, decode_single_bytes, encoding_notice

_LONGEST_TOKEN = 262_144
_TOKEN = re.compile(
    r"<(?:!\[CDATA\[(?P<cdata>.*?)\]\]>|(?P<end>/?)(?P<name>[A-Za-z0-9_.:]+)[^<>]{0,1000}>|(?P<other>[!?][^<>]*)>)"
    r"(?P<text>[^<]*)",
    re.DOTALL,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,6}|#x[0-9A-Fa-f]{1,5}|amp|lt|gt|quot|apos|nbsp);")


class Token(NamedTuple):
    """A start tag with its text, or an end tag. Names are upper case."""

    name: str
    text: str
    end: bool


class OfxTokens:
    """Iterates over the tokens of a stream, holding one chunk at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.notices: list[Problem] = []

    def __iter__(self) -> Iterator[Token]:
        previous: Token | None = None
        for text in self._whole_tokens():
            for found in _TOKEN.finditer(text):
                if found["cdata"] is not None:
                    if previous:
                        previous = previous._replace(text=(previous.text + found["cdata"] + found["text"]).strip())
                    continue
                if found["other"] is not None:
                    _refuse_declaration(found["other"])
                    continue
                if previous:
                    yield previous
                previous = Token(found["name"].upper(), _plain(found["text"]), bool(found["end"]))
        if previous:
            yield previous

    def _whole_tokens(self) -> Iterator[str]:
        """Text cut before a ``<``, so that no tag and no value is split (CDATA is kept whole)."""
        remainder = ""
        for piece in self._decoded():
            text = remainder + piece
            cut = text.rfind("<")
            opened = text.rfind("<![CDATA[")
            if opened >= 0 and text.find("]]>", opened) < 0:
                cut = opened
            if cut < 0:
                cut = 0
            remainder = text[cut:]
            if len(remainder) > _LONGEST_TOKEN:
                raise UnreadableFile(
                    f"The file holds a value of more than {_LONGEST_TOKEN:,} characters, which no OFX file has. "
                    "Check that the right file was chosen."
                )
            yield text[:cut]
        yield remainder

    def _decoded(self) -> Iterator[str]:
        head = self._stream.read(CHUNK_BYTES)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        else:
            decoder = codecs.getincrementaldecoder("utf-8-sig")()
        chunk = head
        while chunk:
            yield self._decode(decoder, chunk).replace("\0", " ")
            chunk = self._stream.read(CHUNK_BYTES)
        yield self._decode(decoder, b"", final=True)

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> str:
        kept = decoder.getstate()[0]
        try:
            return decoder.decode(chunk, final=final)
        except UnicodeDecodeError:
            decoder.reset()
            text, encoding = decode_single_bytes(kept + chunk)
            if not self.notices:
                self.notices.append(encoding_notice(1, encoding))
            return text


def _plain(text: str) -> str:
    text = text.strip()
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _refuse_declaration(declaration: str) -> None:
    if declaration[:8].upper() == "!DOCTYPE" or declaration[:7].upper() == "!ENTITY":
        raise UnreadableFile(
            "The file contains a document type declaration (<!DOCTYPE …>), which OFX files never do and which can be "
            "used to attack the reader. It was refused; ask the sender where the file came from.",
            code="document_type",
        )
