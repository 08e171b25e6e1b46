"""What the registry knows about one format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ims.formats.records import Record


@dataclass(frozen=True, slots=True)
class Format:
    """A named file format: how to tell it from its first bytes and how to read it."""

    name: str
    """The stable name used in profiles, on the command line and in the audit trail: ``mt940``, ``camt.053``…"""
    title: str
    """What an officer calls it."""
    recognise: Callable[[bytes], bool]
    """True when the head of a file (its first 64 KiB, as UTF-8 where it was UTF-16) is this format."""
    read: Callable[[BinaryIO], Iterator[Record]]
    """Turns a stream of bytes into records; raises `UnreadableFile` when the whole cannot be read."""
    is_archive: bool = False
    """True for a workbook and its like: a file that is a ZIP archive."""
