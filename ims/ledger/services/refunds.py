"""Money given back to whoever paid it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from ims.audit.actors import Actor, authorise
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Posted, Take
from ims.ledger.models import Entry
from ims.ledger.once import write_once
from ims.ledger.services.receipts import find
from ims.ledger.taking import shared_vat, taking

SERIES = "RFD"


def post_refund(
    *,
    actor: Actor,
    takes: Sequence[Take],
    refunded_on: date,
    source_kind: str,
    source_key: str,
    reason: str,
) -> Posted:
    """Post what left by a refund: a line out of each receipt taken from, by the method it was paid with.

    A second attempt with the same source finds the first. Raises `LedgerRefusal` when more is taken than remains of a
    receipt (some of its money may have been moved elsewhere).
    """
    authorise(actor, "ledger.post_receipt", what="post refunds")
    if earlier := find(source_kind, source_key):
        return Posted(earlier, created=False)
    entries = Entry.objects.select_related("posting").in_bulk([take.entry_id for take in takes])
    lines = []
    for take in takes:
        entry = entries.get(take.entry_id)
        if entry is None or not actor.may_see_fund(entry.fund_id):
            raise LedgerRefusal("That receipt does not exist, or it is not in one of your funds.", code="not_found")
        [(amount, vat)] = shared_vat(entry, [take.amount])
        out = taking(entry, amount, vat, entry.method_of_payment_id, narrative=f"Refund of {entry.receipt_number}")
        lines.append(replace(out, received_on=refunded_on, source_reference=entry.source_reference))
    return write_once(
        actor=actor, lines=lines, series=SERIES, source_kind=source_kind, source_key=source_key, reason=reason
    )
