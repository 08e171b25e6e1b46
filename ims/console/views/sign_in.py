"""The way in: password, passkey, a directory, a one-time link."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.utils import get_next_redirect_url, perform_login
from allauth.account.views import LoginView
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from ims.common.errors import ImsError, NotFound
from ims.console.views.base import refusals, refused
from ims.payment_types import selectors as payment_types
from ims.people.middleware import address_of
from ims.sign_in.adapters import DirectoryAdapter
from ims.sign_in.adapters import refused as not_let_in
from ims.sign_in.directories import Directory, directories, directory_called
from ims.sign_in.middleware import ENDED
from ims.sign_in.openid import DirectoryOAuth2Adapter
from ims.sign_in.selectors import directory_of_session
from ims.sign_in.services import links

_NEW_PASSWORD = {"autocomplete": "new-password"}
_WHY_ENDED = {
    "idle": "You were signed out because this browser was not used for {minutes} minutes.",
    "age": "You were signed out because the day's session was over. Sign in again to go on.",
}


class SignInView(LoginView):
    """Username and password, a passkey, or one of the council's directories."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The page; with `?start-again`, forgetting the password that was right and waits for a second factor."""
        if "start-again" in request.GET:
            clear_login(request)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        ended = self.request.session.get(ENDED, "")
        return {
            **super().get_context_data(**kwargs),
            "directories": directories(),
            "ended": _WHY_ENDED.get(ended, "").format(minutes=settings.SESSION_IDLE_MINUTES),
            "second_factor_required": settings.SECOND_FACTOR_REQUIRED,
            "residents_can_pay": payment_types.offered().exists(),
        }


sign_in = SignInView.as_view()


@never_cache
@require_POST
def directory_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to a directory."""
    return _at_directory(request, provider_id, _start)


@never_cache
@require_safe
def directory_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the browser back from a directory."""
    return _at_directory(request, provider_id, _finish)


@never_cache
@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    """They went back from the directory without signing in there."""
    return not_let_in(request, "Signing in with the directory was cancelled. Nothing was changed.")


@never_cache
@login_required
def confirm_directory(request: HttpRequest) -> HttpResponse:
    """Confirm with the directory one came in with who one is."""
    identifier = directory_of_session(request)
    if not identifier:
        raise Http404
    if request.method == "POST":
        request.confirm_with_directory = True
        return _at_directory(request, identifier, _start)
    context = {
        "title": "Confirm it is you",
        "directory": directory_called(identifier),
        "next": get_next_redirect_url(request) or "/",
    }
    return render(request, "console/account/confirm_directory.html", context)


def _start(request: HttpRequest, directory: Directory) -> HttpResponse:
    return _provider(request, directory).redirect_from_request(request)


def _finish(request: HttpRequest, directory: Directory) -> HttpResponse:
    return OAuth2CallbackView.adapter_view(DirectoryOAuth2Adapter(request, directory.id))(request)


def _at_directory(request: HttpRequest, identifier: str, step: Any) -> HttpResponse:
    """Take one step with a directory; whatever it answers, the person gets a page with a sentence."""
    try:
        directory = directory_called(identifier)
    except NotFound as error:
        raise Http404 from error
    try:
        return step(request, directory)
    except OAuth2Error as error:
        return render_authentication_error(request, _provider(request, directory), exception=error)
    except ImmediateHttpResponse as answer:
        return answer.response


def _provider(request: HttpRequest, directory: Directory) -> Any:
    return DirectoryAdapter(request).get_provider(request, directory.id)


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
                record_authentication(request, person, "one_time_link")
                return perform_login(request, person, redirect_url=reverse("mfa_index"))
    except ImsError as refusal:
        return refused(request, refusal)
    context = {"title": "Choose your password", "form": form, "person": person}
    return render(request, "console/account/link.html", context)
