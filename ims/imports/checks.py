"""Are imports as they should be? Each check reads only; none repairs."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Mod

from ims.common import clock
from ims.common.errors import InvalidInput
from ims.common.findings import Finding
from ims.common.money import format_pounds
from ims.imports.content import bytes_of
from ims.imports.models import ImportBatch, SourceFile
from ims.imports.moving import is_claimed
from ims.imports.states import AT_WORK
from ims.references.card_numbers import card_numbers

LIMIT = 20
"""How many findings of one kind are named."""
DAYS_HASHED = 35
"""Files received within so many days have their bytes hashed again, each night while they are new."""
NIGHTS_FOR_ALL = 28
"""Of older files a share is hashed each night, so that each has its turn within so many nights."""

_POSTED_DIFFERS = """
SELECT b.id, b.file_name, p.entry_count, p.total, r.n, r.total
FROM imports_importbatch b JOIN ledger_posting p ON p.id = b.posting_id
CROSS JOIN LATERAL (
  SELECT count(*) AS n, coalesce(sum(amount), 0) AS total FROM imports_importrow
  WHERE batch_id = b.id AND outcome IN ('to_post', 'to_suspense')) AS r
WHERE r.n <> p.entry_count OR r.total <> p.total
ORDER BY b.id LIMIT %s
"""
_SEPARATE_DIFFERS = """
SELECT p.id, p.series || '-' || lpad(p.number::text, greatest(6, length(p.number::text)), '0'), p.entry_count,
       p.total, count(r.id), coalesce(sum(r.amount), 0)
FROM imports_importrow r JOIN ledger_posting p ON p.id = r.posting_id
GROUP BY p.id HAVING count(r.id) <> p.entry_count OR coalesce(sum(r.amount), 0) <> p.total
ORDER BY p.id LIMIT %s
"""
_ROWS_MISSING = """
SELECT b.id, b.file_name, b.row_count, count(r.id)
FROM imports_importbatch b LEFT JOIN imports_importrow r ON r.batch_id = b.id
WHERE b.state IN ('checked', 'posted', 'reversed')
GROUP BY b.id HAVING count(r.id) <> b.row_count ORDER BY b.id LIMIT %s
"""
# What was posted names, under its seal, the file it came from by the SHA-256 of its bytes.
_FILE_GONE = """
SELECT p.id, p.series || '-' || lpad(p.number::text, greatest(6, length(p.number::text)), '0'),
       split_part(p.source_key, '#', 1)
FROM ledger_posting p
WHERE p.kind = 'import' AND p.source_key ~ '^[0-9a-f]{64}#'
  AND NOT EXISTS (SELECT 1 FROM imports_sourcefile f WHERE f.sha256 = split_part(p.source_key, '#', 1))
