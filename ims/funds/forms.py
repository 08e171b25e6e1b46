"""Forms over the reference data that do more than their columns."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import FilteredSelectMultiple

from ims.common.errors import ImsError
from ims.funds import extra_fields
from ims.funds.models import CheckDigitScheme, Fund, FundGroup, ReferenceRule
from ims.people.models import User
from ims.references import check_digits
from ims.references import rules as reference_rules

KIND_NAMES = {
    "weighted_sum": "Weighted sum",
    "dynix": "Dynix library",
    "mod_11": "Modulus 11, weights 2, 3, 4 … from the right",
    "luhn": "Luhn (modulus 10)",
    "verhoeff": "Verhoeff",
    "damm": "Damm",
}


def kind_choices() -> list[tuple[str, str]]:
    """The kinds of check digit, each with its name."""
    return [
        (kind, KIND_NAMES.get(kind) or kind.replace("iso7064_mod_", "ISO 7064 MOD ").replace("_", "-"))
        for kind in check_digits.KINDS
    ]


class ExtraFieldsForm(forms.ModelForm):
    """Shows the council's own fields as real fields and keeps them in the record's `extra`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name.startswith(extra_fields.PREFIX):
                field.initial = self.instance.extra.get(name.removeprefix(extra_fields.PREFIX))

    def _post_clean(self) -> None:
        super()._post_clean()
        chosen = {
            name.removeprefix(extra_fields.PREFIX): extra_fields.stored(value)
            for name, value in self.cleaned_data.items()
            if name.startswith(extra_fields.PREFIX)
        }
        if chosen:
            self.instance.extra = {**self.instance.extra, **chosen}


class CheckDigitForm(forms.ModelForm):
    """A scheme that can be computed with."""

    kind = forms.ChoiceField(choices=kind_choices)

    class Meta:
        model = CheckDigitScheme
        fields = ("name", "kind", "modulus", "weightings", "prefix", "substitutions", "subtract")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not self.errors:
            config = {name: data[name] for name in self.Meta.fields if name != "name"}
            try:
                check_digits.CheckDigitScheme.from_config(config)
            except ImsError as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return data


class ReferenceRuleForm(forms.ModelForm):
    """A rule whose pattern compiles and whose mask and check digit belong together."""

    class Meta:
        model = ReferenceRule
        fields = ("name", "min_length", "max_length", "characters", "regex", "mask", "check_digit")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.errors:
            return data
        draft = ReferenceRule(**{name: data[name] for name in self.Meta.fields})
        try:
            problems = reference_rules.validate_rule(reference_rules.ReferenceRule.from_config(draft.as_config()))
        except ImsError as refusal:
            problems = list(refusal.details) or [str(refusal)]
        if problems:
            raise forms.ValidationError(problems)
        return data


class FundGroupForm(forms.ModelForm):
    """A fund group with its funds and people in one form."""

    funds = forms.ModelMultipleChoiceField(
        Fund.objects.all(), required=False, widget=FilteredSelectMultiple("funds", is_stacked=False)
    )
    people = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True),
        required=False,
        widget=FilteredSelectMultiple("people", is_stacked=False),
        help_text="They see only the funds of their groups. People in no group see every fund.",
    )

    class Meta:
        model = FundGroup
        fields = ("name", "funds", "people")


class TryForm(forms.Form):
    """References to try a rule or a scheme against."""

    references = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 6}),
        max_length=4000,
        required=False,
        label="References to try",
        help_text="One on each line, at most 50.",
        strip=False,
    )

    def clean_references(self) -> list[str]:
        lines = [line.rstrip("\r") for line in self.cleaned_data["references"].split("\n")]
        references = [line for line in lines if line.strip()]
        if len(references) > 50:
            raise forms.ValidationError(f"There are {len(references)} references. Try at most 50 at a time.")
        return references
