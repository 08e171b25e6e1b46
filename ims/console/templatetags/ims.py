"""Filters for money."""

from __future__ import annotations

from decimal import Decimal

from django import template

from ims.common.money import format_pounds

register = template.Library()


@register.filter
def pounds(amount: Decimal | None) -> str:
    """``£1,234.56``; nothing for None."""
    return format_pounds(amount)
