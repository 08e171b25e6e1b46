"""Addresses of the neighbouring pages of a list that is found by position, never by counting."""

from __future__ import annotations

from django.http import QueryDict


def query_without(query: QueryDict, *names: str) -> str:
    """The query string without `names`, without empty parameters, and without the cursor and the file format."""
    kept = query.copy()
    for name in (*names, "cursor", "format"):
        kept.pop(name, None)
    for name in [name for name, value in kept.items() if not value]:
        kept.pop(name)
    return kept.urlencode()


def neighbours(query: QueryDict, *, newer: str = "", older: str = "") -> dict[str, str]:
    """What `{% pagination %}` shows: the query strings of the newer and the older page; empty cursors have none."""
    base = query_without(query)
    cursors = {"newer": newer, "older": older}
    return {name: f"{base}&cursor={cursor}".lstrip("&") for name, cursor in cursors.items() if cursor}
