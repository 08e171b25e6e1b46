"""Where clients are told of payments, under Settings: the secret, the log, and sending again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join

from ims.api.models import Notification, NotifyAddress
from ims.api.services import notifying
from ims.audit.actors import authorise
from ims.audit.admin import TrackedAdmin, ViewOnlyAdmin, WholeAdmin, actor_of
from ims.audit.services import record
from ims.common.errors import ImsError, NotAllowed


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=300, help_text="Kept in the audit trail.")


class OneAct:
    """A page that asks why and then does one thing, for who may see secrets."""

    def _asked(self, request: HttpRequest, record_id: str, *, title: str, button: str, text: str) -> Any:
        """The record and the reason, or the page that asks for it."""
        try:
            authorise(actor_of(request), notifying.FOLLOW, what="look after notifications to other systems")
        except NotAllowed as refusal:
            raise PermissionDenied(refusal.message) from refusal
        found = self.get_object(request, record_id)
        if found is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return found, form.cleaned_data["reason"], None
        shown = {**self.admin_site.each_context(request), "title": title, "record": found, "form": form}
        page = render(request, "api/one_act.html", {**shown, "button": button, "text": text})
        return found, "", page


@admin.register(NotifyAddress)
class NotifyAddressAdmin(OneAct, TrackedAdmin):
    """Addresses are taken out of use, never deleted, so that the log keeps its place."""

    allow_import = allow_export = False
    change_form_template = "api/change_notify_address.html"
    list_display = ("client", "url", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("client",)
    search_fields = ("url", "client__name")
    fields = ("client", "url", "is_active")
    formfield_overrides = {NotifyAddress._meta.get_field("url").__class__: {"assume_scheme": "https"}}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("client",) if obj is not None else ()

    def get_urls(self) -> list[URLPattern]:
        """The pages for the secret, beside Django's own."""
        show = self.admin_site.admin_view(self.show_secret)
        change = self.admin_site.admin_view(self.change_secret)
        own = [
            path("<int:object_id>/secret/", show, name="api_notifyaddress_secret"),
            path("<int:object_id>/new-secret/", change, name="api_notifyaddress_new_secret"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with the ways to the secret for who may see it."""
        shown = {"may_see_secret": actor_of(request).may(notifying.FOLLOW)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def show_secret(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the secret in force, on record."""
        text = "Whoever knows the secret can pass off messages as ours. Showing it is recorded."
        title, button = "Show the secret", "Show the secret"
        address, reason, page = self._asked(request, str(object_id), title=title, button=button, text=text)
        if page is not None:
            return page
        record("notify_secret_shown", actor=actor_of(request), subject=address, reason=reason)
        shown = {**self.admin_site.each_context(request), "title": "The secret", "record": address}
        return render(request, "api/secret.html", {**shown, "secret": notifying.secrets_in_force(address)[0]})

    def change_secret(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Begin to sign with a new secret."""
        text = "For seven days messages are signed with both the old and the new secret. Tell the client the new one."
        title, button = "Change the secret", "Change the secret"
        address, reason, page = self._asked(request, str(object_id), title=title, button=button, text=text)
        if page is not None:
            return page
        try:
            notifying.change_secret(actor=actor_of(request), address=address, reason=reason)
        except ImsError as refusal:
            return self.refused(request, refusal, self.reverse_url("change", address))
        self.message_user(request, "Messages are signed with the new secret as well from now on.")
        return HttpResponseRedirect(self.reverse_url("change", address))


@admin.register(Notification)
class NotificationAdmin(OneAct, WholeAdmin, ViewOnlyAdmin):
    """What clients were told, and how it went."""

    change_form_template = "api/notification.html"
    list_display = ("made_at", "event", "address", "state", "tries", "due_at")
    list_filter = ("state", "event")
    list_select_related = ("address__client",)
    fields = ("address", "event", "body", "state", "tries", "made_at", "due_at", "delivered_at", "attempts")

    @admin.display(description="Tries")
    def attempts(self, obj: Notification) -> str:
        rows = [(f"{each.happened_at:%-d %b %Y %H:%M:%S}", each.outcome) for each in obj.log.all()]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {}</li>", rows)) if rows else "None yet"

    def get_urls(self) -> list[URLPattern]:
        """The page that sends again, beside Django's own."""
        again = self.admin_site.admin_view(self.send_again)
        return [path("<uuid:object_id>/again/", again, name="api_notification_again"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The notification, with the way to send it again for who may."""
        shown = {"may_send_again": actor_of(request).may(notifying.FOLLOW)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def send_again(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Send a notification once more, with a reason."""
        text = "The same words go out again under the same id, so that the client can tell that it knows them."
        title, button = "Send the notification again", "Send again"
        found, reason, page = self._asked(request, str(object_id), title=title, button=button, text=text)
        if page is not None:
            return page
        notifying.send_again(actor=actor_of(request), notification_id=str(found.pk), reason=reason)
        self.message_user(request, "The notification is on its way again.")
        return HttpResponseRedirect("../change/")
