"""Addresses of the imports screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import import_rows, import_settings, imports

app_name = "imports"
urlpatterns = [
    path("", imports.index, name="index"),
    path("upload/", imports.upload, name="upload"),
    path("<number:batch_id>/", imports.batch, name="batch"),
    path("<number:batch_id>/progress/", imports.progress, name="progress"),
    path("<number:batch_id>/rows/", imports.rows, name="rows"),
    path("<number:batch_id>/check/", imports.check, name="check"),
    path("<number:batch_id>/post/", imports.post, name="post"),
    path("<number:batch_id>/post-corrected/", imports.post_corrected, name="post_corrected"),
    path("<number:batch_id>/abandon/", imports.abandon, name="abandon"),
    path("<number:batch_id>/reverse/", imports.reverse_batch, name="reverse"),
    path("<number:batch_id>/file/", imports.download, name="download"),
    path("rows/<number:row_id>/", import_rows.row, name="row"),
    path("rules/", import_settings.rules, name="rules"),
    path("rules/new/", import_settings.rule, name="new_rule"),
    path("rules/<number:rule_id>/", import_settings.rule, name="rule"),
    path("profiles/", import_settings.profiles, name="profiles"),
    path("profiles/new/", import_settings.profile, name="new_profile"),
    path("profiles/<number:profile_id>/", import_settings.profile, name="profile"),
]
