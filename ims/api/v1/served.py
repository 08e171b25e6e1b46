"""Where version 1 is served, for its description."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("api/v1/", include("ims.api.v1.urls"))]
