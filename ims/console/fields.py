"""Form fields in the console's dress: amounts, dates as people write them, and GOV.UK Frontend's classes."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BoundField

from ims.common import clock, money
from ims.common.errors import ImsError

DATE_FORMATS = (
    "%d %b %Y",
    "%d %B %Y",
    "%d/%m/%Y",
    "%d/%m/%y",
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d%m%Y",
    "%d %b %y",
)
DATE_HINT = "Like 20 Nov 2026, 20/11/26, today or yesterday."


def read_date(text: str) -> date:
    """The date a person typed: ``20 Nov 2026``, ``20/11/26``, ``2026-11-20``, ``today``, ``yesterday``, ``3 days ago``.

    The day comes before the month. Raises `ValueError`, with a sentence, for anything else.
    """
    words = re.sub(r"\s+", " ", text.strip()).lower()
    if words in ("today", "yesterday"):
        return clock.today() - timedelta(days=words == "yesterday")
    if ago := re.fullmatch(r"([0-9]{1,4}) days? ago", words):
        return clock.today() - timedelta(days=int(ago[1]))
    for pattern in DATE_FORMATS:
        try:
            found = datetime.strptime(words, pattern).date()  # noqa: DTZ007 - a date has no time zone
        except ValueError:
            continue
        if 1990 <= found.year <= 2100:
            return found
    raise ValueError(f"“{text.strip()}” is not a date. Write it like 20 Nov 2026 or 20/11/2026.")


class DateField(forms.DateField):
    """One box for a date, in any of the forms people write."""

    widget = forms.TextInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"help_text": DATE_HINT, **options})
        self.widget.attrs.setdefault("size", 12)

    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return read_date(str(value))
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        return f"{value:%-d %b %Y}" if isinstance(value, date) else value


class MoneyField(forms.Field):
    """Pounds and pence as a person types them: ``1,234.50``, ``£12``, ``-3``. Cleans to `Decimal`."""

    widget = forms.TextInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs.update({"inputmode": "decimal", "size": 12, "autocomplete": "off"})

    def to_python(self, value: Any) -> Decimal | None:
        if value in self.empty_values or isinstance(value, Decimal):
            return value or None
        try:
            return money.pounds(str(value))
        except ImsError as error:
            raise forms.ValidationError(error.message, code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        return f"{value:.2f}" if isinstance(value, Decimal) else value


def dressed(bound: BoundField, *, label: str = "", hint: str = "") -> dict[str, Any]:
    """Everything the template of one field shows: kind, label, hint, errors, and the widget with its classes."""
    widget = bound.field.widget
    identifier = bound.id_for_label or bound.auto_id
    hint = hint or bound.help_text
    # A form may ask not to be complained about: while a line is being added, say.
    errors = [] if getattr(bound.form, "is_quiet", False) else list(bound.errors)
    described_by = " ".join([f"{bound.auto_id}_hint"] * bool(hint) + [f"{bound.auto_id}_error"] * bool(errors))
    kind, css = _dress(widget)
    attributes: dict[str, Any] = {
        "class": " ".join([css, widget.attrs.get("class", ""), _error_class(css, errors)]).strip()
    }
    if described_by:
        attributes["aria-describedby"] = described_by
    if errors:
        attributes["aria-invalid"] = "true"
    if kind == "choices":
        _dress_choices(bound)
    return {
        "bound": bound,
        "kind": kind,
        "style": _choices_style(widget),
        "id": identifier,
        "group_id": bound.auto_id,
        "label": label or bound.label,
        "hint": hint,
        "hint_id": f"{bound.auto_id}_hint",
        "errors": errors,
        "error_id": f"{bound.auto_id}_error",
        "described_by": described_by,
        "is_optional": not bound.field.required and not getattr(bound.form, "all_optional", False),
        "widget": "" if kind == "choices" else bound.as_widget(attrs=attributes),
    }


def _dress(widget: forms.Widget) -> tuple[str, str]:
    """The kind of markup a widget needs, and its class."""
    for widget_class, kind, css in (
        (forms.HiddenInput, "hidden", ""),
        (forms.CheckboxSelectMultiple, "choices", ""),
        (forms.RadioSelect, "choices", ""),
        (forms.CheckboxInput, "checkbox", "govuk-checkboxes__input"),
        (forms.Select, "plain", "govuk-select"),
        (forms.Textarea, "plain", "govuk-textarea"),
        (forms.FileInput, "file", "govuk-file-upload"),
    ):
        if isinstance(widget, widget_class):
            return kind, css
    width = " govuk-!-width-full" if not widget.attrs.get("size") else " govuk-input--width-10"
    return "plain", "govuk-input" + width


def _error_class(css: str, errors: list[str]) -> str:
    return f"{css.split()[0]}--error" if errors and css else ""


def _dress_choices(bound: BoundField) -> None:
    bound.field.widget.attrs["class"] = f"govuk-{_choices_style(bound.field.widget)}__input"


def _choices_style(widget: forms.Widget) -> str:
    # Django's boxes for several choices are a kind of its radio buttons, so the two cannot be told by those.
    return "checkboxes" if isinstance(widget, forms.CheckboxSelectMultiple) else "radios"
