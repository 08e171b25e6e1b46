"""Addresses of the proof screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import proof

app_name = "proof"
urlpatterns = [
    path("", proof.index, name="index"),
    path("period/", proof.period, name="period"),
]
