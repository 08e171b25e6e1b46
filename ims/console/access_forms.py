"""The forms of people's access: what they may see, moving to other work, roles, reviews, staff files."""

from __future__ import annotations

from typing import Any

from django import forms

from ims.access.models import ReviewLine
from ims.audit.actors import Actor
from ims.console.fields import DateField
from ims.funds.models import FundGroup, MethodOfPayment, Office
from ims.people.council_roles import NOT_TO_COMPOSE, named_permissions
from ims.people.models import CouncilRole, User
from ims.people.selectors import actor_for, known_roles

ALL, SOME = "all", "some"


class ReasonField(forms.CharField):
    """Why; kept in the history."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 300)
        options.setdefault("label", "Reason for the change")
        options.setdefault("help_text", "Kept in the history for auditors.")
        super().__init__(**options)


class ScopeForm(forms.Form):
    """What a person may see: everything, or some of it on each of three sides."""

    fund_groups = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Fund groups",
        help_text="Tick none for the money of every fund.",
    )
    offices = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="Tick none for every office."
    )
    methods = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Methods of payment",
        help_text="Tick none for every method. Whoever posts journals or transfers needs their methods too.",
    )
    everything = forms.BooleanField(
        required=False,
        label="They may see all of it on each side where nothing is ticked",
        help_text="Said in so many words, because nothing ticked means everything.",
    )
    reason = ReasonField()

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        held = actor_for(person)
        options.setdefault(
            "initial",
            {
                "fund_groups": [str(key) for key in person.fund_groups.values_list("pk", flat=True)],
                "offices": sorted(held.offices or ()),
                "methods": sorted(held.methods or ()),
            },
        )
        super().__init__(*args, **options)
        self.fields["fund_groups"].choices = [(str(group.pk), group.name) for group in FundGroup.objects.all()]
        self.fields["offices"].choices = [(office.pk, str(office)) for office in Office.objects.all()]
        self.fields["methods"].choices = [(method.pk, str(method)) for method in MethodOfPayment.objects.all()]

    def clean(self) -> dict[str, Any]:
        typed = super().clean()
        empty = [name for name in ("fund_groups", "offices", "methods") if not typed.get(name)]
        if empty and not typed.get("everything") and not self.errors:
            sides = " and ".join({"fund_groups": "funds", "offices": "offices", "methods": "methods"}[n] for n in empty)
            self.add_error("everything", f"Nothing is ticked under {sides}: confirm that they may see all of them.")
        return typed

    def scope(self) -> dict[str, Any]:
        """What was chosen, as the services take it."""
        typed = self.cleaned_data
        return {
            "fund_groups": list(FundGroup.objects.filter(pk__in=typed["fund_groups"])),
            "offices": typed["offices"] or None,
            "methods": typed["methods"] or None,
        }


class MoveForm(ScopeForm):
    """Somebody moves to other work: roles, office and scope at once."""

    roles = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    office = forms.ChoiceField(required=False, help_text="Stamped on the receipts they create.")
    old_access_removed = forms.BooleanField(
        label="They keep nothing that only the old work needed",
        error_messages={"required": "Compare the old roles and scope with the new ones, and confirm."},
    )
    field_order = [
        "roles",
        "office",
        "fund_groups",
        "offices",
        "methods",
        "everything",
        "old_access_removed",
        "reason",
    ]

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, person=person, **options)
        held = {name for name in person.role_names.split(", ") if name}
        known = [role for role in known_roles(in_use_only=False) if role.is_in_use or role.name in held]
        self.fields["roles"].choices = [(role.name, f"{role.name}: {role.purpose}") for role in known]
        self.fields["roles"].initial = sorted(held)
        self.fields["office"].choices = [("", "None"), *((office.pk, str(office)) for office in Office.objects.all())]
        self.fields["office"].initial = person.office_code


class RoleForm(forms.Form):
    """A role, composed from named permissions."""

    name = forms.CharField(max_length=60)
    purpose = forms.CharField(max_length=200, help_text="What it is for, in one sentence.")
    permissions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one permission."},
    )
    is_in_use = forms.BooleanField(required=False, label="In use", help_text="Off: given to nobody new.", initial=True)
    reason = ReasonField()

    def __init__(self, *args: Any, role: CouncilRole | None = None, **options: Any) -> None:
        if role is not None:
            names = ("name", "purpose", "permissions", "is_in_use")
            options.setdefault("initial", {name: getattr(role, name) for name in names})
        super().__init__(*args, **options)
        rooms: dict[str, list[tuple[str, str]]] = {}
        for each in named_permissions():
            if each.name not in NOT_TO_COMPOSE:
                rooms.setdefault(each.room, []).append((each.name, each.sentence))
        self.rooms = rooms
        self.fields["permissions"].choices = [choice for choices in rooms.values() for choice in choices]

    def by_room(self) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """The permissions under their rooms: name, sentence, whether it is ticked."""
        ticked = set(self["permissions"].value() or ())
        return [
            (room, [(name, sentence, name in ticked) for name, sentence in choices])
            for room, choices in self.rooms.items()
        ]


class NewReviewForm(forms.Form):
    """A review of everybody's access."""

    title = forms.CharField(max_length=60, help_text="Like Quarter 3 of 2026-27.")
    due_on = DateField(label="To be done by")


class DecisionForm(forms.Form):
    """What is decided about one person."""

    decision = forms.ChoiceField(
        choices=[
            (ReviewLine.Decision.CONFIRMED, "Still needed, as it is"),
            (ReviewLine.Decision.CHANGED, "Changed (roles or scope were changed since the review was opened)"),
            (ReviewLine.Decision.REMOVED, "Remove: they can no longer sign in"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Say whether the access is still needed."},
    )
    reason = ReasonField(label="Reason")


class StatementForm(forms.Form):
    """What whoever signs a review off says."""

    statement = forms.CharField(
        max_length=1000,
        widget=forms.Textarea({"rows": 3}),
        help_text="That everybody's access was looked at, and what came of it. Afterwards nothing of it can change.",
    )


class StaffFileForm(forms.Form):
    """A file of starters and leavers."""

    file = forms.FileField(label="File", help_text="CSV, as the human resources system gives it.")


class ApplyForm(forms.Form):
    """Doing what the plan of a staff file showed."""

    text = forms.CharField(widget=forms.HiddenInput, strip=False)
    fingerprint = forms.CharField(widget=forms.HiddenInput)
    reason = ReasonField(label="Reason")


class WhoCanForm(forms.Form):
    """Which part of the report."""

    all_optional = True

    person = forms.ChoiceField(required=False)
    permission = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        people = User.objects.filter(is_active=True)
        self.fields["person"].choices = [("", "Everybody"), *((str(each.pk), str(each)) for each in people)]
        choices = [(each.name, f"{each.room}: {each.sentence}") for each in named_permissions()]
        self.fields["permission"].choices = [("", "Every permission"), *choices]
