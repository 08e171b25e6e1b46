"""Addresses of the imports screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import import_rows, import_settings, imports

app_name = "imports"
urlpatterns = [
    path("", imports.index, name="index"),
    path("upload/", imports.upload, name="upload"),
    path("<int:batch_id>/", imports.batch, name="batch"),
    path("<int:batch_id>/progress/", imports.progress, name="progress"),
    path("<int:batch_id>/rows/", imports.rows, name="rows"),
    path("<int:batch_id>/check/", imports.check, name="check"),
    path("<int:batch_id>/post/", imports.post, name="post"),
    path("<int:batch_id>/post-corrected/", imports.post_corrected, name="post_corrected"),
    path("<int:batch_id>/abandon/", imports.abandon, name="abandon"),
    path("<int:batch_id>/reverse/", imports.reverse_batch, name="reverse"),
    path("<int:batch_id>/file/", imports.download, name="download"),
    path("rows/<int:row_id>/", import_rows.row, name="row"),
    path("rules/", import_settings.rules, name="rules"),
    path("rules/new/", import_settings.rule, name="new_rule"),
    path("rules/<int:rule_id>/", import_settings.rule, name="rule"),
    path("profiles/", import_settings.profiles, name="profiles"),
    path("profiles/new/", import_settings.profile, name="new_profile"),
    path("profiles/<int:profile_id>/", import_settings.profile, name="profile"),
]
