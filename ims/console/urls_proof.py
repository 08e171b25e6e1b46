"""Addresses of the proof screens."""

from __future__ import annotations

app_name = "proof"
urlpatterns: list = []
