"""History for every mutable record: who, when, before, after and why.

Models that people or jobs may change derive from `Tracked`. Ledger tables need no history: they never change.
"""

from __future__ import annotations

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
    history_instance.actor_kind = now.actor.kind
    history_instance.actor_name = now.actor.name
    history_instance.actor_address = now.actor.address
    if not history_instance.history_change_reason:
        history_instance.history_change_reason = now.reason or None


def connect() -> None:
    """Start stamping history rows (called once, when the application starts)."""
    pre_create_historical_record.connect(stamp_actor, dispatch_uid="ims.audit.stamp")
