"""The API's own description, as OpenAPI 3.1. The copy in `docs/openapi.yaml` is compared with it by a test.

python -m ims.api.v1.description > docs/openapi.yaml
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer


def described() -> dict[str, Any]:
    """The whole description."""
    return SchemaGenerator(urlconf="ims.api.v1.served").get_schema(request=None, public=True)


@require_safe
def as_json(request: HttpRequest) -> HttpResponse:
    """The description as JSON. Open: it holds nothing of any council."""
    return HttpResponse(OpenApiJsonRenderer().render(described()), content_type="application/json")


@require_safe
def as_yaml(request: HttpRequest) -> HttpResponse:
    """The description as YAML."""
    return HttpResponse(yaml(), content_type="application/yaml")


def yaml() -> bytes:
    """The description as YAML, as the repository keeps it."""
    return OpenApiYamlRenderer().render(described(), renderer_context={})
