"""Addresses of the suspense screens."""

from __future__ import annotations

app_name = "suspense"
urlpatterns: list = []
