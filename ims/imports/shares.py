"""What part of an imported file is whose: kept beside the rows, so that lists of limited people stay fast.

A row nobody has placed yet counts to suspense, where it would go. Office and method of payment are the row's own.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from ims.audit.actors import Actor
from ims.audit.scope import parameters, scoped, sql_within
from ims.funds.models import Fund
from ims.imports.models import BatchShare, BatchStep, ImportBatch

_FUND = """
coalesce(nullif(r.posting_fund, ''), nullif(r.fund, ''), (SELECT code FROM funds_fund WHERE is_suspense), '')
"""
_RECKON = f"""
INSERT INTO imports_batchshare (batch_id, fund, office, method_of_payment, outcome, count, amount)
SELECT r.batch_id, {_FUND}, r.office, r.method_of_payment, r.outcome, count(*), coalesce(sum(r.amount), 0)
FROM imports_importrow r WHERE r.batch_id = %(batch)s GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 - built of constants
_OUTSIDE = f"""
SELECT r.line FROM imports_importrow r
WHERE r.batch_id = %(batch)s AND r.outcome = ANY(%(outcomes)s)
  AND NOT ({sql_within("r", funds="posting_fund", offices="office", methods="method_of_payment")})
ORDER BY r.line LIMIT 1
"""  # noqa: S608 - built of constants


def reckon(batch_id: int) -> None:
    """Write down the shares of a batch anew, as its rows stand. Called wherever rows are decided about."""
    with connection.cursor() as cursor:
        # One at a time for each batch: the second would not see what the first writes, and write it again.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ims.imports.shares', %s))", [batch_id])
        cursor.execute("DELETE FROM imports_batchshare WHERE batch_id = %s", [batch_id])
        cursor.execute(_RECKON, {"batch": batch_id})


def batches_visible_to(actor: Actor) -> QuerySet[ImportBatch]:
    """The batches with a row in the actor's scope, and those they brought in themselves."""
    found = ImportBatch.objects.all()
    if not actor.is_limited:
        return found
    mine = BatchStep.objects.filter(
        batch=OuterRef("pk"), from_state="", actor_kind=actor.kind, actor_id=actor.identifier
    )
    return found.filter(Q(pk__in=scoped(actor, BatchShare.objects.all()).values("batch")) | Exists(mine))


def rows_in_scope(actor: Actor) -> Q:
    """The condition that keeps imported rows to the actor's scope."""
    condition = Q()
    if actor.funds is not None:
        placed = Q(posting_fund__in=actor.funds) | Q(posting_fund="", fund__in=actor.funds)
        if Fund.objects.filter(is_suspense=True, code__in=actor.funds).exists():
            placed |= Q(posting_fund="", fund="")
        condition &= placed
    if actor.offices is not None:
        condition &= Q(office__in=actor.offices)
    if actor.methods is not None:
        condition &= Q(method_of_payment__in=actor.methods)
    return condition


def line_outside(actor: Actor, batch: ImportBatch, outcomes: list[str]) -> int | None:
    """The first line that posting these outcomes would post outside the actor's scope; None when there is none."""
    if not actor.is_limited:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_OUTSIDE, {"batch": batch.pk, "outcomes": outcomes, **parameters(actor)})
        row = cursor.fetchone()
    return row[0] if row else None
