"""Which face answers which address: payers under /pay/, other systems under /api/, staff everywhere else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.csrf import csrf_failure as staff_csrf_failure

from ims.api import problems
from ims.console.views import base
from ims.portal import pages

urlpatterns = [
    path("pay/", include("ims.portal.urls")),
    path("api/", include("ims.api.urls")),
    path("", include("ims.console.urls")),
]


def _answer(status: int, code: str, detail: str):
    staff, payer = base.error_page(status), pages.error(status)

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if request.path.startswith("/api/"):
            return problems.page(request, status, code, detail)
        return payer(request) if request.path.startswith("/pay/") else staff(request, exception)

    return handler


handler400 = _answer(400, "invalid", "The request could not be read.")
handler403 = _answer(403, "not_allowed", "You may not do this.")
handler404 = _answer(404, "not_found", "There is nothing at this address.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What a form without a valid token is answered: each face in its own dress."""
    if request.path.startswith("/pay/"):
        return pages.error(403)(request)
    return staff_csrf_failure(request, reason)
