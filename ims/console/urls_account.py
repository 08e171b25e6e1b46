"""Signing in, and one's own account."""

from __future__ import annotations

from django.urls import path

from ims.console.views import account

app_name = "account"

urlpatterns = [
    path("link/<str:secret>/", account.one_time_link, name="link"),
]
