"""Addresses of the auditor's screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import assurance, evidence

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
    path("evidence/", evidence.index, name="evidence"),
    path("evidence/ask/", evidence.ask, name="ask_pack"),
    path("evidence/publish/", evidence.publish, name="publish_seals"),
    path("evidence/published/<number:publication_id>/", evidence.published, name="published"),
    path("evidence/packs/<number:pack_id>/", evidence.pack, name="pack"),
    path("evidence/packs/<number:pack_id>/progress/", evidence.progress, name="pack_progress"),
    path("evidence/packs/<number:pack_id>/download/", evidence.download, name="download_pack"),
]
