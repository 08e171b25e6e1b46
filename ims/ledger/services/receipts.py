"""Posting what was received: a few lines at once, or a whole file as one set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from psycopg import sql

from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line, Posted
from ims.ledger.models import Posting
from ims.ledger.once import posting_of, write_once
from ims.ledger.writing import write


def post_receipts(
    *,
    actor: Actor,
    lines: Sequence[Line],
    source_kind: str,
    source_key: str,
    series: str = "REC",
    reason: str = "",
) -> Posted:
    """Post `lines` as one posting, once for each source.

    A second attempt with the same `source_kind` and `source_key`, even at the same moment, finds the first posting and
    posts nothing. Lines are taken as already checked against the fund's rules: whoever took the money did that.
    """
    authorise(actor, "ledger.post_receipt", what="post receipts")
    if not lines:
        raise LedgerRefusal("There is nothing to post: a posting needs at least one line.")
    earlier = find(source_kind, source_key)
    if earlier:
        return Posted(earlier, created=False)
    return write_once(
        actor=actor, lines=lines, series=series, source_kind=source_kind, source_key=source_key, reason=reason
    )


@transaction.atomic
def post_set(
    *,
    actor: Actor,
    select: sql.Composable,
    parameters: Mapping[str, Any],
    source_kind: str,
    source_key: str,
    series: str = "IMP",
    kind: str = Posting.Kind.IMPORT,
    reason: str = "",
) -> Posting:
    """Post every line that `select` yields as one posting, by one statement, however many there are.

    `select` yields the columns of `ims.ledger.writing.LINE_COLUMNS` but `vat_amount` and `corrects_id`, which are
    reckoned and empty. Raises `LedgerRefusal` when there is no line, when the source has posted before, or when the
    database refuses (a closed period, an unknown code).
    """
    authorise(actor, "ledger.post_receipt", what="post receipts")
    if find(source_kind, source_key):
        raise LedgerRefusal("This has been posted already. Nothing was posted again.", code="posting_once_per_source")
    with_rest = sql.SQL("SELECT given.*, NULL::numeric AS vat_amount, NULL::bigint AS corrects_id FROM ({}) AS given")
    posting = write(
        with_rest.format(select),
        parameters,
        actor=actor,
        kind=kind,
        series=series,
        source_kind=source_kind,
        source_key=source_key,
        reason=reason,
    )
    if posting is None:
        raise LedgerRefusal("There is nothing to post: no line is ready.", code="nothing_to_post")
    record(
        "set_posted",
        actor=actor,
        subject=posting,
        reason=reason,
        data={"entries": posting.entry_count, "total": str(posting.total), "source": f"{source_kind} {source_key}"},
    )
    return posting


def find(source_kind: str, source_key: str) -> Posting | None:
    """The posting already made from this source, if any."""
    return posting_of(source_kind, source_key)
