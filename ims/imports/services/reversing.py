"""Undoing a posted file by counter-entries. Both stay visible."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from ims.approvals import gate
from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common.money import ZERO
from ims.imports.errors import BatchMoved, ImportRefusal
from ims.imports.models import ImportBatch, ImportRow
from ims.imports.moving import claimed, move
from ims.imports.services.posting import SOURCE
from ims.imports.states import BatchState
from ims.ledger import limits
from ims.ledger import services as ledger
from ims.ledger.models import Posting
from ims.ledger.selectors import moved_by

REVERSE = "imports.reverse_batch"
REVERSAL_KIND = "imports.reversal"


def reverse_batch(*, actor: Actor, batch_id: int, reason: str, approval: Approval | None = None) -> ImportBatch:
    """Reverse everything a batch posted: the file's posting and those of its corrected rows. All or nothing.

    The file may then be brought in again. Raises `ImportRefusal` when nothing is posted or no reason is given, and
    `LedgerRefusal` when money of it was journalled or allocated since (undo that first); `ApprovalNeeded` when it is
    more than the actor may reverse alone.
    """
    authorise(actor, REVERSE, what="reverse posted files")
    if not reason.strip():
        raise ImportRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    with claimed(batch_id) as batch, transaction.atomic():
        if batch.state != BatchState.POSTED:
            raise BatchMoved(
                f"Import {batch.pk} is “{BatchState(batch.state).label.lower()}”: only a posted file can be reversed."
            )
        postings = [posting for posting in postings_of(batch) if not Posting.objects.filter(reverses=posting).exists()]
        gate.require(
            actor=actor,
            limit=limits.REVERSAL,
            amount=sum((moved_by(posting) for posting in postings), ZERO),
            approval=approval,
            ask=lambda: Asked(kind=REVERSAL_KIND, payload={"batch_id": batch.pk, "reason": reason}),
        )
        for posting in postings:
            ledger.reverse(actor=actor, posting_id=posting.pk, reason=reason, approval=approval)
        batch.refresh_from_db()
        if batch.state == BatchState.POSTED:
            move(batch, "reverse", actor=actor, note=reason)
        record(
            "import_reversed",
            actor=actor,
            subject=batch,
            reason=reason,
            data={"postings": [str(posting) for posting in postings]},
        )
        return batch


def follow_reversal(actor: Actor, reversal: Posting) -> None:
    """Mark a batch as reversed once everything it posted is, whoever reversed it (an observer of the ledger)."""
    posting = reversal.reverses
    if posting is None or posting.source_kind != SOURCE:
        return
    separate = ImportRow.objects.filter(posting=posting).values("batch")
    batch = ImportBatch.objects.filter(Q(posting=posting) | Q(pk__in=separate), state=BatchState.POSTED).first()
    if batch is None or Posting.objects.filter(pk__in=[p.pk for p in postings_of(batch)], reversed_by=None).exists():
        return
    move(batch, "reverse", actor=actor, note=reversal.reason)


def postings_of(batch: ImportBatch) -> list[Posting]:
    """Every posting made of the rows of a batch, the file's own first."""
    separate = ImportRow.objects.filter(batch=batch, posting__isnull=False).values("posting")
    later = list(Posting.objects.filter(pk__in=separate).order_by("pk"))
    return [posting for posting in (batch.posting, *later) if posting is not None]
