"""What an auditor asks for: the search, a walk, a sample, days to look through."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from ims.assurance.sampling import LARGEST, Request
from ims.assurance.search import ACTS, Criteria
from ims.assurance.selectors import people_named, records_called
from ims.assurance.trails import EVENTS, trails
from ims.audit.actors import Actor
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.console.fields import DateField
from ims.funds.models import Fund

KINDS = (
    ("", "Everybody and everything"),
    ("person", "People"),
    ("job", "Jobs"),
    ("command", "Commands"),
    ("api", "Other systems"),
    ("system", "The system itself"),
)


class SearchForm(forms.Form):
    """Who, what, when and about which record."""

    all_optional = True

    record = forms.CharField(
        required=False,
        max_length=200,
        label="Record",
        help_text="Code, name, username, account reference or posting number.",
    )
    who = forms.CharField(required=False, max_length=150, label="Who", help_text="Part of a name, or a username.")
    model = forms.ChoiceField(required=False, label="Kind of record")
    act = forms.ChoiceField(required=False, label="What was done", choices=[("", "Anything"), *ACTS.items()])
    kind = forms.ChoiceField(required=False, label="Done by", choices=KINDS)
    first = DateField(required=False, label="From")
    last = DateField(required=False, label="To")
    reason = forms.CharField(required=False, max_length=200, label="Words of the reason")
    address = forms.CharField(required=False, max_length=45, label="Network address")

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        self.actor = actor
        kinds = sorted((trail.name, trail.label) for trail in trails())
        self.fields["model"].choices = [
            ("", "Any"),
            (EVENTS, "Events only"),
            *((label, name) for name, label in kinds),
        ]

    def criteria(self) -> Criteria:
        """What was asked. Raises `InvalidInput` when a name is nobody's, or more than one person's."""
        asked = self.cleaned_data
        person, actor = self._who(asked["who"])
        models = frozenset({asked["model"]} if asked["model"] else ())
        named = asked["record"].strip()
        return Criteria(
            models=frozenset() if named else models,
            acts=frozenset({asked["act"]} if asked["act"] else ()),
            records=records_called(named, models) if named else None,
            person=person,
            actor=actor,
            actor_kind=asked["kind"],
            address=asked["address"].strip(),
            reason=asked["reason"].strip(),
            first=asked["first"],
            last=asked["last"],
        )

    def _who(self, words: str) -> tuple[int | None, str]:
        words = words.strip()
        if not words or ":" in words:
            return None, words
        found = people_named(self.actor, words)
        exact = [person for person in found if words.lower() in (person.username.lower(), str(person).lower())]
        if len(exact or found) == 1:
            return (exact or found)[0].pk, ""
        if not found:
            return None, words
        names = ", ".join(f"{person} ({person.username})" for person in found)
        raise InvalidInput(f"“{words}” may be several people: {names}. Give the username.")

    def asked(self) -> dict[str, str]:
        """What was typed, for keeping."""
        return {name: str(self.data.get(name, "")) for name in self.fields if self.data.get(name)}


class WalkForm(forms.Form):
    """Which fund, which accounting day."""

    fund = forms.ChoiceField(required=False)
    day = DateField(label="Accounting date")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["fund"].choices = _funds()


class SampleForm(forms.Form):
    """How to draw a sample."""

    method = forms.ChoiceField(
        choices=[
            ("monetary_unit", "Monetary unit: every pound has the same chance"),
            ("random", "Random: every receipt has the same chance"),
        ],
        widget=forms.RadioSelect,
        initial="monetary_unit",
    )
    fund = forms.ChoiceField(required=False)
    first = DateField(label="First accounting date", help_text="")
    last = DateField(label="Last accounting date", help_text="")
    size = forms.IntegerField(min_value=1, max_value=LARGEST, initial=25, label="Receipts to draw")
    seed = forms.CharField(
        max_length=60,
        help_text="Any word or number. The same seed draws the same sample again, for whoever reviews it.",
    )
    last_entry = forms.IntegerField(
        required=False,
        min_value=1,
        label="Population ends at entry",
        help_text="From an earlier workpaper, to draw its sample again. Empty: everything so far.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["fund"].choices = _funds()
        self.fields["size"].widget.attrs["size"] = 6
        self.fields["last_entry"].widget.attrs["size"] = 12

    def request(self) -> Request:
        """What was asked, as the sampling takes it."""
        asked = self.cleaned_data
        return Request(
            method=asked["method"],
            first=asked["first"],
            last=asked["last"],
            size=asked["size"],
            seed=asked["seed"].strip(),
            fund=asked["fund"],
            last_entry=asked["last_entry"] or 0,
        )


class DaysForm(forms.Form):
    """From which day to which."""

    first = DateField(label="First day", help_text="")
    last = DateField(label="Last day", help_text="")


def last_days(count: int) -> dict[str, str]:
    """The last `count` days, as the forms take them."""
    today = clock.today()
    return {"first": f"{today - timedelta(days=count - 1):%-d %b %Y}", "last": f"{today:%-d %b %Y}"}


def _funds() -> list[tuple[str, str]]:
    return [("", "All funds"), *((fund.code, str(fund)) for fund in Fund.objects.order_by("name"))]
