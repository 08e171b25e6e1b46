"""Addresses of approvals."""

from __future__ import annotations

from django.urls import path

from ims.console.views import approvals

app_name = "approvals"
urlpatterns = [
    path("", approvals.index, name="index"),
    path("duties/", approvals.duties, name="duties"),
    path("ask/", approvals.ask, name="ask"),
    path("<number:request_id>/", approvals.show, name="request"),
    path("<number:request_id>/decide/", approvals.decide, name="decide"),
    path("<number:request_id>/withdraw/", approvals.withdraw, name="withdraw"),
]
