"""Addresses of retention."""

from __future__ import annotations

from django.urls import path

from ims.console.views import records

app_name = "records"
urlpatterns = [
    path("", records.index, name="index"),
    path("rules/<slug:record_class>/", records.rule, name="rule"),
    path("rules/<slug:record_class>/dispose/", records.ask, name="ask"),
    path("holds/new/", records.hold, name="hold"),
    path("holds/<number:hold_id>/lift/", records.lift, name="lift"),
    path("subjects/", records.subjects, name="subjects"),
    path("subjects/<number:subject_id>/", records.subject, name="subject"),
    path("subjects/<number:subject_id>/answer/", records.answer, name="answer"),
    path("disposals/<number:disposal_id>/", records.disposal, name="disposal"),
    path("disposals/<number:disposal_id>/certificate/", records.certificate, name="certificate"),
]
