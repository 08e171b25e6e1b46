"""Payment types under Settings."""

from __future__ import annotations

from django.contrib import admin

from ims.audit.admin import TrackedAdmin, tracked_resource
from ims.payment_types.models import PaymentType


@admin.register(PaymentType)
class PaymentTypeAdmin(TrackedAdmin):
    """What payers may pay for; taken out of use rather than deleted."""

    resource_classes = [tracked_resource(PaymentType)]
    list_display = ("title", "code", "fund", "reference_label", "asks_for_address", "position", "is_active")
    list_filter = ("is_active", "asks_for_address")
    list_select_related = ("fund",)
    search_fields = ("title", "code", "fund__name")
    fieldsets = (
        (None, {"fields": ["code", "fund", "position", "is_active", "asks_for_address"]}),
        ("In English", {"fields": ["title", "summary", "reference_label", "reference_hint", "help_text"]}),
        (
            "In Welsh",
            {
                "fields": [
                    "title_welsh",
                    "summary_welsh",
                    "reference_label_welsh",
                    "reference_hint_welsh",
                    "help_text_welsh",
                ]
            },
        ),
        ("Example", {"fields": ["reference_example"]}),
    )

    def get_readonly_fields(self, request, obj=None):
        return ("code",) if obj is not None else ()
