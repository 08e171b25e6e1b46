"""Addresses of the exports screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import exports

app_name = "exports"
urlpatterns = [
    path("", exports.index, name="index"),
    path("build/", exports.build, name="build"),
    path("<number:batch_id>/", exports.batch, name="batch"),
    path("<number:batch_id>/download/", exports.download, name="download"),
]
