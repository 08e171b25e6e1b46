"""Keeping a file's bytes in the database, and reading them back as a stream."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from django.db import connection

from ims.common.errors import InvalidInput
from ims.imports.models import SourceFile

PIECE_BYTES = 1 << 20
# The level that costs least: files of receipts shrink to a fifth at any level.
_LEVEL = 1


def digest_and_size(stream: BinaryIO) -> tuple[str, int]:
    """SHA-256 and length of what is left of `stream`."""
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def store(file: SourceFile, stream: BinaryIO) -> None:
    """Keep the bytes of `stream` as the content of `file`, piece by piece."""
    with connection.cursor() as cursor:
        number = 0
        while piece := stream.read(PIECE_BYTES):
            number += 1
            cursor.execute(
                "INSERT INTO imports_filecontent (file_id, number, compressed) VALUES (%s, %s, %s)",
                [file.pk, number, zlib.compress(piece, _LEVEL)],
            )


class FileStream(io.BufferedReader):
    """The bytes of a kept file, read once, forwards.

    The compressed pieces are fetched at once, because the connection is busy copying rows in while the file is read;
    each is decompressed when its turn comes.
    """

    def __init__(self, file: SourceFile) -> None:
        self._source = _Pieces(_compressed(file))
        super().__init__(self._source, 1 << 16)

    @property
    def bytes_read(self) -> int:
        """How many bytes have been taken so far, for progress."""
        return self._source.position


def _compressed(file: SourceFile) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT compressed FROM imports_filecontent WHERE file_id = %s ORDER BY number", [file.pk])
        return [bytes(row[0]) for row in cursor.fetchall()]


class _Pieces(io.RawIOBase):
    def __init__(self, compressed: list[bytes]) -> None:
        self._waiting = compressed[::-1]
        self._piece = memoryview(b"")
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if not self._piece and self._waiting:
            self._piece = memoryview(zlib.decompress(self._waiting.pop()))
        taken = self._piece[: len(buffer)]
        buffer[: len(taken)] = taken
        self._piece = self._piece[len(taken) :]
        self.position += len(taken)
        return len(taken)


def is_disposed(file: SourceFile) -> bool:
    """Whether the file's bytes were disposed of under the retention rules; its SHA-256 stays."""
    return file.pieces.filter(compressed=b"").exists()


def bytes_of(file: SourceFile) -> Iterator[bytes]:
    """The file's bytes in pieces, for a download or a check: one piece in memory at a time."""
    if is_disposed(file):
        raise InvalidInput(
            f"The bytes of {file.name} were disposed of under the retention rules. Its SHA-256 is kept: {file.sha256}."
        )
    number = 0
    while piece := _piece(file, number := number + 1):
        yield zlib.decompress(piece)


def _piece(file: SourceFile, number: int) -> bytes | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT compressed FROM imports_filecontent WHERE file_id = %s AND number = %s", [file.pk, number]
        )
        row = cursor.fetchone()
    return bytes(row[0]) if row else None
