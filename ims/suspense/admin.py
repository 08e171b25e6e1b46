"""Items for looking at under Settings and records. The work is done on the suspense screens."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ims.audit.admin import ViewOnlyAdmin
from ims.suspense.models import SuspenseItem


@admin.register(SuspenseItem)
class SuspenseItemAdmin(ViewOnlyAdmin):
    """Every item, open or closed."""

    list_display = ("__str__", "received_on", "amount", "remaining", "state", "owner")
    list_filter = ("state",)
    list_select_related = ("owner",)
    raw_id_fields = ("entry",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Items within the funds of whoever looks."""
        found = super().get_queryset(request)
        actor = getattr(request, "actor", None)
        return found if actor is None or actor.funds is None else found.filter(entry__fund__in=sorted(actor.funds))
