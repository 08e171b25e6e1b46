"""Settings of card payments, with their history; and its records, for looking at. The work is done on the screens."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ims.approvals.admin import ApprovedAdmin
from ims.audit.admin import ViewOnlyAdmin, tracked_resource
from ims.funds.admin import DeletableAdmin
from ims.payments import selectors
from ims.payments.models import PaymentAttempt, PaymentRoute, PaymentService


@admin.register(PaymentService)
class PaymentServiceAdmin(ApprovedAdmin):
    """Accounts at card providers. Keys are named here, and kept as files elsewhere."""

    list_display = ("code", "name", "provider", "is_live", "is_active")
    list_filter = ("provider", "is_active")
    search_fields = ("code", "name")
    resource_classes = [tracked_resource(PaymentService, keys=("code",))]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The code and the provider stay: what was paid is found by them."""
        fixed = ("code", "provider") if obj is not None else ()
        return (*fixed, *super().get_readonly_fields(request, obj))


@admin.register(PaymentRoute)
class PaymentRouteAdmin(DeletableAdmin):
    """Which service takes what, and with which method of payment it is posted."""

    allow_import = False
    resource_classes = [tracked_resource(PaymentRoute)]
    list_display = ("channel", "fund", "service", "method_of_payment")
    list_filter = ("channel", "service")
    list_select_related = ("fund", "service", "method_of_payment")


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(ViewOnlyAdmin):
    """Every payment; its whole life is on its own page under Card payments."""

    list_display = ("reference", "service", "amount", "state", "asked_at")
    list_filter = ("state", "service")
    list_select_related = ("service",)
    raw_id_fields = ("basket", "posting")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Payments within the funds of whoever looks."""
        actor = getattr(request, "actor", None)
        found = super().get_queryset(request)
        return found if actor is None else found.filter(pk__in=selectors.attempts_visible_to(actor).values("pk"))
