"""The addresses of the API, by version."""

from __future__ import annotations

from django.urls import include, path

from ims.api import callbacks

app_name = "api"

urlpatterns = [
    path("v1/", include("ims.api.v1.urls")),
    path("callbacks/notify", callbacks.notify_delivery, name="notify-delivery"),
]
