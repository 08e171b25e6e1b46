"""The forms of working on suspense: filters of the list, and an allocation from one item or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from ims.audit import personal
from ims.audit.actors import Actor
from ims.common.identifiers import record_number
from ims.console.fields import DateField, MoneyField
from ims.console.move_forms import MOST_LINES, LineForm, ReasonForm, line_set
from ims.funds import selectors as funds
from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.people.models import User
from ims.suspense import selectors
from ims.suspense.allocation import Allocation, ItemTake
from ims.suspense.models import SuspenseItem
from ims.suspense.selectors import AGE_BANDS, Criteria


class SuspenseFilters(forms.Form):
    """What to list. Everything is optional."""

    all_optional = True

    words = forms.CharField(required=False, label="Words of payer and narrative")
    reference = forms.CharField(required=False, label="Reference given")
    amount_from = MoneyField(required=False, label="From (£)")
    amount_to = MoneyField(required=False, label="To (£)")
    received_from = DateField(required=False, label="Received from", help_text="")
    received_to = DateField(required=False, label="Received to", help_text="")
    owner = forms.ChoiceField(required=False, label="Whose work")
    suggested_fund = forms.ChoiceField(required=False, label="Looks like fund")
    state = forms.ChoiceField(required=False, label="State")
    age = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, actor: Actor) -> None:
        super().__init__(data)
        self.fields["owner"].choices = [
            ("", "Anybody’s"),
            *((key, f"{name} ({count})") for key, name, count in selectors.owners(actor)),
        ]
        self.fields["suggested_fund"].choices = [
            ("", "Any"),
            *((fund.pk, str(fund)) for fund in funds.funds_in_use(actor).filter(is_suspense=False)),
        ]
        self.fields["state"].choices = [("", "Open"), *SuspenseItem.State.choices[1:]]

    def criteria(self) -> Criteria:
        """The filters as the selectors take them."""
        typed = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        if typed.get("age") not in {band.name for band in AGE_BANDS}:
            typed.pop("age", None)
        return Criteria(**typed)


class TakeForm(forms.Form):
    """How much to take from one item; `seen` is what remained when the page was shown."""

    item = forms.IntegerField(widget=forms.HiddenInput)
    seen = MoneyField(widget=forms.HiddenInput)
    amount = MoneyField(
        label="Take from this item (£)", error_messages={"required": "Say how much to take from this item."}
    )


class WriteOffForm(ReasonForm):
    """Where a write-off goes, and why; `seen` is what remained when the page was shown."""

    fund = forms.ChoiceField(label="Write off to", error_messages={"required": "Choose the fund it goes to."})
    seen = MoneyField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        usable = [(fund.pk, str(fund)) for fund in funds.funds_in_use(actor).filter(is_write_off=True)]
        self.has_funds = bool(usable)
        self.fields["fund"].choices = usable if len(usable) == 1 else [("", "Choose a fund"), *usable]


class NoteForm(forms.Form):
    """Something found out."""

    text = forms.CharField(label="New note", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))


class WorkForm(forms.Form):
    """Whose work it is, and by when."""

    all_optional = True

    owner = forms.ChoiceField(required=False, label="Whose work")
    due_on = DateField(required=False, label="Due on", help_text="")

    def __init__(self, data: Any = None, *, owner: User | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        people = {str(person.pk): str(person) for person in selectors.possible_owners()}
        if owner is not None:
            people.setdefault(str(owner.pk), str(owner))  # who has it keeps it until somebody decides otherwise
        self.fields["owner"].choices = [("", "Nobody"), *people.items()]


class RuleForm(forms.Form):
    """A routing rule begun from an item: receipts like it go to one account from now on."""

    name = forms.CharField(max_length=80, error_messages={"required": "Give the rule a name."})
    field = forms.ChoiceField(label="Look at the", choices=[("payer_name", "payer"), ("narrative", "narrative")])
    value = forms.CharField(
        label="For the words",
        max_length=200,
        help_text="Capitals do not matter.",
        error_messages={"required": "Say which words to look for."},
    )
    fund = forms.ChoiceField(
        label="Send it to fund", error_messages={"required": "Choose the fund such receipts belong to."}
    )
    reference = forms.CharField(
        label="And account", max_length=36, required=False, help_text="Empty: the reference each receipt came with."
    )
    reason = forms.CharField(
        max_length=300,
        initial="The same payer comes every month",
        error_messages={"required": "Give a reason. The history of the rule keeps it."},
    )

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["fund"].choices = [
            ("", "Choose a fund"),
            *((fund.pk, str(fund)) for fund in funds.funds_in_use(actor).filter(is_suspense=False)),
        ]

    def as_rule(self) -> dict[str, Any]:
        """Name, groups and actions as routing rules have them."""
        typed = self.cleaned_data
        condition = {"field": typed["field"], "operator": "contains", "value": typed["value"], "ignore_case": True}
        actions = {"fund": typed["fund"], "reference": typed["reference"].strip()}
        return {
            "name": typed["name"],
            "groups": [{"match": "all", "conditions": [condition]}],
            "actions": {name: value for name, value in actions.items() if value},
        }


@dataclass
class AllocationForms:
    """Everything typed for one allocation: what is taken, where it goes, credit notes, and why."""

    takes: Any
    targets: Any
    credits: Any
    reason: ReasonForm

    def is_valid(self) -> bool:
        """Whether every part can be read; all of them are asked, so that all mistakes show at once."""
        verdicts = [part.is_valid() for part in (self.takes, self.targets, self.credits, self.reason)]
        return all(verdicts)

    def allocation(self) -> Allocation:
        """What was typed, as the suspense room takes it."""
        takes = [
            ItemTake(item=typed["item"], amount=typed["amount"], remaining_seen=typed["seen"])
            for typed in (form.cleaned_data for form in self.takes.forms)
        ]
        return Allocation(takes=takes, lines=self.targets.lines(), credit_notes=self.credits.lines())

    def hush(self) -> None:
        """Show no complaints: the person asked for a further line, or came back to change something."""
        for part in (self.takes, self.targets, self.credits, self.reason):
            for form in getattr(part, "forms", [part]):
                form.is_quiet = True


class _CreditNotes(forms.BaseFormSet):
    """Negative lines; there need not be any."""

    def lines(self) -> list[Line]:
        """Every credit note that was filled in, as a positive amount."""
        return [form.as_line() for form in self.forms if form.has_changed()]


def allocation_forms(
    data: QueryDict | None, *, actor: Actor, items: Sequence[SuspenseItem], step: str = ""
) -> AllocationForms:
    """The forms for allocating `items`: at first, or as typed in `data`. `step` may ask for one line more."""
    takes = forms.formset_factory(TakeForm, extra=0, max_num=len(items), absolute_max=len(items))
    credits = forms.formset_factory(LineForm, formset=_CreditNotes, extra=0, max_num=MOST_LINES)
    if data is not None and step == "add_credit":
        data = data.copy()
        there = record_number(data.get("credit-TOTAL_FORMS", "")) or 0
        data["credit-TOTAL_FORMS"] = str(min(there + 1, MOST_LINES))
    at_first = [{"item": item.pk, "seen": item.remaining, "amount": item.remaining} for item in items]
    narrative = personal.for_form(actor, Entry, items[0].entry.narrative[:100]) if len(items) == 1 else ""
    total = sum(item.remaining for item in items)
    return AllocationForms(
        takes=takes(data, prefix="take", initial=at_first if data is None else None),
        targets=line_set(
            data, actor=actor, prefix="to", initial=[{"amount": total, "narrative": narrative}], add=step == "add"
        ),
        credits=credits(data, prefix="credit", form_kwargs={"actor": actor}),
        reason=ReasonForm(data),
    )


def accepted(items: Sequence[SuspenseItem], *, fund: str, reference: str, reason: str, key: str) -> QueryDict:
    """The form as if somebody had typed the whole of `items` onto one account: a suggestion accepted."""
    data = QueryDict(mutable=True)
    for number, item in enumerate(items):
        data[f"take-{number}-item"] = str(item.pk)
        data[f"take-{number}-seen"] = data[f"take-{number}-amount"] = str(item.remaining)
    data["take-TOTAL_FORMS"] = data["take-INITIAL_FORMS"] = str(len(items))
    data["to-TOTAL_FORMS"], data["to-INITIAL_FORMS"] = "1", "0"
    data["to-0-fund"], data["to-0-account_reference"] = fund, reference
    data["to-0-amount"] = str(sum(item.remaining for item in items))
    data["credit-TOTAL_FORMS"] = data["credit-INITIAL_FORMS"] = "0"
    data["reason"], data["key"] = reason[:300], key
    return data
