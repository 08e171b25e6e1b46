"""The forms of routing rules and file profiles.

Both are kept as plain data (`ims.imports.rules`, `ims.formats.profile`); these forms show that data as rows of boxes
and give it back unchanged where a box was not touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ims.console.fields import DateField
from ims.formats import registry
from ims.formats.profile import (
    DATE_FIELDS,
    ENCODINGS,
    EXTRA_PREFIX,
    LAYOUTS,
    MONEY_FIELDS,
    ORDERS,
    RECORD_KINDS,
    SCALES,
    SIGNS,
    SPECIAL_FIELDS,
    TEXT_FIELDS,
)
from ims.formats.profile_values import DATE_FORMATS
from ims.funds.models import Fund, MethodOfPayment, Office, VatCode
from ims.imports.models import FileProfile, RoutingRule
from ims.imports.models.profiles import LAYOUT
from ims.imports.rules import FIELDS, OPERATORS, SETTABLE

WHY = "Why you add or change it. Its history keeps it."
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class RuleForm(forms.Form):
    """A routing rule, but for its conditions."""

    name = forms.CharField(max_length=80)
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))
    position = forms.IntegerField(help_text="Lower numbers run first.", widget=forms.NumberInput({"size": 6}))
    profiles = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="None ticked: files of every profile."
    )
    valid_from = DateField(required=False, label="First day received")
    valid_to = DateField(required=False, label="Last day received")
    stops = forms.BooleanField(required=False, label="No later rule runs on a row that this one fires on")
    is_enabled = forms.BooleanField(required=False, label="Enabled")
    set_fund = forms.ChoiceField(required=False, label="Set the fund")
    set_reference = forms.CharField(required=False, max_length=100, label="Set the account reference")
    set_method_of_payment = forms.ChoiceField(required=False, label="Set the method of payment")
    set_office = forms.ChoiceField(required=False, label="Set the office")
    set_vat_code = forms.ChoiceField(required=False, label="Set the VAT code")
    set_narrative = forms.CharField(required=False, max_length=500, label="Set the narrative")
    reason = forms.CharField(
        max_length=500, required=False, help_text="Why you add or change it. Its history keeps it."
    )

    def __init__(self, *args: Any, rule: RoutingRule, **options: Any) -> None:
        options.setdefault("initial", _rule_values(rule))
        super().__init__(*args, **options)
        self.fields["profiles"].choices = list(FileProfile.objects.values_list("code", "name"))
        for name, model in (("fund", Fund), ("method_of_payment", MethodOfPayment), ("office", Office),
                            ("vat_code", VatCode)):  # fmt: skip
            records = model.objects.filter(is_active=True)
            self.fields[f"set_{name}"].choices = [("", "Leave it"), *((r.pk, str(r)) for r in records)]

    def fill(self, rule: RoutingRule) -> None:
        """Put what was typed into `rule`."""
        typed = self.cleaned_data
        for name in ("name", "description", "position", "profiles", "valid_from", "valid_to", "stops", "is_enabled"):
            setattr(rule, name, typed[name])
        rule.actions = {name: typed[f"set_{name}"] for name in SETTABLE if typed[f"set_{name}"]}


def _rule_values(rule: RoutingRule) -> dict[str, Any]:
    names = ("name", "description", "position", "profiles", "valid_from", "valid_to", "stops", "is_enabled")
    actions = {f"set_{name}": value for name, value in rule.actions.items()}
    return {name: getattr(rule, name) for name in names} | actions


class ConditionForm(forms.Form):
    """One condition. Conditions of the same group must all be true; one group that is true is enough."""

    all_optional = True

    group = forms.IntegerField(min_value=1, max_value=50, initial=1, widget=forms.NumberInput({"size": 3}))
    field = forms.ChoiceField(required=False, choices=[("", "No condition"), *FIELDS.items()])
    operator = forms.ChoiceField(required=False, label="Comparison", choices=list(OPERATORS.items()))
    value = forms.CharField(required=False, max_length=500, strip=False)
    ignore_case = forms.BooleanField(required=False, label="Capitals or not")


ConditionSet = forms.formset_factory(ConditionForm, extra=2, max_num=100)


def condition_rows(groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups of a rule as rows of the form. A group of which any must be true is as many groups of one."""
    found: list[dict[str, Any]] = []
    number = 0
    for group in groups:
        number += 1
        for place, condition in enumerate(group.get("conditions", [])):
            if place and group.get("match") == "any":
                number += 1
            found.append({**condition, "group": number})
    return found


