"""Messages to payers on screen: what was sent and what became of it; wordings with a preview; who carries them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, linebreaks

from ims.audit import personal
from ims.audit.actors import authorise
from ims.audit.admin import TrackedAdmin, VeiledAdmin, ViewOnlyAdmin, actor_of, tracked_resource
from ims.common.errors import ImsError, NotAllowed
from ims.correspondence import composing
from ims.correspondence.forms import CopyForm
from ims.correspondence.models import CarrierAccount, Message, Purpose, Wording
from ims.correspondence.selectors import messages_visible_to
from ims.correspondence.services import writing

EXAMPLE = {
    "receipt_number": "CRD-000123",
    "paid_on": "20 November 2026",
    "method": "Visa card ending 4242",
    "lines": "Council Tax, 700123452: £120.50",
    "total": "£120.50",
    "amount": "£20.00",
    "vat": "",
    "copy": "",
    "status": "https://pay.example.gov.uk/pay/status/…",
    "message": "Here is the link we spoke about.",
    "link": "https://pay.example.gov.uk/pay/link/…",
    "expires": "27 November 2026",
}
"""What stands in a preview."""


@admin.register(CarrierAccount)
class CarrierAccountAdmin(TrackedAdmin):
    """One carrier for each channel. Keys and passwords are named, never shown or kept."""

    allow_import = False
    list_display = ("channel", "kind", "is_active", "key_name", "host")
    fieldsets = (
        (None, {"fields": ["channel", "kind", "is_active", "key_name"]}),
        ("GOV.UK Notify", {"fields": ["template", "callback_token_name", "base_url"]}),
        ("Mail server", {"fields": ["host", "port", "security", "user", "sender"]}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("channel",) if obj is not None else ()


@admin.register(Wording)
class WordingAdmin(TrackedAdmin):
    """The council's own words, with a preview of each in both languages."""

    resource_classes = [tracked_resource(Wording, ("purpose", "channel", "fund"))]
    list_display = ("purpose", "channel", "fund", "subject")
    list_filter = ("purpose", "channel")
    list_select_related = ("fund",)
    fieldsets = (
        (None, {"fields": ["purpose", "channel", "fund"]}),
        ("In English", {"fields": ["subject", "body", "preview"]}),
        ("In Welsh", {"fields": ["subject_welsh", "body_welsh", "preview_welsh"]}),
    )
    readonly_fields = ("preview", "preview_welsh")

    @admin.display(description="As payers get it")
    def preview(self, obj: Wording) -> str:
        return _preview(obj, "en")

    @admin.display(description="As payers get it in Welsh")
    def preview_welsh(self, obj: Wording) -> str:
        return _preview(obj, "cy")


def _preview(wording: Wording, language: str) -> str:
    if not wording.pk:
        return "Save first; the preview is shown afterwards."
    funds = [wording.fund_id] if wording.fund_id else []
    words = composing.compose(
        wording.purpose,
        wording.channel,
        language,
        funds=funds,
        values={**EXAMPLE, **composing.council_values(language)},
    )
    return format_html("<strong>{}</strong>{}", words.subject, linebreaks(words.body, autoescape=True))


@admin.register(Message)
class MessageAdmin(VeiledAdmin, ViewOnlyAdmin):
    """What was sent to whom, and what became of it. A receipt can be sent again as a copy."""

    change_form_template = "correspondence/message.html"
    list_display = ("created_at", "purpose", "channel", "masked_to", "state", "failure", "posting")
    list_filter = ("state", "purpose", "channel")
    list_select_related = ("posting",)
    fields = (
        "purpose",
        "channel",
        "to",
        "language",
        "subject",
        "body",
        "receipt",
        "copy_of",
        "state",
        "failure",
        "carrier",
        "carrier_word",
        "tries",
        "created_at",
        "sent_at",
        "finished_at",
    )
    search_help_text = "The whole e-mail address or telephone number."

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """By address, for who may see addresses: a search answers whether there is one."""
        return ("=to",) if personal.may_reveal(actor_of(request), Message) else ()

    def get_queryset(self, request: HttpRequest) -> Any:
        """Messages about money in the person's scope."""
        return messages_visible_to(actor_of(request)).order_by("-id")

    @admin.display(description="To")
    def masked_to(self, obj: Message) -> str:
        return obj.masked_to

    @admin.display(description="Receipt")
    def receipt(self, obj: Message) -> str:
        entry = obj.posting.entries.order_by("line").first() if obj.posting else None
        if entry is None:
            return "–"
        return format_html('<a href="{}">{}</a>', reverse("receipts:receipt", args=[entry.pk]), obj.posting)

    def get_urls(self) -> list[URLPattern]:
        """The page that sends a copy, beside Django's own."""
        view = self.admin_site.admin_view(self.send_copy)
        return [path("<int:object_id>/copy/", view, name="correspondence_message_copy"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The message; with the way to send a copy for who may."""
        shown = {"may_send": actor_of(request).may(writing.WRITE), "receipt_purpose": Purpose.RECEIPT}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def send_copy(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask where to and why; then write the copy, which a job sends."""
        actor = actor_of(request)
        try:
            authorise(actor, writing.WRITE, what="send receipts again")
        except NotAllowed as refusal:
            raise PermissionDenied(refusal.message) from refusal
        message = self.get_queryset(request).filter(pk=object_id).first()
        if message is None:
            raise Http404
        form = CopyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                copy = writing.send_again(actor=actor, message_id=message.pk, **form.cleaned_data)
            except ImsError as refusal:
                form.add_error(None, refusal.message)
            else:
                self.message_user(request, f"A copy is on its way to {copy.masked_to}.")
                return HttpResponseRedirect(reverse("admin:correspondence_message_change", args=[copy.pk]))
        shown = {**self.admin_site.each_context(request), "title": f"Send a copy of {message}", "message": message}
        return render(request, "correspondence/copy.html", {**shown, "form": form})
