"""A receipt is posted once for each source, however many try at the same moment."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from ims.audit.actors import Actor
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line, Posted
from ims.ledger.models import Posting
from ims.ledger.preparation import complete, vat_rates
from ims.ledger.writing import from_lines, write


def posting_of(source_kind: str, source_key: str) -> Posting | None:
    """The posting already made from this source, if any."""
    return Posting.objects.filter(source_kind=source_kind, source_key=source_key).first()


def write_once(
    *, actor: Actor, lines: Sequence[Line], series: str, source_kind: str, source_key: str, reason: str
) -> Posted:
    """Write `lines` as a receipt for services that authorised it; whoever came first from the same source has it.

    Raises `LedgerRefusal` or `IntegrityError` when they are refused and nobody came first.
    """
    try:
        with transaction.atomic():
            completed = complete(lines, actor=actor)
            select, parameters = from_lines(completed, vat_rates=vat_rates(completed))
            posting = write(
                select,
                parameters,
                actor=actor,
                kind=Posting.Kind.RECEIPT,
                series=series,
                source_kind=source_kind,
                source_key=source_key,
                reason=reason,
            )
    except (LedgerRefusal, IntegrityError):
        # Whoever came first at the same moment has it; any other refusal is the caller's to hear.
        earlier = posting_of(source_kind, source_key)
        if earlier is None:
            raise
        return Posted(earlier, created=False)
    return Posted(posting, created=True)
