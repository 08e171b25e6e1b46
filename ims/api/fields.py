"""How the API writes money, and what its serializers share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.request import Request

from ims.common.money import LARGEST


class NoNull(serializers.CharField):
    """A text that the database can hold."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and "\0" in data:
            raise serializers.ValidationError("The text holds a character that no text can hold.")
        return super().run_validation(data)


class Pounds(serializers.DecimalField):
    """Pounds and pence as text with two decimals, like ``"120.50"``: no program can round what is text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 12, "decimal_places": 2, "coerce_to_string": True, **options})

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool | float):
            raise serializers.ValidationError('Write the amount as text, like "120.50".')
        return super().to_internal_value(data)


class AmountToPay(Pounds):
    """An amount somebody wants to pay: more than nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": Decimal("0.01"), "max_value": LARGEST, **options})


def page_of(request: Request | HttpRequest, results: list[Any], *, newer: str = "", older: str = "") -> dict[str, Any]:
    """The body of one page: `results`, and the addresses of the pages beside it (null where there is none)."""
    return {"results": results, "next": _beside(request, older), "previous": _beside(request, newer)}


def _beside(request: Request | HttpRequest, cursor: str) -> str | None:
    if not cursor:
        return None
    asked = request.GET.copy()
    asked["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{asked.urlencode()}")
