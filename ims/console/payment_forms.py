"""The forms of card payments: taking one, finding one, refunding one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms

from ims.audit.actors import Actor
from ims.console.fields import DateField, MoneyField
from ims.funds import selectors as funds
from ims.payments.models import PaymentAttempt, PaymentService
from ims.payments.models.set_up import Channel
from ims.payments.refundable import RefundableLine
from ims.payments.services import NewLine, Payer

MOST_LINES = 10


class PaymentFilters(forms.Form):
    """Which payments to list."""

    q = forms.CharField(required=False, label="Reference or account", max_length=60)
    state = forms.ChoiceField(required=False)
    channel = forms.ChoiceField(required=False, label="Taken")
    service = forms.ChoiceField(required=False, label="Payment service")
    asked_from = DateField(required=False, label="From")
    asked_to = DateField(required=False, label="To")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        states = [("", "Any"), ("unfinished", "Not finished yet"), *PaymentAttempt.State.choices]
        self.fields["state"].choices = states
        self.fields["channel"].choices = [("", "Any way"), *Channel.choices]
        services = PaymentService.objects.order_by("name").values_list("code", "name")
        self.fields["service"].choices = [("", "Any"), *services]


class HowForm(forms.Form):
    """How a payment is taken, and who pays."""

    channel = forms.ChoiceField(
        label="How is it paid?",
        choices=[
            (Channel.TELEPHONE, "By telephone: I key the card on the provider’s page"),
            (Channel.COUNTER, "At the counter: the payer uses the provider’s page here"),
            (Channel.LINK, "Payment link: the payer pays from an e-mail or text message"),
        ],
        widget=forms.RadioSelect,
        initial=Channel.TELEPHONE,
    )
    payer_name = forms.CharField(max_length=100, required=False, label="Payer’s name")
    email = forms.EmailField(required=False, label="E-mail address", help_text="For the receipt, and for a link.")
    telephone = forms.CharField(max_length=20, required=False, label="Mobile number", help_text="For a link by text.")
    address = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=300, help_text="Where a fund asks for it."
    )
    postcode = forms.CharField(max_length=10, required=False)
    message = forms.CharField(
        max_length=500,
        required=False,
        label="Message with the link",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What the payer reads above the amount.",
    )
    lasts = forms.IntegerField(
        min_value=1, max_value=60, initial=7, required=False, label="The link lasts (days)", help_text="1 to 60."
    )

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["channel"]
        field.choices = [
            (code, label)
            for code, label in field.choices
            if actor.may("payments.send_link" if code == Channel.LINK else "payments.take_payment")
        ]

    def payer(self) -> Payer:
        """Who pays, as typed."""
        typed = self.cleaned_data
        return Payer(
            name=typed["payer_name"].strip(),
            email=typed["email"].strip(),
            telephone=typed["telephone"].strip(),
            address=typed["address"].strip(),
            postcode=typed["postcode"].strip().upper(),
        )

    def duration(self) -> timedelta:
        """How long a link lasts."""
        return timedelta(days=self.cleaned_data.get("lasts") or 7)


class LineForm(forms.Form):
    """One thing to be paid."""

    all_optional = True

    fund = forms.ChoiceField()
    account_reference = forms.CharField(max_length=36, required=False)
    amount = MoneyField(label="Amount (£)")
    narrative = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, fund_choices: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["fund"].choices = fund_choices

    def as_line(self) -> NewLine:
        """What was typed, as a basket takes it."""
        typed = self.cleaned_data
        return NewLine(
            fund=typed["fund"],
            amount=typed["amount"],
            account_reference=typed["account_reference"].strip(),
            narrative=typed["narrative"].strip(),
        )


class _Lines(forms.BaseFormSet):
    def lines(self) -> list[NewLine]:
        """Every line that was filled in."""
        return [form.as_line() for form in self.forms if form.has_changed()]


def line_set(data: Any, *, actor: Actor, add: bool = False) -> _Lines:
    """The lines of a payment: one to begin with, one more when `add`, ten at most."""
    kind = forms.formset_factory(
        LineForm, formset=_Lines, extra=1 if data is None else 0, max_num=MOST_LINES, absolute_max=MOST_LINES
    )
    if data is not None and add:
        data = data.copy()
        count = data.get("line-TOTAL_FORMS", "1")
        data["line-TOTAL_FORMS"] = str(min(MOST_LINES, int(count) + 1 if count.isdigit() else 1))
    usable = funds.funds_in_use(actor).filter(is_suspense=False).only("code", "name")
    choices = [("", "Choose a fund"), *((fund.pk, str(fund)) for fund in usable)]
    return kind(data, prefix="line", form_kwargs={"fund_choices": choices})


class RefundForm(forms.Form):
    """How much of each line is given back, and why. What the officer saw travels with the form."""

    reason = forms.CharField(max_length=200, help_text="Kept with the refund and in the audit trail.")
    unclaimed_seen = forms.DecimalField(widget=forms.HiddenInput, max_digits=12, decimal_places=2)
    available_seen = forms.DecimalField(widget=forms.HiddenInput, max_digits=12, decimal_places=2)
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, lines: Sequence[RefundableLine], **options: Any) -> None:
        super().__init__(*args, **options)
        self.line_names = []
        for line in lines:
            name = f"line_{line.entry.pk}"
            self.fields[name] = MoneyField(label=f"Refund of {line.entry.receipt_number} (£)", required=False)
            self.line_names.append((name, line))

    def rows(self) -> list[tuple[Any, RefundableLine]]:
        """Each line's field with the line."""
        return [(self[name], line) for name, line in self.line_names]

    def amounts(self) -> dict[int, Decimal]:
        """The amounts typed, by ledger entry."""
        typed = {line.entry.pk: self.cleaned_data.get(name) for name, line in self.line_names}
        return {entry: amount for entry, amount in typed.items() if amount}


class ReasonForm(forms.Form):
    """A reason, or what was done."""

    reason = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text="Kept in the audit trail."
    )


class LetterForm(forms.Form):
    """Where the receipt is posted to, and why by post."""

    address = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text="Three to seven lines: the name, the street, the town, and the postcode on the last line.",
    )
    reason = forms.CharField(max_length=300, help_text="Why by post. Kept in the audit trail.")
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)


class MatchForm(forms.Form):
    """Which credit on the clearing fund a payout is, alone or with others that came in one sum."""

    entry = forms.ChoiceField(label="The bank’s line", widget=forms.RadioSelect)
    others = forms.MultipleChoiceField(
        label="Together with",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Where the bank shows several payouts as one sum.",
    )

    def __init__(self, *args: Any, credits: Sequence[Any], companions: Sequence[Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["others"].choices = [(str(other.pk), f"{other}: £{other.net:,.2f}") for other in companions]
        if not companions:
            del self.fields["others"]
        self.fields["entry"].choices = [
            (
                str(entry.pk),
                f"{entry.receipt_number}, {entry.received_on:%-d %b %Y}, £{entry.amount:,.2f}: {entry.narrative[:60]}",
            )
            for entry in credits
        ]


class ReportForm(forms.Form):
    """A provider's own report of what it paid to the bank."""

    service = forms.ChoiceField(label="Payment service")
    settled_on = DateField(label="Paid out on", help_text="The day on the report, or on the bank statement.")
    report = forms.FileField(label="Report", help_text="GOV.UK Pay’s, Stripe’s or Adyen’s CSV file.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        services = PaymentService.objects.filter(is_active=True).order_by("name")
        self.fields["service"].choices = [(service.code, service.name) for service in services]
