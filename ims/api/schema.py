"""How the API describes itself: OpenAPI 3.1, written from the views."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from ims.api.problems import CONTENT_TYPE
from ims.api.scopes import SCOPES


class FaultSerializer(serializers.Serializer):
    field = serializers.CharField(help_text="Where in the request, like `lines[0].amount`; empty: the whole of it.")
    detail = serializers.CharField(help_text="What is wrong, in a sentence.")


class ProblemSerializer(serializers.Serializer):
    """A refusal (RFC 9457)."""

    type = serializers.CharField(help_text="`urn:ims:problem:` and the code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="A stable word to branch on.")
    detail = serializers.CharField(help_text="What is wrong and what to do, in a sentence for people.")
    errors = FaultSerializer(many=True, required=False)


REFUSALS = {
    400: "The request cannot be accepted.",
    401: "The key is missing or wrong.",
    403: "The client may not do this.",
    404: "There is no such thing, or it is outside the client's funds.",
    409: "The same request is being worked on just now, or something changed.",
    422: "The idempotency key was spent on another request.",
    429: "Too many calls; the header Retry-After says when to call again.",
}
ALWAYS = (400, 401, 403, 404, 429)
ONCE = (409, 422)

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="A name of your own for this request; the same name if it is sent again. Up to 255 plain characters.",
)


class Schema(AutoSchema):
    """Adds what every operation has: its refusals, its scopes, and the idempotency key of writes."""

    def get_override_parameters(self) -> list[Any]:
        """The header that names a write."""
        return [KEY] if self._is_done_once() else []

    def get_description(self) -> str:
        """What the operation does, and the scope it needs."""
        scopes = getattr(self.view, "scopes", ())
        needs = " or ".join(f"`{name}`" for name in scopes)
        text = super().get_description() or ""
        return f"{text}\n\nScope: {needs}." if needs else text

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        """The answers a view declares, and every refusal it may give."""
        found = super()._get_response_bodies(direction)
        if not getattr(self.view, "scopes", ()):
            return found
        for status in sorted({*ALWAYS, *(ONCE if self._is_done_once() else ())}):
            body = OpenApiResponse(ProblemSerializer, REFUSALS[status])
            found[str(status)] = self._get_response_for_code(body, str(status), [CONTENT_TYPE], direction)
        return found

    def _is_done_once(self) -> bool:
        handler = getattr(self.view, self.method.lower(), None)
        return bool(getattr(handler, "is_done_once", False))


def described_scopes() -> str:
    """The scopes as a list in Markdown."""
    return "\n".join(f"* `{scope.name}`: {scope.meaning}" for scope in SCOPES.values())
