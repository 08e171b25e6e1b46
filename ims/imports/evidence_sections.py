"""What imports add to an evidence pack: the register of files, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator

from ims.audit.sections import Part, Request, Table, section
from ims.imports.models import ImportBatch, RowDecision

_FILES = (
    "File",
    "Received",
    "Received by",
    "Bytes",
    "SHA-256",
    "Profile",
    "State",
    "Rows",
    "Posted",
    "Posted by",
    "Posting",
    "Amount posted",
)
_DECISIONS = ("When", "Who", "File", "Line", "What", "Reason")


@section(
    "files",
    "Files received",
    why="Every file that arrived, with the SHA-256 of its bytes: those kept and the sender's copy must give the same.",
    order=60,
)
def files(request: Request) -> Iterator[Part]:
    """Files of the period, and what people decided about their rows."""
    batches = ImportBatch.objects.filter(received_at__gte=request.since, received_at__lt=request.until)
    batches = batches.select_related("file", "profile", "posting").order_by("pk")
    yield Table("files", "Files received in the period", _FILES, (_file(batch) for batch in batches.iterator(500)))
    decisions = RowDecision.objects.filter(decided_at__gte=request.since, decided_at__lt=request.until)
    decisions = decisions.select_related("row__batch").order_by("pk")
    yield Table(
        "decisions", "What people decided about rows", _DECISIONS, (_decision(each) for each in decisions.iterator(500))
    )


def _file(batch: ImportBatch) -> tuple:
    posting = batch.posting
    return (
        batch.file_name,
        batch.received_at,
        batch.received_by,
        batch.file.size,
        batch.file.sha256,
        batch.profile.name,
        batch.get_state_display(),
        batch.row_count,
        batch.posted_at or "",
        batch.posted_by,
        str(posting or ""),
        posting.total if posting else "",
    )


def _decision(decision: RowDecision) -> tuple:
    row = decision.row
    return (
        decision.decided_at,
        decision.actor_name,
        row.batch.file_name,
        row.line,
        decision.verb,
        decision.reason,
    )
