"""Items for looking at under Settings and records. The work is done on the suspense screens."""

from __future__ import annotations

from django.contrib import admin

from ims.audit.admin import ScopedAdmin, VeiledAdmin, ViewOnlyAdmin
from ims.suspense.models import SuspenseItem


@admin.register(SuspenseItem)
class SuspenseItemAdmin(ScopedAdmin, VeiledAdmin, ViewOnlyAdmin):
    """Every item, open or closed."""

    list_display = ("__str__", "received_on", "amount", "remaining", "state", "owner")
    list_filter = ("state",)
    list_select_related = ("owner",)
    raw_id_fields = ("entry",)
