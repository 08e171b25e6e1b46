"""Refusals as problem+json (RFC 9457): a word for machines, a sentence for people, the fields at fault."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ims.api.errors import KeySpent
from ims.common.errors import Conflict, ImsError, NotAllowed, NotFound
from ims.throttling.limits import TooOften

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be accepted",
    401: "The key is missing or wrong",
    403: "Not allowed",
    404: "Not found",
    405: "Not this way",
    406: "No such format",
    409: "Something else was quicker",
    413: "Too much was sent",
    415: "Only JSON is read",
    422: "The idempotency key was spent on another request",
    429: "Too many calls",
    500: "A fault of ours",
    503: "Not available just now",
}


def problem(
    status: int, code: str, detail: str, *, errors: list[dict[str, str]] | None = None, details: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The body of a refusal."""
    found: dict[str, Any] = {
        "type": f"urn:ims:problem:{code}",
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        found["errors"] = errors
    elif details:
        found["errors"] = [{"field": "", "detail": sentence} for sentence in details]
    return found


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever left a view into a problem. Faults of ours are logged and answered without detail."""
    set_rollback()
    status, body, headers = _described(error)
    if status >= 500:
        logger.exception("The API failed at %s.", context["request"].path, exc_info=error)
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def _described(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    if isinstance(error, ImsError):
        status = _status_of(error)
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, TooOften) else {}
        return status, problem(status, error.code, error.message, details=error.details), headers
    if isinstance(error, exceptions.ValidationError):
        found = list(_faults(error.detail))
        return 400, problem(400, "invalid", _summary(found), errors=found), {}
    if isinstance(error, exceptions.APIException):
        status = error.status_code
        headers = {"WWW-Authenticate": error.auth_header} if getattr(error, "auth_header", None) else {}
        return status, problem(status, str(error.default_code), str(error.detail)), headers
    if isinstance(error, Http404):
        return 404, problem(404, "not_found", "There is nothing at this address."), {}
    if isinstance(error, PermissionDenied):
        return 403, problem(403, "not_allowed", "You may not do this."), {}
    if isinstance(error, BadRequest):
        return 400, problem(400, "invalid", "The request could not be read."), {}
    return 500, problem(500, "fault", "Something unexpected went wrong. Nothing was half done. Try again later."), {}


def _status_of(error: ImsError) -> int:
    for kind, status in ((NotAllowed, 403), (NotFound, 404), (KeySpent, 422), (TooOften, 429), (Conflict, 409)):
        if isinstance(error, kind):
            return status
    return 400


def _faults(detail: Any, field: str = "") -> Any:
    """Every fault of a form, as field and sentence; fields of lists read ``lines[0].amount``."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = "" if name == "non_field_errors" else str(name)
            yield from _faults(inner, f"{field}.{here}".strip(".") if here else field)
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _faults(inner, f"{field}[{place}]" if nested else field)
    else:
        yield {"field": field, "detail": str(detail)}


def _summary(found: list[dict[str, str]]) -> str:
    first = found[0] if found else {"field": "", "detail": "The request is not complete."}
    return f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]


def page(request: HttpRequest, status: int, code: str, detail: str) -> JsonResponse:
    """A refusal from outside the API's views: an address that is none, a request Django itself refused."""
    return JsonResponse(problem(status, code, detail), status=status, content_type=CONTENT_TYPE)
