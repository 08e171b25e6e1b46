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
from typing import BinaryIO

from ims.formats.records import Problem, UnreadableFile
from ims.formats.text_lines import CHUNK_BYTES, decode_single_bytes, encoding_notice

_LONGEST_TOKEN = 262_144
_TOKEN = re.compile(r"<(/?)([A-Za-z0-9_.:]+)(?:\s[^<>]{0,1000})?/?>\s*([^<]*)")
_VERSION = re.compile(rb"(?<![A-Z])VERSION(?::|=\")([0-9]{3})")
_CDATA_START = "<![CDATA["
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,6}|#x[0-9A-Fa-f]{1,5}|amp|lt|gt|quot|apos|nbsp);")

Token = tuple[str, str, str]
"""``"/"`` for an end tag or nothing; the name as written; the text behind the tag, not yet stripped."""


class OfxTokens:
    """The tokens of a stream, holding one chunk at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.notices: list[Problem] = []
        self.version = ""
        """What the header says, such as 102 or 211; empty where there is none."""

    def batches(self) -> Iterator[list[Token]]:
        """The tokens in order, those of one chunk together."""
        for text in self._whole_tokens():
            yield _TOKEN.findall(text)

    def _whole_tokens(self) -> Iterator[str]:
        """Text cut before a tag, so that no tag is parted from its value. CDATA becomes ordinary text."""
        remainder = ""
        for piece in self._decoded():
            text = remainder + piece
            if "<!" in text:
                text = _without_declarations(text)
            cut = _safe_cut(text)
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
        version = _VERSION.search(head[:2048].replace(b"\0", b""))
        self.version = version[1].decode() if version else ""
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


def _without_declarations(text: str) -> str:
    if _DECLARATION.search(text):
        raise UnreadableFile(
            "The file contains a document type declaration (<!DOCTYPE …>), which OFX files never do and which can be "
            "used to attack the reader. It was refused; ask the sender where the file came from.",
            code="document_type",
        )
    return _CDATA.sub(lambda found: html.escape(found[1], quote=False), text)


def _safe_cut(text: str) -> int:
    """Where the last tag starts whose value may still go on in the next chunk."""
    unfinished = text.find(_CDATA_START)
    cut = text.rfind("<", 0, unfinished) if unfinished >= 0 else text.rfind("<")
    if text[cut : cut + 2] in ("<", "<!"):
        cut = text.rfind("<", 0, max(cut, 0))
    return max(cut, 0)


def plain(text: str) -> str:
    """The text of a value: stripped, its entities resolved once."""
    text = text.strip()
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text
