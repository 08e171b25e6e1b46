"""The addresses of version 1, one line a resource."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.decorators.cache import never_cache

from ims.api.v1 import accounts, description, payment_types, payments, receipts, telephone

app_name = "v1"

urlpatterns = [
    path("openapi.json", never_cache(description.as_json), name="openapi-json"),
    path("openapi.yaml", never_cache(description.as_yaml), name="openapi-yaml"),
    path("accounts", accounts.Account.as_view(), name="account"),
    path("payment-types", payment_types.PaymentTypes.as_view(), name="payment-types"),
    path("reference-checks", payment_types.ReferenceChecks.as_view(), name="reference-checks"),
    path("payments", payments.Payments.as_view(), name="payments"),
    path("payments/<uuid:id>", payments.Payment.as_view(), name="payment"),
    path("telephone-payments", telephone.CallPayments.as_view(), name="call-payments"),
    path("telephone-payments/catch-up", telephone.CatchUp.as_view(), name="call-catch-up"),
    path("telephone-payments/<uuid:id>", telephone.CallPaymentOne.as_view(), name="call-payment"),
    path("telephone-payments/<uuid:id>/confirmation", telephone.Confirmation.as_view(), name="call-confirmation"),
    path("telephone-payments/<uuid:id>/giving-up", telephone.GivingUp.as_view(), name="call-giving-up"),
    path("receipts", receipts.Receipts.as_view(), name="receipts"),
    re_path(r"^receipts/(?P<number>[A-Za-z0-9]+-[0-9]+/[0-9]+)$", receipts.Receipt.as_view(), name="receipt"),
]
