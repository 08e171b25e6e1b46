"""Forms over API clients."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from ims.api.models import Client
from ims.api.scopes import SCOPES
from ims.common import clock
from ims.funds.models import Fund


class ClientForm(forms.ModelForm):
    """A client, its scopes ticked one by one, its funds chosen from the list."""

    scopes = forms.MultipleChoiceField(
        label="May",
        choices=lambda: [(scope.name, f"{scope.name}: {scope.meaning}") for scope in SCOPES.values()],
        widget=forms.CheckboxSelectMultiple,
        help_text="No more than it needs.",
    )
    funds = forms.MultipleChoiceField(
        choices=lambda: [(fund.code, str(fund)) for fund in Fund.objects.filter(is_active=True)],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="The funds it may deal with.",
    )

    class Meta:
        model = Client
        fields = ("name", "purpose", "contact", "scopes", "every_fund", "funds", "calls_a_minute", "is_active")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("every_fund") and cleaned.get("funds"):
            self.add_error("funds", "Tick funds or “every fund”, not both.")
        if not cleaned.get("every_fund") and not cleaned.get("funds"):
            self.add_error("funds", "Tick at least one fund, or “every fund”: without one the client can do nothing.")
        return cleaned


class IssueKeyForm(forms.Form):
    """When a new key ends, and why it is issued."""

    expires_on = forms.DateField(
        label="Works to the end of",
        help_text="Up to 400 days from now. Note the day in the calendar of whoever looks after the system.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    reason = forms.CharField(max_length=300, help_text="Kept in the audit trail.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expires_on"].initial = clock.today() + timedelta(days=365)


class RevokeKeyForm(forms.Form):
    """Why a key is ended."""

    reason = forms.CharField(max_length=300, help_text="Kept in the audit trail.")
