"""Signing in, and one's own account."""

from __future__ import annotations

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from ims.common.errors import ImsError
from ims.console.views.base import refusals, refused
from ims.people.middleware import address_of
from ims.sign_in.services import links

_NEW_PASSWORD = {"autocomplete": "new-password"}


class NewPasswordForm(forms.Form):
    """A password, twice. Whether it is good enough the service decides."""

    password = forms.CharField(
        label="Password",
        widget=forms.PasswordInput(attrs=_NEW_PASSWORD),
        strip=False,
        help_text="At least 12 characters. Three words that do not belong together are hard to guess.",
    )
    again = forms.CharField(
        label="The same password again", widget=forms.PasswordInput(attrs=_NEW_PASSWORD), strip=False
    )

    def clean(self) -> dict[str, str]:
        """Both must be the same."""
        data = super().clean() or {}
        if "password" in data and "again" in data and data["password"] != data["again"]:
            self.add_error("again", "The two passwords are not the same. Type them again.")
        return data


@never_cache
@sensitive_post_parameters("password", "again")
def one_time_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Choose a password with a link made for it. Looking at the page uses nothing up."""
    form = NewPasswordForm(request.POST or None)
    try:
        person = links.person_of(secret)
        if form.is_valid():
            with refusals(form) as attempt:
                person = links.choose_password(
                    secret=secret, password=form.cleaned_data["password"], address=address_of(request)
                )
            if attempt.succeeded:
                login(request, person)
                return redirect("today")
    except ImsError as refusal:
        return refused(request, refusal)
    context = {"title": "Choose your password", "form": form, "person": person}
    return render(request, "console/account/link.html", context)