def groups_from(forms_filled: Iterable[forms.Form]) -> list[dict[str, Any]]:
    """The rows of the form as groups of a rule."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for form in forms_filled:
        typed = form.cleaned_data
        if not typed.get("field"):
            continue
        condition = {name: typed[name] for name in ("field", "operator", "value")}
        if typed["ignore_case"]:
            condition["ignore_case"] = True
        groups.setdefault(typed["group"], []).append(condition)
    return [{"match": "all", "conditions": groups[number]} for number in sorted(groups)]


class FileProfileForm(forms.ModelForm):
    """What IMS does with a sender's files."""

    expected_days = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple,
        help_text="Days on which a file is expected. Bank holidays are left out.",
    )
    expected_by = forms.TimeField(required=False, help_text="Like 09:00. A file not there by then shows as late.")
    reason = forms.CharField(
        max_length=500, required=False, help_text="Why you add or change it. Its history keeps it."
    )

    class Meta:
        model = FileProfile
        fields = [
            "name", "code", "format", "fund", "method_of_payment", "office", "vat_code", "entries", "finds_references",
            "doubt", "duplicates", "late_money", "expected_days", "expected_by", "is_active",
        ]  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        titles = [(name, known.title) for name, known in registry.FORMATS.items()]
        self.fields["format"] = forms.ChoiceField(
            choices=[(LAYOUT, "The layout below"), *titles],
            help_text="One that IMS knows, or the layout described further down.",
        )
        if self.instance.pk:
            self.fields["code"].disabled = True

    def _update_errors(self, errors: ValidationError) -> None:
        """Leave the layout to its own form beside this one: saving checks the whole."""
        if hasattr(errors, "error_dict"):
            errors.error_dict.pop("layout", None)
        super()._update_errors(errors)


class LayoutForm(forms.Form):
    """How a layout that the council describes itself is written."""

    layout = forms.ChoiceField(choices=[(name, name.replace("_", " ").capitalize()) for name in LAYOUTS])
    delimiter = forms.CharField(required=False, max_length=3, strip=False, help_text="Empty: told from the file.")
    encoding = forms.ChoiceField(required=False, choices=[(name, name or "Told from the file") for name in ENCODINGS])
    skip_rows = forms.IntegerField(required=False, min_value=0, help_text="Rows before the data.")
    fields_in_a_row = forms.IntegerField(required=False, min_value=0, help_text="Empty: as many as it takes.")
    order = forms.ChoiceField(required=False, choices=[(name, name.replace("_", " ").capitalize()) for name in ORDERS])
    account = forms.CharField(required=False, max_length=40, help_text="Our account, where the file does not say.")
    sheet = forms.CharField(required=False, max_length=60, help_text="Of a workbook; empty: the first.")

    _KEYS = {"fields_in_a_row": "fields"}

    @classmethod
    def values_of(cls, layout: Mapping[str, Any]) -> dict[str, Any]:
        """The boxes of a layout."""
        return {name: layout.get(cls._KEYS.get(name, name), "") for name in cls.base_fields} | {
            "layout": layout.get("layout", "delimited"),
            "delimiter": layout.get("delimiter", ","),
        }

    def fill(self, layout: dict[str, Any]) -> None:
        """Put what was typed into `layout`; an empty box means the default, but for the delimiter."""
        for name in self.base_fields:
            key, value = self._KEYS.get(name, name), self.cleaned_data[name]
            if value in ("", None) and name != "delimiter":
                layout.pop(key, None)
            else:
                layout[key] = "\t" if value == "\\t" else value


def _box(size: int, **attributes: str) -> forms.TextInput:
    return forms.TextInput({"size": size, **attributes})


