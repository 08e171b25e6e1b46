"""“Today”: how the day stands."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ims.console.views.base import screen


@screen()
def today(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    return render(request, "console/today.html", {"title": "Today"})
