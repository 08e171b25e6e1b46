"""Money given back to whoever paid it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from django.db import IntegrityError, transaction

from ims.audit.actors import Actor, authorise
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Posted, Take
from ims.ledger.models import Entry, Posting
from ims.ledger.preparation import complete, vat_rates
from ims.ledger.services.receipts import find
from ims.ledger.taking import shared_vat, taking
from ims.ledger.writing import from_lines, write

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
    try:
        with transaction.atomic():
            completed = complete(lines, actor=actor)
            select, parameters = from_lines(completed, vat_rates=vat_rates(completed))
            posting = write(
                select,
                parameters,
                actor=actor,
                kind=Posting.Kind.RECEIPT,
                series=SERIES,
                source_kind=source_kind,
                source_key=source_key,
                reason=reason,
            )
    except (LedgerRefusal, IntegrityError):
        earlier = find(source_kind, source_key)
        if earlier is None:
            raise
        return Posted(earlier, created=False)
    return Posted(posting, created=True)
