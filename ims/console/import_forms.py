"""The forms of bringing files in and of deciding about held rows."""

from __future__ import annotations

from typing import Any

from django import forms

from ims.audit import personal
from ims.console.fields import DateField, MoneyField
from ims.funds import selectors as funds
from ims.funds.models import VatCode
from ims.imports.models import FileProfile, ImportRow
from ims.imports.states import BatchState

_CODES = {"fund": "Fund", "method_of_payment": "Method of payment", "office": "Office", "vat_code": "VAT code"}


def profile_choices() -> list[tuple[str, str]]:
    """The profiles in use, by code."""
    return list(FileProfile.objects.filter(is_active=True).values_list("code", "name"))


class BatchFilters(forms.Form):
    """What narrows the list of imports."""

    all_optional = True

    state = forms.ChoiceField(required=False, choices=[("", "Any state"), *BatchState.choices])
    profile = forms.ChoiceField(required=False)
    name = forms.CharField(required=False, max_length=100, label="Part of the file name")
    first = DateField(required=False, label="Received from")
    last = DateField(required=False, label="Received to")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["profile"].choices = [("", "Any profile"), *profile_choices()]


class UploadForm(forms.Form):
    """A file, and what it is."""

    file = forms.FileField(
        label="File", help_text="Drop it here or choose it. Nothing is posted until you have seen what it would do."
    )
    profile = forms.ChoiceField(required=False, help_text="Leave it to IMS for bank statements and agents’ files.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["profile"].choices = [("", "Recognise it from its content"), *profile_choices()]


class ProfileForm(forms.Form):
    """Another profile for a file that was read wrongly."""

    profile = forms.ChoiceField(label="Read it under another profile")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["profile"].choices = profile_choices()


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=500, help_text="The audit trail keeps it.", widget=forms.Textarea({"rows": 2}))


class CorrectionForm(forms.Form):
    """The values of a held row, as a person corrects them."""

    amount = MoneyField(label="Amount (£)", required=False)
    received_on = DateField(label="Received on", required=False)
    fund = forms.ChoiceField(required=False, help_text="Leave it empty to post to suspense.")
    account_reference = forms.CharField(max_length=100, required=False)
    method_of_payment = forms.ChoiceField(required=False)
    office = forms.ChoiceField(required=False)
    vat_code = forms.ChoiceField(required=False, label="VAT code")
    payer_name = forms.CharField(max_length=200, required=False, label="Payer")
    narrative = forms.CharField(max_length=4000, required=False, widget=forms.Textarea({"rows": 2}))
    reason = forms.CharField(max_length=500, help_text="How you know. The audit trail keeps it.")

    def __init__(self, *args: Any, row: ImportRow, actor: Any, **options: Any) -> None:
        self.row = row
        options.setdefault("initial", {name: getattr(row, name) for name in self.base_fields if name != "reason"})
        super().__init__(*args, **options)
        if not personal.reveals(actor, ImportRow):
            # A veiled value must not be saved as if somebody had typed it.
            del self.fields["payer_name"], self.fields["narrative"]
        self.fields["fund"].choices = _choices(funds.funds_in_use(actor), row.fund, "Suspense")
        self.fields["method_of_payment"].choices = _choices(
            funds.methods_in_use(actor), row.method_of_payment, "Choose a method"
        )
        self.fields["office"].choices = _choices(funds.offices_in_use(actor), row.office, "Choose an office")
        self.fields["vat_code"].choices = _choices(
            VatCode.objects.filter(is_active=True), row.vat_code, "The fund’s own"
        )

    def changes(self) -> dict[str, str]:
        """What differs from the row, as text."""
        found = {}
        for name in self.fields:
            if name == "reason":
                continue
            value = self.cleaned_data[name]
            text = "" if value is None else str(value)
            now = getattr(self.row, name)
            if text != ("" if now is None else str(now)):
                found[name] = text
        return found


class DuplicateForm(ReasonForm):
    """Is it the same money, or a further receipt?"""

    decision = forms.ChoiceField(
        choices=[("discard", "The same money: discard this row"), ("post", "A further receipt: post it")],
        widget=forms.RadioSelect,
    )
    field_order = ["decision", "reason"]


def _choices(records: Any, current: str, empty: str) -> list[tuple[str, str]]:
    """The records in use; a code of the file that is none of them is shown as what it is."""
    found = [("", empty), *((record.pk, str(record)) for record in records)]
    if current and current not in {code for code, _ in found}:
        found.append((current, f"{current} (not in use)"))
    return found
