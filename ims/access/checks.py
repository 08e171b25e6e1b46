"""Findings about people's access. They report; they never put anything right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from ims.access import selectors
from ims.common import clock
from ims.common.findings import Finding
from ims.people.models import User


def verify() -> Iterator[Finding]:
    """Reviews that are due or overdue, accounts nobody uses, and access that should have been closed and was not."""
    for found in selectors.review_findings():  # red on screen, but no sign that anything was altered
        yield replace(found, severity="warning") if found.severity == "error" else found
    yield from selectors.unused_findings()
    yesterday = clock.today() - timedelta(days=1)
    for person in User.objects.filter(is_active=True, access_ends_on__lt=yesterday).order_by("username"):
        message = (
            f"{person}'s last day of access was {person.access_ends_on:%-d %b %Y}. They can do nothing since, but the "
            "account was not closed: is a worker running? The audit trail says why it was left, if it was."
        )
        yield Finding("access.not_closed", "warning", message, str(person))
