"""What payers type."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ims.common.errors import InvalidInput
from ims.common.money import pounds
from ims.payment_types.models import PaymentType

_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}")
_LONGEST = 200


class PayForm(forms.Form):
    """Shared by all: no attribute that makes the browser complain in words of its own."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for name, field in self.fields.items():
            field.error_messages["max_length"] = _("This is too long.")
            for validator in field.validators:
                if isinstance(validator, MaxLengthValidator):
                    validator.message = _("This is too long.")
            field.widget.attrs.setdefault("class", "govuk-input")
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}-hint"

    def add_error(self, field: str | None, error: Any) -> None:
        """Mark the box as well as say what is wrong with it."""
        super().add_error(field, error)
        if field in self.fields:
            attributes = self.fields[field].widget.attrs
            if "govuk-input--error" not in attributes.get("class", ""):
                attributes["class"] = f"{attributes.get('class', 'govuk-input')} govuk-input--error"
            before = attributes.get("aria-describedby", "").split()
            attributes["aria-describedby"] = " ".join(dict.fromkeys([*before, f"id_{field}-error"]))


class BillForm(PayForm):
    """The reference of a bill and the amount to pay. Whether both are right is asked of `payment_types`."""

    reference = forms.CharField(max_length=_LONGEST, required=False, strip=True)
    amount = forms.CharField(max_length=_LONGEST, required=False, label=gettext_lazy("Amount to pay, in pounds"))

    def __init__(self, payment_type: PaymentType, language: str, *args: Any, **kwargs: Any) -> None:
        self._type, self._language = payment_type, language
        super().__init__(*args, **kwargs)
        reference, amount = self.fields["reference"], self.fields["amount"]
        reference.label = payment_type.words("reference_label", language)
        reference.help_text = self._hint()
        if reference.help_text:
            reference.widget.attrs["aria-describedby"] = "id_reference-hint"
        reference.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
        reference.widget.attrs["class"] += " govuk-input--width-20 pay-reference"
        amount.help_text = _("Like 120.50")
        amount.widget.attrs["aria-describedby"] = "id_amount-hint"
        amount.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off", "spellcheck": "false"}
        amount.widget.attrs["class"] += " govuk-input--width-10"

    def _hint(self) -> str:
        hint = self._type.words("reference_hint", self._language)
        example = self._type.reference_example
        if not example:
            return hint
        like = _("For example, %(example)s") % {"example": example}
        return f"{hint}. {like}" if hint else like

    def clean_amount(self) -> Decimal:
        """Pounds, as people write them."""
        text = self.cleaned_data["amount"].strip()
        if not text:
            raise forms.ValidationError(_("Enter the amount you want to pay."))
        try:
            return pounds(text)
        except InvalidInput as error:
            raise forms.ValidationError(_("Enter pounds and pence, like 120.50.")) from error


class PayerForm(PayForm):
    """Where the receipt goes, and the payer's address where a bill needs it."""

    name = forms.CharField(max_length=100, label=gettext_lazy("Your name"))
    line1 = forms.CharField(max_length=100, label=gettext_lazy("Address line 1"))
    line2 = forms.CharField(max_length=100, required=False, label=gettext_lazy("Address line 2 (optional)"))
    town = forms.CharField(max_length=100, label=gettext_lazy("Town or city"))
    postcode = forms.CharField(max_length=12, label=gettext_lazy("Postcode"))
    email = forms.EmailField(max_length=254, required=False, label=gettext_lazy("E-mail address (optional)"))

    def __init__(self, *args: Any, wants_address: bool, **kwargs: Any) -> None:
        self.wants_address = wants_address
        super().__init__(*args, **kwargs)
        if not wants_address:
            for name in ("name", "line1", "line2", "town", "postcode"):
                del self.fields[name]
        complete = {
            "name": ("name", _("Enter your name.")),
            "line1": ("address-line1", _("Enter the first line of your address.")),
            "line2": ("address-line2", ""),
            "town": ("address-level2", _("Enter your town or city.")),
            "postcode": ("postal-code", _("Enter your postcode.")),
            "email": ("email", ""),
        }
        for name, field in self.fields.items():
            autocomplete, missing = complete[name]
            field.widget.attrs["autocomplete"] = autocomplete
            field.error_messages["required"] = missing
        self.fields["email"].help_text = _("We send your receipt there. We use it for nothing else.")
        self.fields["email"].error_messages["invalid"] = _("Enter an e-mail address like name@example.com.")
        self.fields["email"].widget.attrs["aria-describedby"] = "id_email-hint"
        self.fields["email"].widget.attrs["spellcheck"] = "false"
        if wants_address:
            self.fields["postcode"].widget.attrs["class"] += " govuk-input--width-10"

    def clean_postcode(self) -> str:
        """A United Kingdom postcode, in capitals; anything else that could be a foreign one is kept as it is."""
        text = " ".join(self.cleaned_data["postcode"].upper().split())
        if not any(character.isalnum() for character in text):
            raise forms.ValidationError(_("Enter your postcode."))
        joined = text.replace(" ", "")
        return f"{joined[:-3]} {joined[-3:]}" if _POSTCODE.fullmatch(joined) else text

    def address(self) -> str:
        """The lines of the address, one a line."""
        lines = (self.cleaned_data.get(name, "").strip() for name in ("line1", "line2", "town"))
        return "\n".join(line for line in lines if line)
