"""The fields a council adds to funds and methods of payment, as form fields and back as stored values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from ims.funds.models import ExtraField

PREFIX = "extra__"


def definitions(owner: str) -> list[ExtraField]:
    """The council's own fields of `owner` (``fund`` or ``method_of_payment``), in the order they are shown."""
    return list(ExtraField.objects.filter(owner=owner).order_by("name"))


def form_field(definition: ExtraField) -> forms.Field:
    """The form field for one definition."""
    options: dict[str, Any] = {
        "label": definition.label,
        "required": definition.is_required,
        "help_text": definition.help_text,
    }
    if definition.kind == ExtraField.Kind.NUMBER:
        return forms.DecimalField(max_digits=20, **options)
    if definition.kind == ExtraField.Kind.YES_NO:
        return forms.BooleanField(**{**options, "required": False})
    if definition.kind == ExtraField.Kind.DATE:
        return forms.DateField(**options)
    return forms.CharField(max_length=200, **options)


def stored(value: object) -> object:
    """The value as kept in the record's JSON: numbers as exact text, dates as 2026-11-20, nothing as an empty text."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value
