"""The auditor's screens: searching all the past, timelines, the walk to the source, samples, unusual things."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ims.assurance import papers, sampling, selectors, services
from ims.assurance import unusual as unusual_things
from ims.assurance import walk as walking
from ims.assurance.selectors import PERMISSION
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.common.identifiers import record_number
from ims.console.audit_forms import DaysForm, SampleForm, SearchForm, WalkForm, last_days
from ims.console.paging import neighbours, query_without
from ims.console.patience import no_longer_than
from ims.console.views.base import refusals, screen
from ims.console.views.tabs import audit_tabs

SECONDS = 8
DAYS_SHOWN = 30


@screen(permission=PERMISSION, what="search the audit trail")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Everything anybody did, latest first; narrowed by whatever the form says."""
    form = SearchForm(request.GET, actor=request.actor)
    context: dict[str, Any] = {"title": "Audit trail", "form": form, "tabs": audit_tabs("search")}
    if form.is_valid():
        with refusals(form) as attempt, no_longer_than(SECONDS):
            page = services.search(
                actor=request.actor,
                criteria=form.criteria(),
                asked=form.asked(),
                cursor=request.GET.get("cursor", ""),
            )
        if attempt.succeeded:
            context |= {
                "acts": page.acts,
                "page": neighbours(request.GET, older=page.older),
                "asked": form.asked(),
                "is_narrowed": bool(query_without(request.GET)),
            }
    return render(request, "console/assurance/search.html", context)


@screen(permission=PERMISSION, what="export the audit trail")
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """What the search found, as CSV. Who took it away stays on record."""
    form = SearchForm(request.POST, actor=request.actor)
    if not form.is_valid():
        raise InvalidInput("The search cannot be read. Correct it on the search page, then export again.")
    acts = services.export_search(actor=request.actor, criteria=form.criteria(), asked=form.asked())
    return _csv(papers.trail_lines(acts), f"audit-trail-{clock.now():%Y-%m-%d-%H%M}.csv")


@screen(permission=PERMISSION, what="see the history of records")
@require_safe
def record(request: HttpRequest, label: str, key: str) -> HttpResponse:
    """What became of one record, from the latest change to the first."""
    page = selectors.of_record(request.actor, label, key, cursor=request.GET.get("cursor", ""))
    context = {
        "title": selectors.record_name(label, key),
        "caption": selectors.name_of(label),
        "acts": page.acts,
        "page": neighbours(request.GET, older=page.older),
        "now": _address_of(request, label, key),
    }
    return render(request, "console/assurance/timeline.html", context)


@screen(permission=PERMISSION, what="see what people did")
@require_safe
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """What one person did."""
    found = selectors.person(request.actor, person_id)
    page = selectors.of_person(request.actor, person_id, cursor=request.GET.get("cursor", ""))
    context = {
        "title": str(found),
        "caption": "What this person did",
        "person": found,
        "acts": page.acts,
        "page": neighbours(request.GET, older=page.older),
    }
    return render(request, "console/assurance/timeline.html", context)


@screen(permission=PERMISSION, what="walk through the ledger")
@require_safe
def walk(request: HttpRequest) -> HttpResponse:
    """A fund's total of a day and the entries that make it; without a fund, the totals of the day."""
    asked = request.GET if "day" in request.GET else {"day": f"{clock.today():%-d %b %Y}"}
    form = WalkForm(asked)
    context: dict[str, Any] = {"title": "From a total to its source", "form": form, "tabs": audit_tabs("walk")}
    if form.is_valid():
        fund, day = form.cleaned_data["fund"], form.cleaned_data["day"]
        context |= {"day": day, "fund": fund}
        with no_longer_than(SECONDS):
            if fund:
                total = walking.day_total(
                    request.actor, fund, day, after=record_number(request.GET.get("after", "")) or 0
                )
                older = f"{query_without(request.GET, 'after')}&after={total.after}" if total.after else ""
                context |= {"total": total, "page": {"older": older, "newer": ""}}
            else:
                names = dict(form.fields["fund"].choices)
                totals = walking.fund_totals(request.actor, day)
                context["totals"] = [(code, names.get(code, code), total, count) for code, total, count in totals]
    return render(request, "console/assurance/walk.html", context)


