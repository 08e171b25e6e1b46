"""Addresses of the receipts screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import moves, receipts

app_name = "receipts"
urlpatterns = [
    path("", receipts.search, name="search"),
    path("export/", receipts.export, name="export"),
    path("transfer/", moves.transfer, name="transfer"),
    path("<number:entry_id>/", receipts.receipt, name="receipt"),
    path("<number:entry_id>/print/", receipts.printed, name="print"),
    path("<number:entry_id>/journal/", moves.journal, name="journal"),
    path("<number:entry_id>/reverse/", moves.reverse, name="reverse"),
]
