"""Addresses of the screens of people's access."""

from __future__ import annotations

from django.urls import path

from ims.console.views import access, interests

app_name = "access"
urlpatterns = [
    path("", access.index, name="index"),
    path("people/<number:person_id>/", access.person, name="person"),
    path("people/<number:person_id>/move/", access.move, name="move"),
    path("roles/<str:name>/", access.role, name="role"),
    path("council-roles/new/", access.compose, name="new_role"),
    path("council-roles/<number:role_id>/", access.council_role, name="council_role"),
    path("council-roles/<number:role_id>/change/", access.compose, name="change_role"),
    path("reviews/", access.reviews, name="reviews"),
    path("reviews/new/", access.new_review, name="new_review"),
    path("reviews/<number:review_id>/", access.review, name="review"),
    path("reviews/<number:review_id>/export/", access.export_review, name="export_review"),
    path("reviews/<number:review_id>/sign-off/", access.sign_off, name="sign_off"),
    path("reviews/<number:review_id>/people/<number:line_id>/", access.decide, name="decide"),
    path("staff-file/", access.staff, name="staff"),
    path("interests/", interests.everybodys, name="interests"),
    path("interests/new/", interests.declare, name="declare_interest"),
    path("interests/<number:interest_id>/end/", interests.end, name="end_interest"),
    path("who-can/", access.who_can, name="who_can"),
]
