"""Where the past is written: the history of every tracked model, and the events. Found by looking, never listed.

A model becomes searchable by being tracked; nothing here has to be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.db import models
from simple_history.models import registered_models

from ims.common.errors import NotFound

EVENTS = "audit.event"
"""The name under which audit events stand among the trails."""


@dataclass(frozen=True)
class Trail:
    """The history of one tracked model. `key` is the history table's column with the record's primary key."""

    label: str
    model: type[models.Model]
    history: type[models.Model]
    table: str
    key: str

    @property
    def name(self) -> str:
        """What one record is called, like “Fund”."""
        name = str(self.model._meta.verbose_name)
        return name[:1].upper() + name[1:]


@cache
def trails() -> tuple[Trail, ...]:
    """Every history there is, by label."""
    found = []
    for model in registered_models.values():
        manager = getattr(model, model._meta.simple_history_manager_attribute)
        history = manager.model
        key = history._meta.get_field(model._meta.pk.attname).column
        found.append(Trail(model._meta.label_lower, model, history, history._meta.db_table, key))
    return tuple(sorted(found, key=lambda trail: trail.label))


def trail_of(label: str) -> Trail | None:
    """The history of the model called `label` (``funds.fund``); None when it keeps none."""
    return next((trail for trail in trails() if trail.label == label), None)


def model_of(label: str) -> type[models.Model]:
    """The model called `label`. Raises `NotFound` for a name nothing of ours has."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError) as error:
        raise NotFound(f"There are no records called “{label}”.") from error
    if not model.__module__.startswith("ims."):
        raise NotFound(f"There are no records called “{label}”.")
    return model


def name_of(label: str) -> str:
    """What one record of `label` is called in words; the label itself when nothing has it any more."""
    try:
        name = str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label
    return name[:1].upper() + name[1:]
