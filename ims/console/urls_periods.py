"""Addresses of the accounting period screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import periods

app_name = "periods"
urlpatterns = [
    path("", periods.index, name="index"),
    path("new/", periods.new, name="new"),
    path("<number:period_id>/close/", periods.close, name="close"),
    path("<number:period_id>/reopen/", periods.reopen, name="reopen"),
]
