"""Limits on screen, and settings whose changes may need a second person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from ims.approvals import duties, gate, kinds, records, services
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.models import Conflict, Limit
from ims.approvals.rules import in_words
from ims.audit.admin import REASON, TrackedAdmin, actor_of, tracked_resource
from ims.common.errors import ImsError


class ApprovedAdmin(TrackedAdmin):
    """Records some changes of which wait for a second person: the change is then asked for instead of made."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form's sections; the last says beforehand when a change waits for a second person."""
        fieldsets = super().get_fieldsets(request, obj)
        if not records.is_guarded(self.model) or not self.asks_reason(request, obj):
            return fieldsets
        limit = kinds.find(records.kind_of(self.model)).limit
        if gate.allowed_alone(actor_of(request), limit, None):
            return fieldsets
        roles = " or ".join(gate.Limits().approving_roles(limit, None)) or "nobody yet: have a limit set"
        sentence = f"This waits for the approval of a second person ({roles}), who sees it under Approvals."
        name, options = fieldsets[-1]
        return [*fieldsets[:-1], (name, {**options, "description": sentence})]

    def refused(self, request: HttpRequest, refusal: ImsError, where: str = "") -> HttpResponse:
        """A change that needs an approval is asked for; every other refusal is shown."""
        if not isinstance(refusal, ApprovalNeeded) or not refusal.kind:
            return super().refused(request, refusal, where)
        try:
            asked = services.request(
                actor=actor_of(request),
                kind=refusal.kind,
                payload=refusal.payload,
                reason=request.POST.get(REASON, ""),
                key=refusal.key,
            )
        except ImsError as further:
            return super().refused(request, further, where)
        self.message_user(
            request, f"Nothing is changed yet. {asked} waits for a second person: see Approvals.", messages.WARNING
        )
        return HttpResponseRedirect(where or self.reverse_url("changelist"))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Delete, or ask for it."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except ApprovalNeeded as needed:
            return self.refused(request, needed, self.reverse_url("changelist"))


class LimitForm(forms.ModelForm):
    """A limit, with the roles and kinds there are to choose from."""

    role = forms.ChoiceField(required=False)
    kind = forms.ChoiceField(label="Of what")

    class Meta:
        model = Limit
        fields = ("role", "kind", "alone_up_to", "with_approval_up_to", "may_approve_up_to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = self._role_names()
        self.fields["role"].choices = [("", "Everybody, commands on the server included"), *((r, r) for r in roles)]
        self.fields["role"].help_text = Limit._meta.get_field("role").help_text
        self.fields["kind"].choices = [(limit.code, limit.label) for limit in kinds.limits()]

    def _role_names(self) -> list[str]:
        held = {self.instance.role} if self.instance.role else set()
        return sorted({*Group.objects.values_list("name", flat=True), *held})


class ConflictForm(forms.ModelForm):
    """Two duties, each a permission or a whole role."""

    first = forms.ChoiceField(label="One duty")
    second = forms.ChoiceField(label="The other duty")

    class Meta:
        model = Conflict
        fields = ("name", "first", "second", "severity", "why", "compensating_control", "is_in_force")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Choose one"), *_duty_choices()]
        for name in ("first", "second"):
            held = getattr(self.instance, name)
            known = held in dict(choices)
            self.fields[name].choices = choices if known else [*choices, (held, f"{held} (no longer known)")]


def _duty_choices() -> list[tuple[str, str]]:
    """Every role, then every permission that IMS itself declares, by room."""
    roles = [
        (f"{duties.ROLE}{name}", f"The role {name}")
        for name in Group.objects.order_by("name").values_list("name", flat=True)
    ]
    rows = Permission.objects.select_related("content_type").order_by("content_type__app_label", "name")
    permissions = [
        (f"{row.content_type.app_label}.{row.codename}", f"{row.content_type.app_label}: {row.name}")
        for row in rows
        if apps.get_app_config(row.content_type.app_label).name.startswith("ims.")
    ]
    return [*roles, *permissions]


@admin.register(Conflict)
class ConflictAdmin(ApprovedAdmin):
    """Duties to be kept apart. Taken out of force, not deleted."""

    needs_recent_sign_in = True
    form = ConflictForm
    resource_classes = [tracked_resource(Conflict, ("name",))]
    list_display = ("name", "first", "second", "severity", "is_in_force")
    list_filter = ("severity", "is_in_force")
    search_fields = ("name", "first", "second")

    def save_model(self, request: HttpRequest, obj: Conflict, form: Any, change: bool) -> None:
        """Save it, and say at once how many people hold both; who may know their names is led to them."""
        super().save_model(request, obj, form, change)
        if obj.is_in_force:
            held = duties.how_many_hold(obj)
            sentence = f"Who holds both duties of “{obj}” now: {held}."
            if held != duties.NOBODY and duties.sees_holders(actor_of(request)):
                url = reverse("approvals:duties")
                sentence = format_html('{} <a class="govuk-link" href="{}">See who</a>', sentence, url)
            self.message_user(request, sentence, messages.INFO if held == duties.NOBODY else messages.WARNING)


@admin.register(Limit)
class LimitAdmin(ApprovedAdmin):
    """How far each role may go. A change of a limit is itself such as a second person agrees to."""

    needs_recent_sign_in = True
    form = LimitForm
    resource_classes = [tracked_resource(Limit, ("kind", "role"))]
    list_display = ("of_what", "who", "alone", "approved", "approves")
    list_display_links = ("of_what", "who")
    list_filter = ("role",)
    search_fields = ("kind", "role")

    @admin.display(description="of what", ordering="kind")
    def of_what(self, limit: Limit) -> str:
        return kinds.limit_label(limit.kind)

    @admin.display(description="role", ordering="role")
    def who(self, limit: Limit) -> str:
        return limit.role or "Everybody"

    @admin.display(description="may do alone")
    def alone(self, limit: Limit) -> str:
        return in_words(limit.alone_up_to)

    @admin.display(description="may have approved")
    def approved(self, limit: Limit) -> str:
        return in_words(limit.with_approval_up_to)

    @admin.display(description="may approve for others")
    def approves(self, limit: Limit) -> str:
        return in_words(limit.may_approve_up_to)