ORDER BY p.id LIMIT %s
"""
# A first sieve: thirteen digits or more in a row, with spaces or hyphens between them at most.
_LONG_NUMBERS = """
SELECT b.file_name, r.line, concat_ws(' | ', r.narrative, r.payer_name, r.raw)
FROM imports_importrow r JOIN imports_importbatch b ON b.id = r.batch_id
WHERE b.received_at >= %s AND concat_ws(' | ', r.narrative, r.payer_name, r.raw) ~ '[0-9]([ -]?[0-9]){12}'
ORDER BY b.id, r.line LIMIT 20000
"""


def verify() -> Iterator[Finding]:
    """Run every check of this room and yield what is found."""
    yield from _postings()
    for number, name, promised, found in _rows(_ROWS_MISSING):
        yield Finding(
            "imports.rows_missing",
            "error",
            f"{name} was checked with {promised:,} rows but {found:,} are there. Rows were changed outside IMS.",
            f"Import {number}",
        )
    for _, posting, sha256 in _rows(_FILE_GONE):
        yield Finding(
            "imports.file_gone",
            "error",
            f"{posting} was posted from a file whose SHA-256 is {sha256}. No file with it is kept any more: the file "
            "was removed, or its SHA-256 altered. Restore it from a backup.",
            posting,
        )
    yield from _left_at_work()
    yield from _card_numbers()
    since = clock.now() - timedelta(days=DAYS_HASHED)
    turn = clock.today().toordinal() % NIGHTS_FOR_ALL
    old_but_due = Q(received_at__lt=since) & Q(in_turn=turn)
    files = SourceFile.objects.annotate(in_turn=Mod(F("pk"), NIGHTS_FOR_ALL))
    yield from _bytes(files.filter(Q(received_at__gte=since) | old_but_due))


def verify_files() -> Iterator[Finding]:
    """Hash the bytes of every file there is."""
    yield from _bytes(SourceFile.objects.all())


def _postings() -> Iterator[Finding]:
    for number, name, count, total, rows, amount in _rows(_POSTED_DIFFERS):
        yield Finding(
            "imports.posting_differs",
            "error",
            f"{name} has {rows:,} rows of {format_pounds(amount)} that were to be posted, but its posting holds "
            f"{count:,} of {format_pounds(total)}. Rows were changed outside IMS.",
            f"Import {number}",
        )
    for _, posting, count, total, rows, amount in _rows(_SEPARATE_DIFFERS):
        yield Finding(
            "imports.corrected_rows_differ",
            "error",
            f"The corrected rows of this posting are {rows:,} of {format_pounds(amount)}, but it holds {count:,} of "
            f"{format_pounds(total)}. Rows were changed outside IMS.",
            posting,
        )


def _card_numbers() -> Iterator[Finding]:
    """Rows that came lately and hold what looks like a card number: pointed at, never changed."""
    since = clock.now() - timedelta(days=DAYS_HASHED)
    with connection.cursor() as cursor:
        cursor.execute(_LONG_NUMBERS, [since])
        suspects = cursor.fetchall()
    named = 0
    for file, line, text in suspects:
        for masked in card_numbers(text):
            named += 1
            if named > LIMIT:
                return
            yield Finding(
                "imports.card_number",
                "warning",
                f"Line {line} of {file} holds what looks like a card number ({masked}). If it is one, ask the sender "
                "to stop sending them, and have the file disposed of; if it is a reference, nothing is wrong.",
                f"{file}, line {line}",
            )


def _left_at_work() -> Iterator[Finding]:
    for batch in ImportBatch.objects.filter(state__in=AT_WORK):
        if not is_claimed(batch.pk):
            yield Finding(
                "imports.left_at_work",
                "warning",
                f"{batch.file_name} is “{batch.get_state_display().lower()}” but no process works on it. A worker "
                "frees it within a minute: see that one runs.",
                f"Import {batch.pk}",
            )


def _bytes(files: QuerySet[SourceFile]) -> Iterator[Finding]:
    for file in files.order_by("pk").iterator():
        if not _is_disposed(file) and _digest(file) != file.sha256:
            yield Finding(
                "imports.bytes_differ",
                "error",
                f"The bytes kept of {file.name} are not those that were received. Compare with the sender's copy and "
                "restore the file from a backup.",
                f"File {file.pk}",
            )


def _is_disposed(file: SourceFile) -> bool:
    """Whether every piece of the file was disposed of, and the records of disposals say so."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bool_and(octet_length(compressed) = 0 AND ims_is_erased('imports_filecontent', id))"
            " FROM imports_filecontent WHERE file_id = %s",
            [file.pk],
        )
        return bool(cursor.fetchone()[0])


def _digest(file: SourceFile) -> str:
    """SHA-256 of the kept bytes; empty when they can no longer be decompressed."""
    digest = hashlib.sha256()
    try:
        for piece in bytes_of(file):
            digest.update(piece)
    except (zlib.error, InvalidInput):
        return ""
    return digest.hexdigest()


def _rows(query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, [LIMIT])
        return cursor.fetchall()
