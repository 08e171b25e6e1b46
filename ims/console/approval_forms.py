"""The forms of approvals: filters of the lists, and a decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from ims.approvals import kinds
from ims.approvals.models import Request
from ims.approvals.services import LONGEST_REASON
from ims.approvals.states import RequestState
from ims.console.fields import DateField, MoneyField


class RequestFilters(forms.Form):
    """What to list. Everything is optional."""

    all_optional = True

    words = forms.CharField(required=False, label="Words of it, or who asked")
    kind = forms.ChoiceField(required=False, label="Kind")
    state = forms.ChoiceField(required=False, label="State", choices=[("", "Any"), *RequestState.choices])
    amount_from = MoneyField(required=False, label="From (£)")
    asked_from = DateField(required=False, label="Asked from", help_text="")
    asked_to = DateField(required=False, label="Asked to", help_text="")

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.fields["kind"].choices = [("", "Any"), *((kind.code, kind.label) for kind in kinds.all_kinds())]

    def narrowed(self, found: QuerySet[Request]) -> QuerySet[Request]:
        """`found`, as far as it meets the filters; those that cannot be read do not narrow."""
        self.is_valid()
        typed = self.cleaned_data
        if words := typed.get("words"):
            found = found.filter(
                Q(summary__icontains=words) | Q(requested_by_name__icontains=words) | Q(reason__icontains=words)
            )
        if typed.get("kind"):
            found = found.filter(kind=typed["kind"])
        if typed.get("state"):
            found = found.filter(state=typed["state"])
        if typed.get("amount_from") is not None:
            found = found.filter(amount__gte=typed["amount_from"])
        if typed.get("asked_from"):
            found = found.filter(requested_at__date__gte=typed["asked_from"])
        if typed.get("asked_to"):
            found = found.filter(requested_at__date__lt=typed["asked_to"] + timedelta(days=1))
        return found


class DecisionForm(forms.Form):
    """Why it is approved or rejected; rejecting needs a reason."""

    all_optional = True

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        help_text="Who asked reads it, and auditors. Needed to reject.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, data: Any = None, *, rejecting: bool = False) -> None:
        super().__init__(data)
        if rejecting:
            self.fields["reason"].required = True
            self.fields["reason"].error_messages["required"] = "Say why you reject it."
