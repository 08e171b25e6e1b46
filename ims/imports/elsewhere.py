"""Rows whose money another room of IMS took itself, and posts itself: counted a second time, it would be there twice.

The rooms that take money are beside this one and do not know of it. An upper room that knows both registers what
recognises their money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import connection
from psycopg import sql

from ims.imports.models import ImportBatch, ImportRow
from ims.imports.states import POSTS_WITH_THE_FILE, BatchState, Outcome

Recogniser = Callable[[sql.Composable], sql.Composable]
"""From a relation with line, amount, file_reference, end_to_end and account to a SELECT of (line, sentence)."""

_recognisers: list[Recogniser] = []
# Files are posted beside each other; what other rooms learn of money is learned while none is.
_POSTING = "SELECT pg_advisory_xact_lock_shared(hashtextextended('ims.imports.elsewhere', 0))"
_LEARNING = "SELECT pg_try_advisory_xact_lock(hashtextextended('ims.imports.elsewhere', 0))"
_TO_POST = sql.SQL(
    "(SELECT line, amount, file_reference, end_to_end, account FROM imports_importrow"
    " WHERE batch_id = {} AND outcome = ANY({}))"
)


def register(recogniser: Recogniser) -> None:
    """Ask `recogniser` about the rows of every file. Called when the application starts."""
    if recogniser not in _recognisers:
        _recognisers.append(recogniser)


def find() -> None:
    """Which staged rows are taken elsewhere, into ``ims_elsewhere``, each with the sentence that says so."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "DROP TABLE IF EXISTS ims_elsewhere; CREATE TEMPORARY TABLE ims_elsewhere ON COMMIT DROP AS {}"
            ).format(_found(sql.Identifier("ims_routed")))
        )
        cursor.execute("ANALYZE ims_elsewhere")


def count_to_post(batch: ImportBatch, outcomes: Iterable[str] = POSTS_WITH_THE_FILE) -> int:
    """How many rows of these outcomes, which would be posted, are taken elsewhere by now.

    No other room learns of such money before the transaction ends: see `may_have_posted`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_POSTING)
    rows = _TO_POST.format(sql.Literal(batch.pk), sql.Literal([str(outcome) for outcome in outcomes]))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(DISTINCT line) FROM ({}) AS found").format(_found(rows)))
        return cursor.fetchone()[0]


def may_have_posted(end_to_end: str, since: datetime) -> bool:
    """Whether a file posted since then tells of the money with this id; or one is being posted just now, so that nobody
    knows.

    Where the answer is no, no file is posted until the caller's transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEARNING)
        if not cursor.fetchone()[0]:
            return True
    files = ImportBatch.objects.filter(state=BatchState.POSTED, posted_at__gte=since)
    outcomes = [*POSTS_WITH_THE_FILE, Outcome.POSTED_SEPARATELY]
    return any(
        ImportRow.objects.filter(batch=file, end_to_end=end_to_end, outcome__in=outcomes).exists()
        for file in files.values_list("pk", flat=True)
    )


def _found(rows: sql.Composable) -> sql.Composable:
    none = sql.SQL("SELECT NULL::integer AS line, NULL::text AS sentence WHERE false")
    asked = [sql.SQL("({})").format(recogniser(rows)) for recogniser in _recognisers]
    every = sql.SQL(" UNION ALL ").join([none, *asked])
    return sql.SQL("SELECT line, min(sentence) AS sentence FROM ({}) AS every GROUP BY line").format(every)
