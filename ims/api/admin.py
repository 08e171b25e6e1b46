"""API clients under Settings: what each may do, and its keys, shown once and never again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.views.decorators.cache import never_cache

from ims.api import notify_admin
from ims.api.forms import ClientForm, IssueKeyForm, RevokeKeyForm
from ims.api.models import Client, ClientKey
from ims.api.services import clients as services
from ims.audit.actors import authorise
from ims.audit.admin import TrackedAdmin, actor_of
from ims.common import clock
from ims.common.errors import ImsError, NotAllowed

__all__ = ["notify_admin"]  # registers its own records


@admin.register(Client)
class ClientAdmin(TrackedAdmin):
    """Other systems: taken out of use, never deleted, so that the trail keeps their names."""

    needs_recent_sign_in = True
    form = ClientForm
    allow_import = allow_export = False
    change_form_template = "api/change_client.html"
    list_display = ("name", "purpose", "contact", "scopes_in_words", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "purpose", "contact")
    fieldsets = (
        (None, {"fields": ["name", "purpose", "contact", "is_active"]}),
        ("What it may do", {"fields": ["scopes", "every_fund", "funds", "calls_a_minute"]}),
    )

    @admin.display(description="May")
    def scopes_in_words(self, obj: Client) -> str:
        return ", ".join(obj.scopes)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return readonly if obj is None else (*readonly, "keys_in_words")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is not None:
            fieldsets.insert(2, ("Keys", {"fields": ["keys_in_words"]}))
        return fieldsets

    @admin.display(description="Keys")
    def keys_in_words(self, obj: Client) -> str:
        """Every key the client has had, the latest first."""
        moment = clock.now()
        rows = [
            (
                key.prefix,
                key.state_at(moment),
                f"{key.expires_at:%-d %b %Y}",
                key.issued_by,
                f"{key.last_used_on:%-d %b %Y}" if key.last_used_on else "never",
            )
            for key in obj.keys.all()
        ]
        if not rows:
            return "None yet. Issue one to let the system in."
        return format_html(
            "<ul>{}</ul>",
            format_html_join("", "<li>{}…: {}, ends {}, issued by {}, last used {}</li>", rows),
        )

    def get_urls(self) -> list[URLPattern]:
        """The pages for keys, beside Django's own."""
        own = [
            path("<int:object_id>/issue-key/", self.admin_site.admin_view(self.issue_key), name="api_client_issue_key"),
            path(
                "<int:object_id>/keys/<int:key_id>/revoke/",
                self.admin_site.admin_view(self.revoke_key),
                name="api_client_revoke_key",
            ),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with the keys that may be revoked."""
        may = actor_of(request).may("api.issue_key")
        working = ClientKey.objects.filter(client_id=object_id, revoked_at=None) if may and object_id.isdigit() else ()
        shown = {"may_issue": may, "working_keys": [key for key in working if key.works_at(clock.now())]}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @method_decorator(never_cache)
    def issue_key(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask until when and why; then show the new key, this once."""
        client = self._client(request, object_id)
        form = IssueKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                issued = services.issue_key(actor=actor_of(request), client=client, **form.cleaned_data)
            except ImsError as refusal:
                form.add_error(None, refusal.message)
            else:
                shown = {**self.admin_site.each_context(request), "title": "The new key", "client": client}
                shown["last_day"] = form.cleaned_data["expires_on"]
                return render(request, "api/key_issued.html", {**shown, "issued": issued})
        return self._page(request, client, form, title=f"Issue a key for {client}", button="Issue the key")

    @method_decorator(never_cache)
    def revoke_key(self, request: HttpRequest, object_id: int, key_id: int) -> HttpResponse:
        """Ask why; then end the key at once."""
        client = self._client(request, object_id)
        key = client.keys.filter(pk=key_id).first()
        if key is None:
            raise Http404
        form = RevokeKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            services.revoke_key(actor=actor_of(request), key=key, **form.cleaned_data)
            self.message_user(request, f"The key {key} was revoked. Calls with it are refused from now on.")
            return HttpResponseRedirect(self.reverse_url("change", client))
        return self._page(request, client, form, title=f"Revoke the key {key}", button="Revoke the key")

    def _client(self, request: HttpRequest, object_id: int) -> Client:
        try:
            authorise(actor_of(request), "api.issue_key", what="issue and revoke keys of API clients")
        except NotAllowed as refusal:
            raise PermissionDenied(refusal.message) from refusal
        client = Client.objects.filter(pk=object_id).first()
        if client is None:
            raise Http404
        return client

    def _page(self, request: HttpRequest, client: Client, form: Any, *, title: str, button: str) -> HttpResponse:
        shown = {**self.admin_site.each_context(request), "title": title, "client": client, "form": form}
        return render(request, "api/key_form.html", {**shown, "button": button})
