"""The one form with the council's details."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from ims.audit.admin import TrackedAdmin
from ims.council.models import CouncilDetails


@admin.register(CouncilDetails)
class CouncilDetailsAdmin(TrackedAdmin):
    """Added once, changed ever after, never deleted."""

    allow_import = False
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    list_display = ("known_as", "telephone", "email", "vat_number", "offers_welsh")
    fieldsets = (
        ("Name", {"fields": ["name", "name_welsh", "logo_text", "offers_welsh"]}),
        ("Colours of the payment pages", {"fields": ["brand_colour", "accent_colour"]}),
        (
            "Help for payers",
            {"fields": ["telephone", "telephone_hours", "telephone_hours_welsh", "email", "website"]},
        ),
        ("Receipts", {"fields": ["address", "vat_number"]}),
        ("Statements", {"fields": ["privacy_notice", "accessibility_contact", "accessibility_reviewed_on"]}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not CouncilDetails.objects.exists()

    @admin.display(description="Name")
    def known_as(self, obj: Any) -> str:
        return obj.known_as
