"""The tabs of the auditor's screens, which several modules share."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

_AUDIT = (
    ("search", "Search"),
    ("walk", "From total to source"),
    ("samples", "Samples"),
    ("unusual", "Unusual things"),
    ("evidence", "Evidence"),
)


def audit_tabs(current: str) -> list[dict[str, Any]]:
    """The parts of the audit, with the one called `current` marked."""
    return [
        {"label": label, "url": reverse(f"assurance:{name}"), "is_current": name == current} for name, label in _AUDIT
    ]
