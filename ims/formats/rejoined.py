"""A stream whose head was read to look at it, made whole again without needing to be seekable."""

from __future__ import annotations

import io
from typing import BinaryIO


class Rejoined(io.RawIOBase):
    """A stream put back together from the head already read and the rest."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = self._head[: len(buffer)]
        if part:
            self._head = self._head[len(part) :]
        else:
            part = self._rest.read(len(buffer)) or b""
        buffer[: len(part)] = part
        return len(part)
