"""One's own account, and how other people sign in."""

from __future__ import annotations

from django.urls import path

from ims.console.views import account, interests, people, sign_in

app_name = "account"

urlpatterns = [
    path("link/<str:secret>/", sign_in.one_time_link, name="link"),
    path("confirm/directory/", sign_in.confirm_directory, name="confirm_directory"),
    path("sessions/<number:session_id>/end/", account.end_session, name="end_session"),
    path("interests/", interests.own, name="interests"),
    path("people/<number:person_id>/", people.person, name="person"),
    path("break-glass/<number:use_id>/", people.review, name="break_glass"),
]
