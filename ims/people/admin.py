"""People on screen. Every change goes through `services`, which decide who may do what to whom."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest

from ims.approvals.admin import ApprovedAdmin
from ims.approvals.errors import ApprovalNeeded
from ims.audit.admin import REASON, TrackedResource, actor_of
from ims.common.errors import ImsError
from ims.people import services
from ims.people.errors import PeopleRefusal
from ims.people.models import User
from ims.people.selectors import known_roles


class PersonForm(forms.ModelForm):
    """What may be said about a person. The rules are the services'."""

    roles = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, label="Roles")

    scope_confirmed = forms.BooleanField(
        required=False,
        label="Their scope fits the roles chosen",
        help_text="Needed when the roles of somebody with a limited scope change: the old scope must not stay by "
        "oversight. Look at it under “What they may see”.",
    )

    class Meta:
        model = User
        fields = ("username", "display_name", "email", "office_code", "access_kind", "access_ends_on", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = {name for name in self.instance.role_names.split(", ") if name} if self.instance.pk else set()
        known = [role for role in known_roles(in_use_only=False) if role.is_in_use or role.name in held]
        self.fields["roles"].choices = [(role.name, f"{role.name}: {role.purpose}") for role in known]
        if "access_kind" in self.fields:
            self.fields["access_kind"].required = False
        if self.instance.pk:
            self.fields["roles"].initial = [name for name in self.instance.role_names.split(", ") if name]
            if "username" in self.fields:
                self.fields["username"].disabled = True


SHOWN = (
    "username",
    "display_name",
    "email",
    "office_code",
    "role_names",
    "access_kind",
    "access_ends_on",
    "is_active",
    "last_login",
)
"""What is told of a person, to who may only look and in the list that is taken away."""


class PersonResource(TrackedResource):
    """The list of people and their roles, for an access review. It is never imported."""

    class Meta(TrackedResource.Meta):
        model = User
        import_id_fields = ("username",)
        fields = SHOWN
        export_order = fields


@admin.register(User)
class PersonAdmin(ApprovedAdmin):
    """People: add, change roles, make inactive. Never deleted."""

    needs_recent_sign_in = True
    form = PersonForm
    resource_classes = [PersonResource]
    allow_import = False
    list_display = ("display_name", "username", "role_names", "office_code", "is_active", "last_login")
    list_filter = ("is_active", "access_kind", ("groups", admin.RelatedOnlyFieldListFilter))
    search_fields = ("display_name", "username", "email")
    change_form_template = "people/change_person.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": SHOWN})]
        names = ["username", "display_name", "email", "office_code"]
        access = ["roles", "scope_confirmed", "access_kind", "access_ends_on", "is_active"]
        if obj is None:
            access = ["roles", "access_kind", "access_ends_on"]
        return [(None, {"fields": names}), ("Access", {"fields": access}), ("Why", {"fields": [REASON]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ("role_names", "last_login")
        return ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, refusing what the services refuse, beside what was typed."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if not self.asks_reason(request, obj):
            return form
        actor = actor_of(request)

        class CheckedForm(form):  # type: ignore[misc, valid-type]
            def clean(self) -> dict[str, Any]:
                data = super().clean()
                if not self.errors:
                    try:
                        with transaction.atomic():
                            _apply(actor, self.instance, data)
                    except ApprovalNeeded:
                        raise  # not a mistake in the form: it is asked for
                    except ImsError as refusal:
                        raise forms.ValidationError(str(refusal)) from refusal
                return data

            def _post_clean(self) -> None:
                """The services have validated and written the person; the form keeps its hands off."""

        return CheckedForm

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Model:
        return form.cleaned_data["person"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the services have written."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the services have written."""


def _apply(actor: Any, person: User, data: dict[str, Any]) -> None:
    """Carry out what the form says, service by service, and leave the person in `data`.

    Raises `PeopleRefusal` for roles that wait for a second person together with changes that do not: only the roles
    would be asked for, and the rest be lost.
    """
    reason = data.get(REASON, "")
    details = {name: data.get(name, "") for name in ("display_name", "email", "office_code")}
    if person.pk is None:
        data["person"] = services.create_person(
            actor=actor,
            username=data["username"],
            roles=data["roles"],
            access_kind=data.get("access_kind") or User.AccessKind.STAFF,
            access_ends_on=data.get("access_ends_on"),
            reason=reason,
            **details,
        )
        return
    stored = User.objects.get(pk=person.pk)
    changed = [name for name in details if details[name] != getattr(stored, name)]
    if changed:
        stored = services.change_details(actor=actor, person=stored, reason=reason, **details)
    term = (data.get("access_kind") or stored.access_kind, data.get("access_ends_on"))
    if term != (stored.access_kind, stored.access_ends_on):
        stored = services.set_access_term(actor=actor, person=stored, kind=term[0], ends_on=term[1], reason=reason)
        changed.append("access")
    try:
        data["person"] = _with_roles(actor, stored, data, reason)
    except ApprovalNeeded as needed:
        if not changed:
            raise
        raise PeopleRefusal(
            "The roles wait for a second person; the other changes do not. Save those first, with the roles as they "
            "were, then change the roles."
        ) from needed


def _with_roles(actor: Any, stored: User, data: dict[str, Any], reason: str) -> User:
    """The person, active or not and with the roles that the form says."""
    if data["is_active"] and not stored.is_active:
        return services.reactivate(actor=actor, person=stored, roles=data["roles"], reason=reason)
    if not stored.is_active:
        return stored
    if not data["is_active"]:
        return services.deactivate(actor=actor, person=stored, reason=reason)
    return services.change_roles(
        actor=actor,
        person=stored,
        roles=data["roles"],
        reason=reason,
        scope_confirmed=data.get("scope_confirmed", False),
    )
