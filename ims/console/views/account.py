"""One's own account: how one signs in, and where one is signed in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from ims.console.views.base import screen
from ims.sign_in.directories import directory_called
from ims.sign_in.selectors import SECOND_FACTORS, directory_of_session, sessions_of
from ims.sign_in.services import accounts


@screen()
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Password, second factors, recovery codes and sessions; the only page for who must add a second factor."""
    found = list(Authenticator.objects.filter(user_id=request.user.pk).order_by("pk"))
    directory = directory_of_session(request)
    has_factor = any(each.type in SECOND_FACTORS for each in found)
    context = {
        "title": "Your account",
        "directory": directory_called(directory) if directory else None,
        "apps": [each for each in found if each.type == Authenticator.Type.TOTP],
        "passkeys": [each for each in found if each.type == Authenticator.Type.WEBAUTHN],
        "codes": next((each.wrap() for each in found if each.type == Authenticator.Type.RECOVERY_CODES), None),
        "has_factor": has_factor,
        "must_add": settings.SECOND_FACTOR_REQUIRED and not has_factor and not directory,
        "sessions": sessions_of(request.user),
        "current": request.session.session_key,
        "idle_minutes": settings.SESSION_IDLE_MINUTES,
    }
    return render(request, "console/account/home.html", context)


@screen()
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign oneself out in another browser."""
    accounts.end_own_session(actor=request.actor, number=session_id)
    messages.success(request, "You are signed out there.")
    return redirect("mfa_index")
