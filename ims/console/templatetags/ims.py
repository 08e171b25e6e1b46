"""Money and dates in every template, without loading a library."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ims.common.money import format_pounds

register = template.Library()


@register.filter
def pounds(amount: Decimal | None) -> str:
    """``£1,234.56``; nothing for None."""
    return format_pounds(amount)


@register.simple_tag
def money(amount: Decimal | None, currency: str = "GBP") -> SafeString:
    """``£1,234.56`` in figures of equal width, negative amounts in red with a true minus sign; nothing for None.

    Money that is not in pounds is shown as ``1,234.56 EUR``.
    """
    if amount is None:
        return SafeString("")
    extra = " ims-money--negative" if amount < 0 else ""
    text = format_pounds(amount) if currency == "GBP" else f"{amount:,.2f} {currency}".strip()
    return format_html('<span class="ims-money{}">{}</span>', extra, text.replace("-", "−"))


@register.simple_tag
def dates(first: object, last: object) -> str:
    """``1 Nov 2026 to 20 Nov 2026``, or the one day when both are the same."""
    if first == last:
        return f"{first:%-d %b %Y}"
    return f"{first:%-d %b %Y} to {last:%-d %b %Y}"
