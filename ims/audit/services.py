"""Writing audit events."""

from __future__ import annotations

from typing import Any

from django.db import models

from ims.audit.actors import Actor
from ims.audit.models import Event


def record(
    verb: str,
    *,
    actor: Actor,
    subject: models.Model | None = None,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> Event:
    """Add one event to the trail, in the caller's transaction: the act and its record stand or fall together."""
    return Event.objects.create(
        verb=verb,
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
        address=actor.address,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=str(subject.pk) if subject is not None else "",
        subject_label=str(subject) if subject is not None else "",
        reason=reason,
        data=data or {},
    )
