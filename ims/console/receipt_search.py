"""What a person asks for in the receipts search: one box that understands what was typed, and filters."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django import forms

from ims.audit.actors import Actor
from ims.common import money
from ims.common.errors import ImsError
from ims.console.fields import DateField, MoneyField, read_date
from ims.funds import selectors as funds
from ims.ledger.models import Posting
from ims.ledger.selectors import Criteria

_NUMBER = re.compile(r"(?P<series>[A-Za-z]{2,5})-?(?P<number>[0-9]{1,12})(?:/(?P<line>[0-9]{1,7}))?")
_AMOUNT = re.compile(r"-?£[0-9,]+(\.[0-9]{1,2})?|£?-?[0-9][0-9,]*\.[0-9]{2}")
_REFERENCE = re.compile(r"(?=.*[0-9])[A-Za-z0-9][A-Za-z0-9/.-]*")
_DATE = re.compile(r"[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|today|yesterday", re.IGNORECASE)
_LONGEST = 200


@dataclass(frozen=True)
class Reading:
    """What the box was understood to mean. `explanation` completes “Showing receipts …”."""

    criteria: Criteria
    explanation: str = ""
    is_receipt_number: bool = False


def read_box(text: str, *, series: frozenset[str] = frozenset()) -> Reading:
    """Understand what was typed: a receipt number, an amount, a date, the start of an account reference, or words.

    `series` holds the prefixes of receipt numbers in use, so that ``BJ12345673`` stays an account reference.
    """
    text = text.strip()[:_LONGEST]
    if not text:
        return Reading(Criteria())
    if found := _NUMBER.fullmatch(text):
        prefix = found["series"].upper()
        if prefix in series or "/" in text:
            line = int(found["line"]) if found["line"] else None
            criteria = Criteria(series=prefix, number=int(found["number"]), line=line)
            named = f"{prefix}-{int(found['number']):06d}" + (f"/{line}" if line else "")
            return Reading(criteria, f"with the number {named}", is_receipt_number=True)
    if _AMOUNT.fullmatch(text):
        return _amount(text)
    if _DATE.fullmatch(text):
        try:
            day = read_date(text)
            return Reading(Criteria(received_from=day, received_to=day), f"received on {day:%-d %b %Y}")
        except ValueError:
            pass
    if _REFERENCE.fullmatch(text):
        return Reading(
            Criteria(account_reference=text, account_prefix=True), f"whose account reference starts with “{text}”"
        )
    return words_of(text)


def words_of(text: str) -> Reading:
    """Receipts with all these words in payer, narrative or the bank's reference."""
    return Reading(Criteria(words=text.strip()[:_LONGEST]), f"with the words “{text.strip()}”")


def _amount(text: str) -> Reading:
    negative = "-" in text
    try:
        amount = money.pounds(text.replace("-", ""))
    except ImsError:
        return words_of(text)
    amount = -amount if negative else amount
    return Reading(Criteria(amount_from=amount, amount_to=amount), f"of exactly {money.format_pounds(amount)}")


class ReceiptFilters(forms.Form):
    """The filters beside the box. Empty ones do not restrict."""

    all_optional = True

    fund = forms.ChoiceField(required=False)
    method_of_payment = forms.ChoiceField(required=False)
    office = forms.ChoiceField(required=False)
    kind = forms.ChoiceField(required=False, choices=[("", "Any"), *Posting.Kind.choices])
    received_from = DateField(required=False, help_text="")
    received_to = DateField(required=False, help_text="")
    amount_from = MoneyField(required=False, label="Amount from (£)")
    amount_to = MoneyField(required=False, label="Amount to (£)")
    words = forms.CharField(required=False, max_length=_LONGEST, label="Payer or narrative")

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, rows in (
            ("fund", funds.funds_visible_to(actor)),
            ("method_of_payment", funds.methods_in_use(actor)),
            ("office", funds.offices_in_use(actor)),
        ):
            self.fields[name].choices = [("", "Any"), *((row.pk, str(row)) for row in rows)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for first, last, name in (
            ("received_from", "received_to", "first day"),
            ("amount_from", "amount_to", "smaller amount"),
        ):
            low, high = cleaned.get(first), cleaned.get(last)
            if low is not None and high is not None and low > high:
                self.add_error(last, f"This comes before the other end: put the {name} first.")
        return cleaned

    def narrowed(self, criteria: Criteria) -> Criteria:
        """`criteria` of the box together with the filters. Where both say something, the receipt must meet both."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        words = " ".join(part for part in (criteria.words, given.pop("words", "")) if part)
        for name, choose in (
            ("amount_from", max),
            ("received_from", max),
            ("amount_to", min),
            ("received_to", min),
        ):
            typed: Any = getattr(criteria, name)
            if typed is not None and name in given:
                given[name] = choose(typed, given[name])
        return replace(criteria, words=words, **given)

    def shown(self) -> list[tuple[str, str, str]]:
        """The filters in force: name, label and value in words."""
        found = []
        for bound in self.visible_fields():
            value = self.cleaned_data.get(bound.name)
            if value in ("", None):
                continue
            found.append((bound.name, bound.label.replace(" (£)", ""), self._in_words(bound.name, value)))
        return found

    def _in_words(self, name: str, value: Any) -> str:
        if isinstance(value, Decimal):
            return money.format_pounds(value)
        if hasattr(value, "isoformat"):
            return f"{value:%-d %b %Y}"
        return dict(getattr(self.fields[name], "choices", [])).get(value, str(value))
