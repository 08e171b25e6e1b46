"""History for every mutable record: who, when, before, after and why.

Models that people or jobs may change derive from `Tracked`. Ledger tables need no history: they never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from ims.audit import actors


class ActorStamp(models.Model):
    """Columns of every history row that name the actor, whether or not it is a person."""

    actor_kind = models.TextField(default="system")
    actor_name = models.TextField(default="")
    actor_address = models.TextField(default="", blank=True)

    class Meta:
        abstract = True


class Tracked(models.Model):
    """A mutable record whose every change is kept."""

    history = HistoricalRecords(
        inherit=True,
        bases=[ActorStamp],
        history_id_field=models.BigAutoField(),
        history_change_reason_field=models.TextField(null=True),
        user_db_constraint=False,
    )

    class Meta:
        abstract = True


def stamp_actor(sender: Any, *, history_instance: Any, **_: Any) -> None:
    """Write the acting person, job or command, and their reason, on the history row about to be made."""
    now = actors.current()
    if now is None:
        return
    for column, value in _stamp(now.actor).items():
        setattr(history_instance, column, value)
    if not history_instance.history_change_reason:
        history_instance.history_change_reason = now.reason or None


def create_all(records: Sequence[Tracked]) -> None:
    """Insert new records of one model with their history, stamped as `save` stamps it: two statements in all."""
    if not records:
        return
    model, now = type(records[0]), actors.current()
    model._default_manager.bulk_create(records)
    model.history.bulk_history_create(
        records,
        default_change_reason=now.reason or None if now else None,
        custom_historical_attrs=_stamp(now.actor) if now else {},
    )


def _stamp(actor: actors.Actor) -> dict[str, str]:
    """The columns of `ActorStamp` that name `actor`."""
    return {"actor_kind": actor.kind, "actor_name": actor.name, "actor_address": actor.address}


def connect() -> None:
    """Start stamping history rows (called once, when the application starts)."""
    pre_create_historical_record.connect(stamp_actor, dispatch_uid="ims.audit.stamp")
