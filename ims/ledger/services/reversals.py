"""Undoing a whole posting, once, by one that mirrors it. Both stay visible."""

from __future__ import annotations

from django.db import transaction
from psycopg import sql

from ims.approvals import gate
from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, authorise
from ims.audit.scope import beyond
from ims.audit.services import record
from ims.interests.services import refuse_interested
from ims.ledger import limits
from ims.ledger.errors import LedgerRefusal
from ims.ledger.models import Posting
from ims.ledger.observers import tell_of_reversal
from ims.ledger.selectors import moved_by, moved_entries
from ims.ledger.writing import write

_MIRROR = sql.SQL(
    """
    SELECT line, fund_id, account_reference, method_of_payment_id, office_id, -amount AS amount, vat_code_id, vat_rate,
           -vat_amount AS vat_amount, narrative, payer_name, source_reference, source_line, received_on,
           NULL::date AS accounting_date, id AS corrects_id
    FROM ledger_entry WHERE posting_id = %(original)s
    """
)


@transaction.atomic
def reverse(*, actor: Actor, posting_id: int, reason: str, approval: Approval | None = None) -> Posting:
    """Undo the posting `posting_id`: every line again with the opposite sign, dated today.

    Raises `LedgerRefusal` when it has been reversed before, is itself a reversal, or when some of its money has been
    moved on since (undo those first: the message names them); `ApprovalNeeded` over what the actor may reverse alone.
    """
    authorise(actor, "ledger.reverse_posting", what="reverse postings")
    if not reason.strip():
        raise LedgerRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    posting = Posting.objects.filter(pk=posting_id).first()
    if posting is None or not _in_scope(actor, posting):
        raise LedgerRefusal("That posting does not exist, or some of it is not yours to see.", code="not_found")
    if posting.kind == Posting.Kind.REVERSAL:
        raise LedgerRefusal(f"{posting} is itself a reversal and cannot be reversed.", code="reversal_is_final")
    if Posting.objects.filter(reverses=posting).exists():
        raise LedgerRefusal(f"{posting} has been reversed already.", code="reverses_id")
    _refuse_moved(posting)
    if posting.kind != Posting.Kind.IMPORT or _is_of_one_account(posting):
        refuse_interested(
            actor=actor,
            accounts=posting.entries.values_list("fund_id", "account_reference"),
            what="reverse what was posted to",
            approval=approval,
        )
    allowed_by = gate.require(
        actor=actor,
        limit=limits.REVERSAL,
        amount=moved_by(posting),
        approval=approval,
        ask=lambda: Asked(kind=limits.REVERSAL, payload={"posting_id": posting.pk, "reason": reason}),
    )
    reversal = write(
        _MIRROR,
        {"original": posting.pk},
        actor=actor,
        kind=Posting.Kind.REVERSAL,
        series="REV",
        source_kind="reversal",
        source_key=str(posting.pk),
        reason=reason,
        reverses=posting,
        approval=allowed_by,
    )
    record("posting_reversed", actor=actor, subject=posting, reason=reason, data={"reversal": str(reversal)})
    tell_of_reversal(actor, reversal)
    return reversal


def _is_of_one_account(posting: Posting) -> bool:
    """A file may hold an account of anybody's among thousands; where it holds one, its reversal is about that one."""
    first = posting.entries.order_by("line").first()
    return not posting.entries.exclude(fund_id=first.fund_id, account_reference=first.account_reference).exists()


def _in_scope(actor: Actor, posting: Posting) -> bool:
    return not beyond(actor, posting.entries.all()).exists()


def _refuse_moved(posting: Posting) -> None:
    moved = moved_entries(posting.pk, limit=4)
    if not moved:
        return
    named = "; ".join(f"line {line} by {by}" for line, by in moved[:3])
    more = " and others" if len(moved) > 3 else ""
    raise LedgerRefusal(
        f"{posting} cannot be reversed: some of its money has been moved since ({named}{more}). Reverse those first.",
        code="moved_since",
    )
