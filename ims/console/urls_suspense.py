"""Addresses of the suspense screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import suspense

app_name = "suspense"
urlpatterns = [
    path("", suspense.index, name="index"),
    path("act/", suspense.act, name="act"),
    path("refresh/", suspense.refresh, name="refresh"),
    path("together/", suspense.together, name="together"),
    path("<number:item_id>/", suspense.item, name="item"),
    path("<number:item_id>/note/", suspense.note, name="note"),
    path("<number:item_id>/work/", suspense.work, name="work"),
    path("<number:item_id>/write-off/", suspense.write_off, name="write_off"),
    path("<number:item_id>/rule/", suspense.rule, name="rule"),
]
