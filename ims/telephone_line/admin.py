"""Payments of the automated telephone line, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from ims.audit.admin import ViewOnlyAdmin, actor_of
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
        """Payments whose every bill lies in the person's funds."""
        found, funds = super().get_queryset(request), actor_of(request).funds
        if funds is None:
            return found
        return found.filter(~Exists(CallLine.objects.filter(payment=OuterRef("pk")).exclude(fund_id__in=funds)))

    @admin.display(description="Bills")
    def bills(self, obj: CallPayment) -> str:
        return "; ".join(f"{line.narrative} {line.account_reference}: £{line.amount:,.2f}" for line in obj.lines.all())
