"""What exports add to an evidence pack: every journal that was built, with the SHA-256 of its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from ims.audit.sections import Part, Request, Table, section
from ims.exports.models import ExportBatch

_HEADINGS = (
    "Journal",
    "First day",
    "Last day",
    "Built",
    "Built by",
    "Entries",
    "Lines",
    "Debits",
    "Credits",
    "File",
    "SHA-256",
    "Reason",
)


@section(
    "exports",
    "Exports",
    why="Every journal handed to another system: what it held, and the SHA-256 the receiving system's copy must give.",
    order=70,
)
def exports(request: Request) -> Iterator[Part]:
    """Journals built in the period, or for days of it."""
    built = ExportBatch.objects.filter(built_at__gte=request.since, built_at__lt=request.until)
    of_days = ExportBatch.objects.filter(first_date__lte=request.last, last_date__gte=request.first)
    batches = (built | of_days).select_related("profile").defer("content").order_by("pk")
    yield Table("journals", "Journals", _HEADINGS, (_batch(batch) for batch in batches.iterator(500)))


def _batch(batch: ExportBatch) -> tuple:
    return (
        str(batch),
        batch.first_date,
        batch.last_date,
        batch.built_at,
        batch.actor_name,
        batch.entry_count,
        batch.line_count,
        batch.debit_total,
        batch.credit_total,
        batch.file_name,
        batch.sha256,
        batch.reason,
    )
