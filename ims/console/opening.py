"""Whether a page opens to somebody, so that only who may follow a link is shown one. The page itself says who may."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse


def open_page(request: HttpRequest, url_name: str, *args: Any) -> str:
    """The address called `url_name`, where this request's person may open it; empty where not, or where there is none.

    It asks what the page asks before it knows a record: a permission of its `screen`, or its admin's right to look.
    """
    try:
        url = reverse(url_name, args=args)
    except NoReverseMatch:
        return ""
    view = resolve(url).func
    if hasattr(view, "opens_to"):
        return url if view.opens_to(request.actor) else ""
    owner = getattr(view, "model_admin", None)
    return url if owner is not None and owner.has_view_or_change_permission(request) else ""
