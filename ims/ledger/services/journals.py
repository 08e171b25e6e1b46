"""Moving money that was posted already: journals, transfers and allocations from suspense. All sum to zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from django.db import transaction

from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, authorise
from ims.audit.scope import scoped
from ims.audit.services import record
from ims.common.money import ZERO, format_pounds
from ims.funds.models import Fund
from ims.funds.selectors import the_method
from ims.ledger import limits, rules
from ims.ledger.errors import NOT_ENOUGH_LEFT, LedgerRefusal
from ims.ledger.lines import Line, Take
from ims.ledger.models import Entry, Posting
from ims.ledger.preparation import complete, payable, vat_rates
from ims.ledger.selectors import remaining
from ims.ledger.services.receipts import find
from ims.ledger.taking import shared_vat, taking
from ims.ledger.writing import from_lines, write


@transaction.atomic
def post_journal(
    *,
    actor: Actor,
    entry_id: int,
    targets: Sequence[Line],
    reason: str,
    key: str,
    approval: Approval | None = None,
) -> Posting:
    """Move money from one receipt to where it belongs.

    For each target two lines: out of the receipt's fund, into the target's. The day the money was received stays; the
    accounting date is today. `key` makes a second submission find the first. Raises `LedgerRefusal` for more than
    remains, amounts that are not positive, the suspense fund as a target, or a line that fails its fund's rules;
    `ApprovalNeeded` over what the actor may move alone.
    """
    authorise(actor, "ledger.post_journal", what="post journals")
    _require_reason(reason)
    if earlier := find("journal", key):
        return earlier
    entries = scoped(actor, Entry.objects.select_related("fund", "posting", "corrects__posting"))
    entry = entries.filter(pk=entry_id).first()
    if entry is None:
        raise LedgerRefusal("That receipt does not exist, or it is not one of yours to see.", code="not_found")
    if entry.amount < 0:
        raise LedgerRefusal("A line that takes money out cannot be journalled. Reverse its posting instead.")
    _refuse_correction(entry)
    rules.check_journal(remaining([entry.pk])[entry.pk], targets)
    _refuse_suspense(targets)
    out, into = the_method("is_journal").code, the_method("is_journal_reallocation").code
    credits = complete(
        [
            replace(line, received_on=entry.received_on, method_of_payment=line.method_of_payment or into)
            for line in targets
        ],
        actor=actor,
    )
    credits = payable(credits, actor=actor)
    takes = shared_vat(entry, [line.amount for line in credits])
    debits = [
        taking(entry, amount, vat, out, narrative=line.narrative or "Journal")
        for line, (amount, vat) in zip(credits, takes, strict=True)
    ]
    pairs = [line for pair in zip(debits, credits, strict=True) for line in pair]
    asked = {"entry_id": entry.pk, "targets": _as_data(targets), "reason": reason, "key": key}
    posting = _post(actor, Posting.Kind.JOURNAL, "JNL", pairs, key=key, reason=reason, asked=asked, approval=approval)
    record("journal_posted", actor=actor, subject=posting, reason=reason, data={"entry": entry.pk})
    return posting


@transaction.atomic
def post_transfer(
    *,
    actor: Actor,
    sources: Sequence[Line],
    targets: Sequence[Line],
    reason: str,
    key: str,
    approval: Approval | None = None,
) -> Posting:
    """Move money between accounts with no receipt behind it.

    One source to several targets of the same total, or pairs of equal amounts. Raises `LedgerRefusal` otherwise,
    and `ApprovalNeeded` over what the actor may move alone.
    """
    authorise(actor, "ledger.post_transfer", what="post transfers")
    _require_reason(reason)
    if earlier := find("transfer", key):
        return earlier
    rules.check_transfer(sources, targets)
    _refuse_suspense([*sources, *targets])
    out, into = the_method("is_transfer_out").code, the_method("is_transfer_in").code
    debits = complete([replace(line, method_of_payment=out) for line in sources], actor=actor)
    credits = complete([replace(line, method_of_payment=into) for line in targets], actor=actor)
    debits, credits = payable(debits, actor=actor), payable(credits, actor=actor)
    lines = [replace(line, amount=-line.amount, narrative=line.narrative or "Transfer") for line in debits]
    lines += [replace(line, narrative=line.narrative or "Transfer") for line in credits]
    asked = {"sources": _as_data(sources), "targets": _as_data(targets), "reason": reason, "key": key}
    posting = _post(actor, Posting.Kind.TRANSFER, "TRF", lines, key=key, reason=reason, asked=asked, approval=approval)
    record("transfer_posted", actor=actor, subject=posting, reason=reason)
    return posting


@transaction.atomic
def post_allocation(
    *,
    actor: Actor,
    takes: Sequence[Take],
    lines: Sequence[Line],
    credit_notes: Sequence[Line] = (),
    reason: str,
    key: str,
    approval: Approval | None = None,
) -> Posting:
    """Move money out of suspense to where it belongs: lines = takes + credit notes, exactly.

    Each take is debited from its own suspense entry. Credit notes are lines the other way on funds that accept them.
    Money that left (a returned cheque nobody could place) is allocated alike, with every amount negative. Raises
    `ApprovalNeeded` over what the actor may allocate alone.
    """
    authorise(actor, "suspense.allocate", what="allocate suspense")
    _require_reason(reason)
    if earlier := find("allocation", key):
        return earlier
    asked = {
        "takes": [{"entry_id": take.entry_id, "amount": str(take.amount)} for take in takes],
        "lines": _as_data(lines),
        "credit_notes": _as_data(credit_notes),
        "reason": reason,
        "key": key,
    }
    entries = _suspense_entries(actor, takes)
    way = 1 if takes[0].amount > 0 else -1
    lines, credit_notes = _turned(lines, way), _turned(credit_notes, way)
    rules.check_allocation(way * sum((take.amount for take in takes), ZERO), lines, credit_notes)
    _refuse_suspense([*lines, *credit_notes])
    _require_credit_note_funds(credit_notes)
    out, into = the_method("is_journal").code, the_method("is_journal_reallocation").code
    received_on = min(entry.received_on for entry in entries.values())
    credits = complete([_into(line, into, received_on) for line in lines], actor=actor)
    notes = complete([_into(line, into, received_on) for line in credit_notes], actor=actor)
    credits, notes = payable(credits, actor=actor), payable(notes, actor=actor)
    debits = []
    for take in takes:
        entry = entries[take.entry_id]
        [(amount, vat)] = shared_vat(entry, [take.amount])
        debits.append(taking(entry, amount, vat, out, narrative=entry.narrative))
    moved = [*debits, *_turned(credits, way), *_turned(notes, -way)]
    posting = _post(
        actor, Posting.Kind.ALLOCATION, "ALC", moved, key=key, reason=reason, asked=asked, approval=approval
    )
    record(
        "suspense_allocated",
        actor=actor,
        subject=posting,
        reason=reason,
        data={"takes": [[take.entry_id, str(take.amount)] for take in takes]},
    )
    return posting


def _post(
    actor: Actor,
    kind: str,
    series: str,
    lines: Sequence[Line],
    *,
    key: str,
    reason: str,
    asked: Mapping[str, Any],
    approval: Approval | None,
) -> Posting:
    completed = complete(lines, actor=actor)
    limit = f"ledger.{kind}"
    allowed_by = limits.leave(
        actor=actor,
        limit=limit,
        lines=completed,
        approval=approval,
        ask=lambda: Asked(kind=limit, payload=asked, key=key),
    )
    select, parameters = from_lines(completed, vat_rates=vat_rates(completed))
    return write(
        select,
        parameters,
        actor=actor,
        kind=kind,
        series=series,
        source_kind=kind,
        source_key=key,
        reason=reason,
        approval=allowed_by,
    )


def _as_data(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [line.as_data() for line in lines]


def _into(line: Line, method_code: str, received_on: date) -> Line:
    return replace(
        line,
        method_of_payment=line.method_of_payment or method_code,
        received_on=line.received_on or received_on,
    )


def _turned(lines: Sequence[Line], way: int) -> list[Line]:
    """`lines` as they are, or with the opposite sign when `way` is -1."""
    return [replace(line, amount=way * line.amount) for line in lines]


def _suspense_entries(actor: Actor, takes: Sequence[Take]) -> dict[int, Entry]:
    if not takes:
        raise LedgerRefusal("Choose at least one suspense item to allocate.")
    if len({take.entry_id for take in takes}) != len(takes):
        raise LedgerRefusal("The same suspense item is named twice. Name it once, with the whole amount.")
    entries = scoped(actor, Entry.objects.select_related("fund")).in_bulk([take.entry_id for take in takes])
    left = remaining(list(entries))
    for take in takes:
        entry = entries.get(take.entry_id)
        is_item = entry is not None and entry.fund.is_suspense and entry.corrects_id is None
        if not is_item:
            raise LedgerRefusal("One of the items chosen is not in suspense.", code="not_found")
        if take.amount == 0 or (take.amount > 0) != (entry.amount > 0):
            raise LedgerRefusal("Take an amount of an item that is not £0.00, with the sign the item has.")
        if (take.amount > 0) != (takes[0].amount > 0):
            raise LedgerRefusal("Money that came in and money that went out are allocated apart from each other.")
        if abs(take.amount) > abs(left[entry.pk]):
            raise LedgerRefusal(
                f"{format_pounds(take.amount)} is asked of a suspense item of which {format_pounds(left[entry.pk])} "
                "remains. Somebody may have allocated part of it meanwhile.",
                code=NOT_ENOUGH_LEFT,
            )
    return entries


def _refuse_correction(entry: Entry) -> None:
    """What a line took or gave back counts with the receipt it belongs to: taking it here too would take it twice."""
    receipt = entry.corrects
    while receipt is not None and receipt.corrects is not None:
        receipt = receipt.corrects
    if receipt is not None:
        raise LedgerRefusal(
            f"This line moved money of {receipt.receipt_number}, or gave it back to it. Move it from there.",
            code="corrected_at_the_receipt",
        )


def _refuse_suspense(lines: Sequence[Line]) -> None:
    suspense = set(Fund.objects.filter(is_suspense=True).values_list("pk", flat=True))
    if any(line.fund in suspense for line in lines):
        raise LedgerRefusal("Money cannot be moved into suspense. Choose the fund it belongs to.", code="into_suspense")


def _require_credit_note_funds(credit_notes: Sequence[Line]) -> None:
    funds = Fund.objects.in_bulk({line.fund for line in credit_notes})
    for line in credit_notes:
        if line.fund in funds and not funds[line.fund].accepts_credit_notes:
            raise LedgerRefusal(f"Fund {funds[line.fund]} does not accept credit notes.", code="no_credit_notes")


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise LedgerRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
