"""What changed from one row of history to the next, in words an auditor reads. No database here.

A value is shown as the screens show it: £1,234.56, 20 Nov 2026, Yes, the choice's label, the code and name of what a
code points at. Structured settings (layouts, conditions) are compared part by part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.timezone import is_aware, localtime

from ims.common.money import format_pounds

STAMPS = frozenset({"actor_kind", "actor_name", "actor_address"})
LONGEST = 400

Naming = Callable[[models.ForeignKey, Any], str]
"""Turns a foreign key's value into the name of what it points at."""


@dataclass(frozen=True)
class Difference:
    """One field, before and after, in words. `before` is empty for a record just added."""

    field: str
    before: str
    after: str


def differences(after: models.Model, before: models.Model | None, naming: Naming) -> list[Difference]:
    """The fields in which two rows of history differ; every field that says something when `before` is None."""
    found: list[Difference] = []
    for field in fields_of(type(after)):
        new = getattr(after, field.attname)
        old = getattr(before, field.attname) if before is not None else None
        if new == old or (before is None and new in (None, "", [], {}, False)):
            continue
        name = str(field.verbose_name)
        found.extend(_of_field(name[:1].upper() + name[1:], field, old, new, naming))
    return found


def fields_of(history: type[models.Model]) -> Iterator[models.Field]:
    """The fields of a history model that belong to the record and not to the history."""
    for field in history._meta.concrete_fields:
        if not field.name.startswith("history_") and field.name not in STAMPS:
            yield field


def _of_field(name: str, field: models.Field, old: Any, new: Any, naming: Naming) -> Iterator[Difference]:
    if isinstance(field, models.JSONField):
        before, after = dict(leaves(old)), dict(leaves(new))
        for path in sorted({*before, *after}):
            if before.get(path) != after.get(path):
                label = f"{name}: {path}" if path else name
                yield Difference(label, cut(before.get(path, "")), cut(after.get(path, "")))
        return
    yield Difference(name, cut(in_words(field, old, naming)), cut(in_words(field, new, naming)))


def in_words(field: models.Field, value: Any, naming: Naming) -> str:
    """One value of `field` as a person reads it."""
    if value is None or value == "":
        return ""
    if isinstance(field, models.ForeignKey):
        return naming(field, value)
    if getattr(field, "choices", None):
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(field, models.DecimalField) and field.decimal_places == 2:
        return format_pounds(value)
    return plain(value)


def plain(value: Any) -> str:
    """A value whose field is not known, as a person reads it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return f"{localtime(value) if is_aware(value) else value:%-d %b %Y, %H:%M}"
    if isinstance(value, date):
        return f"{value:%-d %b %Y}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "" if value is None else str(value)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every single value within a structured one, with the way to it: ``columns 2 name``."""
    if isinstance(value, Mapping):
        for key in value:
            yield from leaves(value[key], f"{path} {key}".strip())
    elif isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value):
        for number, part in enumerate(value, start=1):
            yield from leaves(part, f"{path} {number}".strip())
    elif value is not None:
        yield path, plain(value)


def of_event(data: Mapping[str, Any]) -> list[Difference]:
    """What an event says of itself: before and after where it has them, else each thing it names."""
    if set(data) >= {"before", "after"} and not isinstance(data["before"], Mapping):
        rest = [Difference(_label(key), "", cut(plain(data[key]))) for key in data if key not in ("before", "after")]
        return [Difference("Value", cut(plain(data["before"])), cut(plain(data["after"]))), *rest]
    if isinstance(data.get("before"), Mapping) and isinstance(data.get("after"), Mapping):
        before, after = dict(leaves(data["before"])), dict(leaves(data["after"]))
        return [
            Difference(_label(path), cut(before.get(path, "")), cut(after.get(path, "")))
            for path in sorted({*before, *after})
            if before.get(path) != after.get(path)
        ]
    return [Difference(_label(path), "", cut(value)) for path, value in leaves(data)]


def _label(path: str) -> str:
    words = path.replace("_", " ")
    return words[:1].upper() + words[1:]


def cut(text: str) -> str:
    """`text`, no longer than a cell can bear."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
