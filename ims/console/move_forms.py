"""The forms of moving money: where it goes, how much, and why."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms

from ims.audit.actors import Actor
from ims.common.identifiers import record_number
from ims.common.money import ZERO
from ims.console.fields import MoneyField
from ims.funds import selectors as funds
from ims.ledger.lines import Line

MOST_LINES = 20


class LineForm(forms.Form):
    """One line: fund, account, amount and, if need be, its own VAT code and narrative."""

    all_optional = True

    fund = forms.ChoiceField()
    account_reference = forms.CharField(max_length=36, required=False)
    amount = MoneyField(label="Amount (£)")
    vat_code = forms.ChoiceField(required=False, label="VAT code")
    narrative = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        usable = funds.funds_in_use(actor).filter(is_suspense=False)
        self.fields["fund"].choices = [("", "Choose a fund"), *((fund.pk, str(fund)) for fund in usable)]
        self.fields["vat_code"].choices = [
            ("", "The fund’s own"),
            *((row.pk, str(row)) for row in funds.vat_codes_in_use()),
        ]

    def as_line(self) -> Line:
        """What was typed, as the ledger takes it."""
        typed = self.cleaned_data
        return Line(
            fund=typed["fund"],
            amount=typed["amount"],
            account_reference=typed["account_reference"].strip(),
            vat_code=typed["vat_code"],
            narrative=typed["narrative"].strip(),
        )


class _LineSet(forms.BaseFormSet):
    """Lines of which the empty ones at the end do not count."""

    def lines(self) -> list[Line]:
        """Every line that was filled in."""
        return [form.as_line() for form in self.forms if form.has_changed()]

    def total(self) -> Decimal:
        """The sum of the lines filled in."""
        return sum((line.amount for line in self.lines()), ZERO)


def line_set(data: Any, *, actor: Actor, prefix: str, initial: list[dict[str, Any]], add: bool = False) -> _LineSet:
    """The lines typed so far, or `initial` at first; one empty line more when `add`."""
    factory = forms.formset_factory(
        LineForm, formset=_LineSet, extra=0, max_num=MOST_LINES, min_num=1, validate_min=True
    )
    if data is not None and add:
        data = data.copy()
        key = f"{prefix}-TOTAL_FORMS"
        data[key] = str(min((record_number(data.get(key, "")) or 0) + 1, MOST_LINES))
    return factory(data, prefix=prefix, initial=initial if data is None else None, form_kwargs={"actor": actor})


class ReasonForm(forms.Form):
    """Why; and a key, so that sending the form twice acts once."""

    reason = forms.CharField(
        max_length=300, help_text="Kept with the posting, for auditors.", widget=forms.Textarea(attrs={"rows": 2})
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=lambda: uuid.uuid4().hex)