@screen(permission=PERMISSION, what="walk through the ledger")
@require_safe
def source(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Where an entry came from, each step checked now, and the totals its posting is in."""
    found = walking.source_of(request.actor, entry_id)
    context = {
        "title": f"Source of {found.entry.receipt_number}",
        "source": found,
        "totals": walking.totals_of_posting(request.actor, found.origin.posting_id),
        "may_open_receipts": request.actor.may("ledger.view_entry"),
        "may_open_imports": request.actor.may("imports.view_importbatch"),
    }
    return render(request, "console/assurance/source.html", context)


@screen(permission=PERMISSION, what="take samples")
@require_http_methods(["GET", "POST"])
def samples(request: HttpRequest) -> HttpResponse:
    """Draw a sample; with POST, take it away as a workpaper."""
    if request.method == "POST":
        return _workpaper(request)
    form = SampleForm(request.GET) if "seed" in request.GET else SampleForm(initial=last_days(DAYS_SHOWN))
    context: dict[str, Any] = {"title": "Samples", "form": form, "tabs": audit_tabs("samples")}
    if form.is_bound and form.is_valid():
        with refusals(form) as attempt, no_longer_than(SECONDS):
            sample = sampling.draw(request.actor, form.request())
        if attempt.succeeded:
            kept = {**form.cleaned_data, "last_entry": sample.request.last_entry}
            context |= {"sample": sample, "kept": [(name, _typed(value)) for name, value in kept.items()]}
    return render(request, "console/assurance/samples.html", context)


def _workpaper(request: HttpRequest) -> HttpResponse:
    form = SampleForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("The sample cannot be read. Draw it again, then take it away.")
    sample = services.take_sample(actor=request.actor, request=form.request())
    rows = papers.workpaper(sample, actor=request.actor, council=settings.COUNCIL_NAME)
    name = f"sample-{clock.now():%Y-%m-%d-%H%M}"
    if request.POST.get("format") == "xlsx":
        return FileResponse(papers.as_workbook(rows, "Sample"), as_attachment=True, filename=f"{name}.xlsx")
    return _csv(papers.as_csv(rows), f"{name}.csv")


@screen(permission=PERMISSION, what="look for unusual things")
@require_safe
def unusual(request: HttpRequest) -> HttpResponse:
    """What is worth a question among what was posted in some days."""
    form = DaysForm(request.GET if "first" in request.GET or "last" in request.GET else last_days(DAYS_SHOWN))
    context: dict[str, Any] = {"title": "Unusual things", "form": form, "tabs": audit_tabs("unusual")}
    if form.is_valid():
        with refusals(form) as attempt, no_longer_than(SECONDS):
            results = unusual_things.look(
                request.actor,
                form.cleaned_data["first"],
                form.cleaned_data["last"],
                only=request.GET.get("only", ""),
            )
        if attempt.succeeded:
            context["results"] = results
    return render(request, "console/assurance/unusual.html", context)


def _address_of(request: HttpRequest, label: str, key: str) -> str:
    """The record's own page, where it still has one this person may open."""
    model = selectors.model_of(label)
    options = model._meta
    if not request.actor.may(f"{options.app_label}.view_{options.model_name}"):
        return ""
    if not model._base_manager.filter(pk=key).exists():
        return ""
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[key])
    except NoReverseMatch:
        return ""


def _typed(value: Any) -> str:
    return f"{value:%-d %b %Y}" if isinstance(value, date) else str(value or "")


def _csv(lines: Iterable[str], name: str) -> HttpResponse:
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