class _RowForm(forms.Form):
    """A form whose boxes stand in one row of a table, each named for screen readers instead of by a label."""

    all_optional = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        number = int(self.prefix.rsplit("-", 1)[-1]) + 1 if self.prefix and self.prefix[-1].isdigit() else 0
        for name, box in self.fields.items():
            widget = box.widget
            widget.attrs["aria-label"] = f"{box.label or name.replace('_', ' ').capitalize()}, row {number}"
            if isinstance(widget, forms.Select):
                widget.attrs["class"] = "govuk-select ims-box"
            elif not isinstance(widget, forms.CheckboxInput):
                size = widget.attrs.pop("size", 12)
                widget.attrs["class"] = f"govuk-input ims-box ims-box--{'narrow' if size < 6 else 'wide'}"

    @classmethod
    def headings(cls) -> list[str]:
        """What stands above each column of boxes."""
        return [box.label or name.replace("_", " ").capitalize() for name, box in cls.base_fields.items()]


_AS_CALLED = {
    "booked_on": "Date received", "value_on": "Value date", "amount": "Amount", "debit": "Money out",
    "credit": "Money in", "sign": "Debit or credit mark", "balance": "Balance after it", "gross": "Gross", "fee": "Fee",
    "net": "Net", "vat_amount": "VAT amount", "reference": "Account reference", "narrative": "Narrative",
    "payer_name": "Payer’s name", "payer_sort_code": "Payer’s sort code", "payer_account": "Payer’s account number",
    "bank_reference": "Bank’s reference", "end_to_end_reference": "End-to-end reference",
    "type_code": "Type of transaction", "currency": "Currency", "fund": "Fund",
    "method_of_payment": "Method of payment",
    "office": "Office", "vat_code": "VAT code", "reason_code": "Reason code", "reason": "Reason",
    "account": "Our account number", "account_sort_code": "Our sort code",
}  # fmt: skip
"""What an officer calls each field of a layout."""
FIELD_CHOICES = [
    ("", "Nothing"),
    *((name, _AS_CALLED[name]) for name in (*DATE_FIELDS, *MONEY_FIELDS, *TEXT_FIELDS, *SPECIAL_FIELDS)),
    (EXTRA_PREFIX, "Kept under its heading"),
]


