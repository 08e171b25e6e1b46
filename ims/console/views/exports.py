"""Journals for the general ledger: what waits, building one, and what was sent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ims.common import clock
from ims.common.identifiers import record_number
from ims.console.fields import DateField
from ims.console.views.base import refusals, screen
from ims.exports import selectors, services
from ims.exports.models import ExportBatch, ExportProfile

VIEW = "exports.view_exportbatch"
BUILD = "exports.build_export"
DAYS_BACK = 45
"""How far back the page looks for days with entries that have not gone out."""
PAGE_SIZE = 50
LINES_SHOWN = 200


class BuildForm(forms.Form):
    """Which journal, of which days."""

    profile = forms.ChoiceField(error_messages={"required": "Choose which journal to build."})
    first = DateField(label="First day", error_messages={"required": "Say which day, or the first of several."})
    last = DateField(label="Last day", required=False, help_text="Empty: the first day alone.")
    reason = forms.CharField(max_length=300, required=False, help_text="Kept with the journal.")
    key = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=lambda: uuid.uuid4().hex)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["profile"].choices = [(str(profile.pk), profile.name) for profile in selectors.profiles()]

    def asked(self) -> dict[str, Any]:
        """What was typed, as the services take it."""
        typed = self.cleaned_data
        return {
            "profile": selectors.get_profile(typed["profile"]),
            "first": typed["first"],
            "last": typed["last"] or typed["first"],
        }


@screen(permission=VIEW, what="see exports")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Days that wait for their journal, and the journals built, newest first."""
    today = clock.today()
    found = selectors.batches(request.actor)
    before = request.GET.get("before", "")
    page, older = _page(found, before)
    whole = not request.actor.is_limited
    waiting = [
        (profile, selectors.waiting(profile, today - timedelta(days=DAYS_BACK), today))
        for profile in (selectors.profiles() if whole and not before else [])
    ]
    context = {
        "title": "Exports",
        "batches": page,
        "page": {"older": older, "newer": ""},
        "waiting": waiting,
        "today": today,
        "days_back": DAYS_BACK,
        "may_build": request.actor.may(BUILD) and whole,
        "may_set_up": request.actor.may("exports.view_exportprofile"),
        "is_first": not before,
    }
    return render(request, "console/exports/index.html", context)


@screen(permission=BUILD, what="build exports")
@require_http_methods(["GET", "POST"])
def build(request: HttpRequest) -> HttpResponse:
    """Form, plan, one service call."""
    step = request.POST.get("step", "")
    form = BuildForm(request.POST) if request.method == "POST" else BuildForm(initial=_initial(request))
    context = {"title": "Build a journal", "form": form}
    if request.method == "GET" or step == "change" or not form.is_valid():
        return render(request, "console/exports/build.html", context)
    asked = form.asked()
    with refusals(form) as attempt:
        if step == "confirm":
            batch = services.build(
                actor=request.actor, key=form.cleaned_data["key"], reason=form.cleaned_data["reason"], **asked
            )
            messages.success(request, f"{batch} was built: {batch.line_count:,} lines.")
            return redirect("exports:batch", batch.pk)
        services.check_request(actor=request.actor, **asked)
        plan = selectors.plan(request.actor, asked["profile"], asked["first"], asked["last"])
    if not attempt.succeeded:
        return render(request, "console/exports/build.html", context)
    shown = {"plan": plan, "lines": plan.lines[:LINES_SHOWN], "more": max(len(plan.lines) - LINES_SHOWN, 0)}
    return render(request, "console/exports/plan.html", {**context, **shown})


@screen(permission=VIEW, what="see exports")
@require_safe
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """One journal: its totals, its lines and the file."""
    found = selectors.get_batch(request.actor, batch_id)
    after = record_number(request.GET.get("after", "")) or 0
    page = selectors.lines_of(found, after=after, size=LINES_SHOWN)
    context = {
        "title": str(found),
        "batch": found,
        "lines": page.lines,
        "page": {"older": f"after={page.after}" if page.after else "", "newer": ""},
        "may_download": request.actor.may("exports.download_export"),
    }
    return render(request, "console/exports/batch.html", context)


@screen(permission="exports.download_export", what="download exports")
@require_POST
def download(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The very bytes that were built; fetching them stays on record."""
    found, content = services.download(actor=request.actor, batch_id=batch_id)
    is_csv = found.profile.file_format == ExportProfile.FileFormat.CSV
    response = HttpResponse(content, content_type="text/csv" if is_csv else "application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What the link that led here asked for; else yesterday."""
    day = request.GET.get("day", "")
    profile = request.GET.get("profile", "")
    return {"profile": profile, "first": _day(day) or clock.today() - timedelta(days=1)}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _page(found: QuerySet[ExportBatch], before: str) -> tuple[Sequence[ExportBatch], str]:
    if number := record_number(before):
        found = found.filter(pk__lt=number)
    rows = list(found[: PAGE_SIZE + 1])
    return rows[:PAGE_SIZE], f"before={rows[PAGE_SIZE - 1].pk}" if len(rows) > PAGE_SIZE else ""
