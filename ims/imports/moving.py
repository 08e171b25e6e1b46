"""Moving a batch from state to state, and keeping everybody else out while it is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from ims.audit.actors import Actor
from ims.common.errors import NotFound
from ims.imports.errors import BatchMoved
from ims.imports.models import BatchStep, ImportBatch
from ims.imports.states import MOVES, BatchState

_LOCK = "hashtextextended('ims.imports.batch:' || %s::bigint, 0)"


def find_batch(batch_id: int) -> ImportBatch:
    """The batch with its file and profile. Raises `NotFound`."""
    batch = ImportBatch.objects.select_related("file", "profile").filter(pk=batch_id).first()
    if batch is None:
        raise NotFound(f"There is no import {batch_id}.")
    return batch


def move(batch: ImportBatch, event: str, *, actor: Actor, note: str = "", **values: Any) -> None:
    """Make the move `event`, set `values`, and keep a step of it.

    Raises `BatchMoved` when the batch is no longer in a state from which the move starts; then nothing is written.
    """
    sources, target = MOVES[event]
    moved = ImportBatch.objects.filter(pk=batch.pk, state=batch.state, state__in=sources).update(state=target, **values)
    if not moved:
        batch.refresh_from_db()
        raise BatchMoved(
            f"Import {batch.pk} is “{BatchState(batch.state).label.lower()}” now, so this cannot be done. "
            "Look at it again."
        )
    BatchStep.objects.create(
        batch=batch,
        from_state=batch.state,
        to_state=target,
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
        note=note,
    )
    batch.refresh_from_db()


@contextmanager
def claimed(batch_id: int) -> Iterator[ImportBatch]:
    """Hold the batch for the length of the block. Raises `BatchMoved` at once when somebody else holds it.

    The hold is a lock of the database session: when the process dies, it is gone, and the batch can be taken up again.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})", [batch_id])
        if not cursor.fetchone()[0]:
            last = BatchStep.objects.filter(batch_id=batch_id).order_by("-id").first()
            who = f" ({last.actor_name} began at {timezone.localtime(last.occurred_at):%H:%M})" if last else ""
            sentence = f"Import {batch_id} is being worked on just now{who}. Look again in a moment."
            raise BatchMoved(sentence, code="busy")
    try:
        yield find_batch(batch_id)
    finally:
        if connection.connection is not None and not connection.connection.closed:
            _let_go(batch_id)


def is_claimed(batch_id: int) -> bool:
    """Whether some session is working on the batch."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})", [batch_id])
        free = cursor.fetchone()[0]
    if free:
        _let_go(batch_id)
    return not free


def _let_go(batch_id: int) -> None:
    # Over the plain connection: after an error inside a transaction Django would refuse to ask, PostgreSQL too, and
    # then the lock goes with the session.
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_unlock({_LOCK})", [batch_id])
    except DatabaseError:
        connection.close()