class _FieldSelect(forms.Select):
    """What a column holds. A field of the council’s own (``extra.…``) that a profile has is offered too."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        own = [text for text in value if text.startswith(EXTRA_PREFIX) and text != EXTRA_PREFIX]
        labels = [text.removeprefix(EXTRA_PREFIX).replace("_", " ").capitalize() for text in own]
        self.choices = [*FIELD_CHOICES, *zip(own, labels, strict=True)]
        return super().optgroups(name, value, attrs)


class ColumnForm(_RowForm):
    """One value of a row, and how it is written."""

    field = forms.CharField(required=False, max_length=60, label="Holds", widget=_FieldSelect)
    column = forms.IntegerField(required=False, min_value=1, widget=forms.NumberInput({"size": 3}))
    heading = forms.CharField(required=False, max_length=300, widget=_box(14))
    start = forms.IntegerField(required=False, min_value=1, widget=forms.NumberInput({"size": 3}))
    length = forms.IntegerField(required=False, min_value=1, widget=forms.NumberInput({"size": 3}))
    constant = forms.CharField(required=False, max_length=100, widget=_box(8))
    dates = forms.CharField(required=False, max_length=200, widget=_box(12, list="date-formats"))
    sign = forms.ChoiceField(required=False, choices=[("", "As usual"), *((name, name.capitalize()) for name in SIGNS)])
    scale = forms.ChoiceField(required=False, choices=[(name, name.capitalize()) for name in SCALES])
    required = forms.BooleanField(required=False)
    more = forms.CharField(required=False, max_length=2000, label="Further settings", widget=_box(12))

    NUMBERS = ("column", "start", "length")
    LISTS = ("heading", "dates")
    PLAIN = ("field", "sign")

    def clean_more(self) -> dict[str, Any]:
        """Settings that have no box of their own, as JSON."""
        return _json(self.cleaned_data["more"])

    def as_config(self) -> dict[str, Any]:
        """The column as the layout keeps it."""
        typed = self.cleaned_data
        config = dict(typed["more"])
        config |= {name: typed[name] for name in (*self.PLAIN, *self.NUMBERS) if typed[name]}
        config |= {name: _listed(typed[name]) for name in self.LISTS if typed[name].strip()}
        if config.get("field") == EXTRA_PREFIX:
            config["field"] += _own_name(config)
        if typed["constant"]:
            config["constant"] = typed["constant"]
        if typed["scale"] != "pounds" and typed["scale"]:
            config["scale"] = typed["scale"]
        if typed["required"]:
            config["required"] = True
        return config

    @classmethod
    def values_of(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """The boxes of a column."""
        rest = {name: value for name, value in config.items() if name not in cls.base_fields}
        values = {name: config[name] for name in cls.base_fields if name in config}
        for name in cls.LISTS:
            if name in config:
                values[name] = config[name] if isinstance(config[name], str) else " | ".join(config[name])
        return values | {"more": json.dumps(rest) if rest else ""}


class RecordForm(_RowForm):
    """Rows that are no receipts: to skip, or headers and trailers with the totals they declare."""

    kind = forms.ChoiceField(
        required=False, choices=[("", "No such row"), *((name, name.capitalize()) for name in RECORD_KINDS)]
    )
    prefix = forms.CharField(required=False, max_length=60, strip=False, label="Begins with", widget=_box(10))
    regex = forms.CharField(required=False, max_length=300, label="Pattern", widget=_box(20))
    count = forms.CharField(required=False, max_length=60, label="Number of rows", widget=_box(10))
    sum = forms.CharField(required=False, max_length=60, label="Total", widget=_box(10))
    more = forms.CharField(required=False, max_length=2000, label="Further settings", widget=_box(12))

    def clean_more(self) -> dict[str, Any]:
        """Settings that have no box of their own, as JSON."""
        return _json(self.cleaned_data["more"])

    def clean_count(self) -> dict[str, Any]:
        """Where the count stands."""
        return _place(self.cleaned_data["count"])

    def clean_sum(self) -> dict[str, Any]:
        """Where the sum stands."""
        return _place(self.cleaned_data["sum"])

    def as_config(self) -> dict[str, Any]:
        """The record as the layout keeps it."""
        typed = self.cleaned_data
        return dict(typed["more"]) | {
            name: typed[name] for name in ("kind", "prefix", "regex", "count", "sum") if typed[name]
        }

    @classmethod
    def values_of(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """The boxes of a record."""
        rest = {name: value for name, value in config.items() if name not in cls.base_fields}
        values = {name: config[name] for name in ("kind", "prefix", "regex") if name in config}
        values |= {name: _place_text(config[name]) for name in ("count", "sum") if config.get(name)}
        return values | {"more": json.dumps(rest) if rest else ""}


ColumnSet = forms.formset_factory(ColumnForm, extra=3, max_num=200)
RecordSet = forms.formset_factory(RecordForm, extra=1, max_num=20)
DATE_NAMES = list(DATE_FORMATS)


class SampleForm(forms.Form):
    """A file to try the profile on."""

    sample = forms.FileField(
        required=False, label="A file of this sender", help_text="It is read and shown; nothing is kept."
    )


def _own_name(config: Mapping[str, Any]) -> str:
    """The name under which a column that means nothing to IMS is kept: its heading’s, or its place."""
    heading = next(iter(config.get("heading", [])), "")
    name = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")
    return name or f"column_{config.get('column') or config.get('start') or 0}"


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _json(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError('Further settings are written in braces, like {"max_length": 20}.') from error
    if not isinstance(found, dict):
        raise forms.ValidationError('Further settings are written in braces, like {"max_length": 20}.')
    return found


def _place(text: str) -> dict[str, Any]:
    """``3`` is the third column, ``10+8`` eight characters from the tenth; ``p`` behind it means pence."""
    written = text.strip().lower()
    if not written:
        return {}
    scale = {"scale": "pence"} if written.endswith("p") else {}
    numbers = written.removesuffix("p").strip().split("+")
    if not all(part.strip().isdigit() for part in numbers) or len(numbers) > 2:
        raise forms.ValidationError("Write a column like 3, or a start and length like 10+8; p behind it is for pence.")
    if len(numbers) == 1:
        return {"column": int(numbers[0]), **scale}
    return {"start": int(numbers[0]), "length": int(numbers[1]), **scale}


def _place_text(place: Mapping[str, Any]) -> str:
    pence = "p" if place.get("scale") == "pence" else ""
    if place.get("column"):
        return f"{place['column']}{pence}"
    return f"{place.get('start', 0)}+{place.get('length', 0)}{pence}"
