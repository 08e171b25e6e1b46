"""Colours people can read, and VAT numbers that can be right. Pure."""

from __future__ import annotations

import re

from stdnum.gb import vat

LEAST_CONTRAST = 4.5
"""For text, WCAG 2.2 success criterion 1.4.3, level AA."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def luminance(colour: str) -> float:
    """The relative luminance of ``#rrggbb``, from 0 (black) to 1 (white), as WCAG 2.2 defines it."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 (the same) to 21 (black and white)."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def colour_fault(colour: str) -> str:
    """Why white text cannot stand on `colour`, as a sentence; empty when it can."""
    if not _COLOUR.fullmatch(colour):
        return f"“{colour}” is not a colour. Write it as # and six digits or letters a to f, like #0c2a38."
    found = contrast(colour, "#ffffff")
    if found < LEAST_CONTRAST:
        return (
            f"White text on {colour} has a contrast of {found:.1f} to 1, and {LEAST_CONTRAST} is the least that "
            "everybody can read (WCAG 2.2). Choose a darker colour."
        )
    return ""


def vat_number_fault(number: str) -> str:
    """Why `number` is no United Kingdom VAT number, as a sentence; empty when it can be one."""
    if vat.is_valid(number):
        return ""
    return f"“{number}” is not a VAT number: its check digits do not fit. Compare it with the certificate."
