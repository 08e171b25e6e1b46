"""The daily proof and the totals of a period, on screen and on paper."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ims.common import clock
from ims.common.errors import InvalidInput
from ims.console.fields import DateField, read_date
from ims.console.views.base import refusals, screen
from ims.reporting import selectors
from ims.reporting.proof import add_up

VIEW = "reporting.view_proof"


class PeriodForm(forms.Form):
    """From which day to which."""

    first = DateField(label="First day", help_text="", error_messages={"required": "Say from which day."})
    last = DateField(label="Last day", help_text="", error_messages={"required": "Say to which day."})


@screen(permission=VIEW, what="read the proof")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The proof of one day, yesterday's unless `?date=` names another; `?format=json` for machines."""
    today = clock.today()
    day = _day(request.GET.get("date", ""), today - timedelta(days=1))
    proof = selectors.proof(request.actor, day)
    if request.GET.get("format") == "json":
        return JsonResponse(proof.as_json())
    context = {
        "title": f"Proof of {day:%A %-d %b %Y}",
        "proof": proof,
        "tables": [
            ("By fund", "Fund", proof.funds, proof.total),
            ("By method of payment", "Method", proof.methods, add_up(proof.methods, "Total")),
        ],
        "received": proof.total.received,
        "day_before": day - timedelta(days=1),
        "day_after": day + timedelta(days=1) if day < today else None,
        "may_open_exports": request.actor.may("exports.view_exportbatch"),
        "may_open_imports": request.actor.may("imports.view_importbatch"),
    }
    return render(request, "console/proof/day.html", context)


@screen(permission=VIEW, what="read totals")
@require_safe
def period(request: HttpRequest) -> HttpResponse:
    """Opening, what happened and closing over any days; this month unless the form says otherwise."""
    today = clock.today()
    chosen = "first" in request.GET or "last" in request.GET
    form = PeriodForm(request.GET if chosen else {"first": f"{today:1 %b %Y}", "last": f"{today:%-d %b %Y}"})
    context: dict[str, Any] = {"title": "Totals of a period", "form": form}
    if form.is_valid():
        with refusals(form) as attempt:
            totals = selectors.period_totals(request.actor, form.cleaned_data["first"], form.cleaned_data["last"])
        if attempt.succeeded:
            context["totals"] = totals
            context["tables"] = [
                ("By fund", "Fund", totals.funds, add_up(totals.funds, "Total")),
                ("By method of payment", "Method", totals.methods, add_up(totals.methods, "Total")),
            ]
    return render(request, "console/proof/period.html", context)


def _day(text: str, otherwise: date) -> date:
    if not text:
        return otherwise
    try:
        day = read_date(text)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    if day > clock.today():
        raise InvalidInput(f"{day:%-d %b %Y} is still to come. Choose today or an earlier day.")
    return day
