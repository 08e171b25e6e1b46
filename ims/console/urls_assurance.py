"""Addresses of the auditor's screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import assurance

app_name = "assurance"
urlpatterns = [
    path("", assurance.search, name="search"),
    path("export/", assurance.export, name="export"),
    path("record/<str:label>/<path:key>/", assurance.record, name="record"),
    path("person/<number:person_id>/", assurance.person, name="person"),
    path("walk/", assurance.walk, name="walk"),
    path("source/<number:entry_id>/", assurance.source, name="source"),
    path("samples/", assurance.samples, name="samples"),
    path("unusual/", assurance.unusual, name="unusual"),
]
