"""Forms over messages to payers."""

from __future__ import annotations

from django import forms


class CopyForm(forms.Form):
    """Where a copy of a receipt goes, and why it is sent."""

    to = forms.CharField(max_length=254, required=False, label="To", help_text="Empty: where the receipt went before.")
    reason = forms.CharField(max_length=300, help_text="Kept in the audit trail.")
