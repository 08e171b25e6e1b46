"""Every address of the console."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path, register_converter

from ims.console.addresses import RecordNumber
from ims.console.views import base, health, personal, practice_card, provider_notifications, today

register_converter(RecordNumber, "number")

admin.site.login = secure_admin_login(admin.site.login)

urlpatterns = [
    path("", today.today, name="today"),
    path("receipts/", include("ims.console.urls_receipts")),
    path("imports/", include("ims.console.urls_imports")),
    path("payments/", include("ims.console.urls_payments")),
    path("suspense/", include("ims.console.urls_suspense")),
    path("notifications/<slug:code>", provider_notifications.notified, name="provider_notified"),
    path("approvals/", include("ims.console.urls_approvals")),
    path("exports/", include("ims.console.urls_exports")),
    path("proof/", include("ims.console.urls_proof")),
    path("personal-details/", personal.show, name="personal_details"),
    path("access/", include("ims.console.urls_access")),
    path("audit/", include("ims.console.urls_assurance")),
    path("records/", include("ims.console.urls_records")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("account/", include("ims.console.urls_account")),
    path("account/", include("ims.console.urls_sign_in")),
    path("periods/", include("ims.console.urls_periods")),
    path("admin/", admin.site.urls),
]

if settings.PRACTICE_PROVIDER_BOOKS is not None:
    urlpatterns.append(path("practice-card/<str:token>", practice_card.card, name="practice_card"))

handler400 = base.error_page(400)
handler403 = base.error_page(403)
handler404 = base.error_page(404)
