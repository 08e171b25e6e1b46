"""Payments of the automated telephone line, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from ims.audit.admin import ViewOnlyAdmin, actor_of
from ims.audit.scope import beyond, scoped
from ims.telephone_line.models import CallLine, CallPayment


@admin.register(CallPayment)
class CallPaymentAdmin(ViewOnlyAdmin):
    """What the line told, and the receipt it became."""

    list_display = ("announced_at", "call", "state", "total", "line_reference", "posting")
    list_filter = ("state",)
    list_select_related = ("posting",)
    search_fields = ("=call", "=line_reference")
    fields = (
        "call",
        "state",
        "total",
        "bills",
        "method_of_payment",
        "announced_at",
        "taken_at",
        "told_at",
        "line_reference",
        "card_brand",
        "card_last_four",
        "posting",
        "why_suspense",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Payments that lie in the person's scope with every bill."""
        actor = actor_of(request)
        outside = beyond(actor, CallLine.objects.filter(payment=OuterRef("pk")))
        return scoped(actor, super().get_queryset(request)).filter(~Exists(outside))

    @admin.display(description="Bills")
    def bills(self, obj: CallPayment) -> str:
        return "; ".join(f"{line.narrative} {line.account_reference}: £{line.amount:,.2f}" for line in obj.lines.all())
