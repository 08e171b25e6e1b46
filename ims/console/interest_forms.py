"""The forms of declared interests."""

from __future__ import annotations

from django import forms

from ims.console.access_forms import ReasonField
from ims.funds.models import Fund
from ims.interests.models import Interest
from ims.people.models import User


class InterestForm(forms.Form):
    """An account one has an interest in."""

    relation = forms.ChoiceField(label="Whose account it is", choices=Interest.Relation.choices)
    account_reference = forms.CharField(
        max_length=50,
        help_text="As it stands on the bill.",
        error_messages={"required": "Type the reference of the account."},
    )
    fund = forms.ModelChoiceField(
        Fund.objects.filter(is_active=True), required=False, empty_label="Any fund", help_text="Where you know it."
    )
    note = forms.CharField(required=False, max_length=200, help_text="Like: my mother. Nobody needs to know more.")


class InterestOfForm(InterestForm):
    """An account somebody else has an interest in."""

    person = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        empty_label="Choose one",
        error_messages={"required": "Choose whose interest it is."},
    )
    relation = forms.ChoiceField(
        label="Whose account it is",
        choices=[
            (Interest.Relation.OWN, "Their own account"),
            (Interest.Relation.HOUSEHOLD, "Somebody they live with"),
            (Interest.Relation.RELATIVE, "A relative or close friend of theirs"),
            (Interest.Relation.BUSINESS, "Their business, or an organisation they help to run"),
        ],
    )
    field_order = ["person"]


class EndForm(forms.Form):
    """Why an interest is no more."""

    reason = ReasonField(label="Reason", help_text="Like: the account was closed. Kept in the history for auditors.")
