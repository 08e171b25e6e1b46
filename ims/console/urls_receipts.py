"""Addresses of the receipts screens."""

from __future__ import annotations

app_name = "receipts"
urlpatterns: list = []
