"""What every page shares: the payer's language, the council's face, and refusals as pages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from ims.common.errors import ImsError, NotFound
from ims.council.models import CouncilDetails
from ims.council.selectors import details
from ims.portal.words import sentence
from ims.throttling.limits import TooOften

View = Callable[..., HttpResponse]
LANGUAGE_COOKIE = "ims-pay-language"
LANGUAGES = {"en": "en-gb", "cy": "cy"}
_YEAR = 365 * 24 * 60 * 60


def public(view: View) -> View:
    """A page for everybody, in the language they chose. Refusals become pages; nothing here asks for a sign-in."""

    @never_cache
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **arguments: Any) -> HttpResponse:
        request.council = details()
        request.pay_language = _language(request, request.council)
        with translation.override(LANGUAGES[request.pay_language]):
            try:
                answer = view(request, *args, **arguments)
            except TooOften as refusal:
                answer = too_often(request, refusal)
            except NotFound:
                answer = not_found(request)
            except ImsError as refusal:
                answer = problem(request, sentence(refusal))
        _remember(request, answer)
        return answer

    shown.is_public = True  # type: ignore[attr-defined] - read by the walk through every address
    return shown


def page(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Fill the template `portal/<name>.html`."""
    council: CouncilDetails = request.council
    language: str = request.pay_language
    shown = {
        "council": council,
        "council_shown": council.name_in(language),
        "logo_text": council.logo_text or council.name_in(language),
        "hours": (council.telephone_hours_welsh if language == "cy" else "") or council.telephone_hours,
        "language": language,
        "other_language": {"en": ("cy", "Cymraeg"), "cy": ("en", "English")}[language]
        if council.offers_welsh
        else None,
        "brand_version": hashlib.sha256(brand_css(council).encode()).hexdigest()[:10],
        "is_practice": settings.PRACTICE_PROVIDER_BOOKS is not None,
        **context,
    }
    return render(request, f"portal/{name}.html", shown, status=status)


def brand_css(council: CouncilDetails) -> str:
    """The council's colours, which were checked when they were saved."""
    return f":root{{--pay-brand:{council.brand_colour};--pay-accent:{council.accent_colour}}}\n"


def problem(request: HttpRequest, said: str, *, status: int = 400) -> HttpResponse:
    """A page that says what is wrong."""
    return page(request, "problem", {"title": _("There is a problem"), "said": said}, status=status)


def not_found(request: HttpRequest) -> HttpResponse:
    """A page for an address that is none, or a payment nobody knows."""
    said = _("If you typed the address, check it. If you followed a link, it may have expired.")
    return page(request, "problem", {"title": _("Page not found"), "said": said}, status=404)


def too_often(request: HttpRequest, refusal: TooOften) -> HttpResponse:
    """A page for whoever must wait."""
    minutes = max(1, -(-refusal.seconds // 60))
    said = _("There were too many tries in a short time. Wait %(minutes)s minutes, then try again.") % {
        "minutes": minutes
    }
    answer = page(request, "problem", {"title": _("Wait a little"), "said": said}, status=429)
    answer["Retry-After"] = str(refusal.seconds)
    return answer


def error(status: int) -> View:
    """Django's handler for `status`, in the payment pages' dress."""

    @public
    def handler(request: HttpRequest, *_args: Any) -> HttpResponse:
        if status == 404:
            return not_found(request)
        said = _("The page could not be read, or it was open too long. Go back, load it anew and try again.")
        return problem(request, said, status=status)

    return handler


def _language(request: HttpRequest, council: CouncilDetails) -> str:
    if not council.offers_welsh:
        return "en"
    for wanted in (request.GET.get("lang", ""), request.COOKIES.get(LANGUAGE_COOKIE, "")):
        if wanted in LANGUAGES:
            return wanted
    return "en"


def _remember(request: HttpRequest, answer: HttpResponse) -> None:
    if request.GET.get("lang") in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE,
            request.pay_language,
            max_age=_YEAR,
            path="/pay/",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
