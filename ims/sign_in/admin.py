"""Which group or app role of a directory gives which role here, on screen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from ims.approvals.admin import ApprovedAdmin
from ims.audit.admin import REASON, actor_of
from ims.common.errors import ImsError
from ims.people.roles import ROLES
from ims.sign_in.models import DirectoryRole
from ims.sign_in.services.directory import mapping_changed, may_map


class DirectoryRoleForm(forms.ModelForm):
    """One mapping. The directories are those of the settings."""

    directory = forms.ChoiceField(label="Directory")
    role = forms.ChoiceField(label="Role", choices=[(role.name, f"{role.name}: {role.purpose}") for role in ROLES])
    value = forms.CharField(
        label="Group or app role",
        max_length=255,
        help_text="As the directory sends it: an app role's value, or a group's object ID.",
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=255,
        help_text="What the group is called, for whoever reads this later.",
    )

    class Meta:
        model = DirectoryRole
        fields = ("directory", "value", "role", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = {each["id"]: each["name"] for each in settings.DIRECTORIES}
        if self.instance.pk:
            names.setdefault(self.instance.directory, f"{self.instance.directory} (no longer in the settings)")
        if "directory" in self.fields:
            self.fields["directory"].choices = list(names.items())


@admin.register(DirectoryRole)
class DirectoryRoleAdmin(ApprovedAdmin):
    """Mappings: whoever may grant a role may say which group gets it."""

    needs_recent_sign_in = True
    allow_delete = True
    delete_asks_reason = True
    delete_confirmation_template = "funds/delete_confirmation.html"
    allow_import = False
    form = DirectoryRoleForm
    list_display = ("value", "role", "directory", "note")
    list_filter = ("directory", "role")
    search_fields = ("value", "note")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, refusing a role that the person may not grant, beside what was typed."""
        form = super().get_form(request, obj, change=change, **kwargs)
        actor = actor_of(request)

        class CheckedForm(form):  # type: ignore[misc, valid-type]
            def clean(self) -> dict[str, Any]:
                data = super().clean()
                for role in {data.get("role"), self.instance.role or None} - {None}:
                    try:
                        may_map(actor=actor, role=role)
                    except ImsError as refusal:
                        raise ValidationError(str(refusal)) from refusal
                return data

        return CheckedForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        mapping_changed(
            actor=actor_of(request),
            mapping=obj,
            change="changed" if change else "added",
            reason=form.cleaned_data.get(REASON, ""),
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        reason = request.POST.get(REASON, "").strip()
        mapping_changed(actor=actor_of(request), mapping=obj, change="removed", reason=reason)
        super().delete_model(request, obj)
