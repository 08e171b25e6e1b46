"""Lines that were received before, in another file of the profile or of the same bank account.

Files are compared only when the days of their rows overlap: the same line has the same day. What is read is therefore
those files, however many others were ever imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet
from psycopg import sql

from ims.common.sql import read
from ims.imports.models import ImportBatch
from ims.imports.states import BatchState

_STAGED = sql.SQL("SELECT line, content, occurrence, across FROM ims_routed WHERE problem = ''")
_KEPT = sql.SQL(
    "SELECT line, content, occurrence, across FROM imports_importrow"
    " WHERE batch_id = {} AND outcome IN ('to_post', 'to_suspense')"
)


def find_earlier(batch: ImportBatch, accounts: Iterable[str], *, hold: bool) -> None:
    """Which staged rows stand in a file that was posted, or waits before this one, into ``ims_earlier``.

    Without `hold` nothing is looked for. Sets the days of the batch, which other files are compared by.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(received_on), max(received_on) FROM ims_routed")
        batch.first_day, batch.last_day = cursor.fetchone()
    none_yet()
    if hold:
        waiting = Q(state__in=[BatchState.POSTED, BatchState.POSTING]) | Q(state=BatchState.CHECKED, pk__lt=batch.pk)
        _fill(_STAGED, batch, _overlapping(batch, accounts).filter(waiting))


def none_yet() -> None:
    """Make ``ims_earlier``, empty."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS ims_earlier; CREATE TEMPORARY TABLE ims_earlier"
            " (line integer, batch_id bigint, file_name text, other_line integer) ON COMMIT DROP"
        )


def count_posted_since(batch: ImportBatch, since: datetime) -> int:
    """How many rows that would be posted stand in a file posted since then."""
    none_yet()
    posted = _overlapping(batch, accounts_of(batch)).filter(state=BatchState.POSTED, posted_at__gte=since)
    _fill(_KEPT.format(sql.Literal(batch.pk)), batch, posted)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ims_earlier")
        return cursor.fetchone()[0]


def accounts_of(batch: ImportBatch) -> list[str]:
    """The bank accounts a file speaks of, in order."""
    return sorted(set(batch.statements.exclude(account="").values_list("account", flat=True)))


def _overlapping(batch: ImportBatch, accounts: Iterable[str]) -> QuerySet[ImportBatch]:
    """Other files of the profile, or about one of the accounts, with rows of the same days."""
    if batch.first_day is None:
        return ImportBatch.objects.none()
    related = Q(profile=batch.profile) | Q(statements__account__in=[account for account in accounts if account])
    return (
        ImportBatch.objects.filter(related, first_day__lte=batch.last_day, last_day__gte=batch.first_day)
        .exclude(pk=batch.pk)
        .distinct()
    )


def _fill(rows: sql.Composable, batch: ImportBatch, others: QuerySet[ImportBatch]) -> None:
    found = list(others.values_list("pk", "profile"))
    if not found:
        return
    same = [pk for pk, profile in found if profile == batch.profile_id]
    across = [pk for pk, profile in found if profile != batch.profile_id]
    with connection.cursor() as cursor:
        # Rows written a moment ago have no statistics yet; looked up one by one, a large file would take hours.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(
            sql.SQL(read("ims.imports", "earlier.sql")).format(
                rows=rows, same=sql.Literal(same), across=sql.Literal(across)
            )
        )
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT")
