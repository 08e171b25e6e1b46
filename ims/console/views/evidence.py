"""Evidence on screen: the seals that were published, the integrity checks, and packs for a period."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from ims.assurance.selectors import PERMISSION
from ims.common.identifiers import record_number
from ims.console.audit_forms import DaysForm, last_days
from ims.console.views.base import refusals, screen
from ims.console.views.tabs import audit_tabs
from ims.evidence import publication, selectors, services
from ims.evidence.models import EvidencePack
from ims.jobs.models import JobRun
from ims.jobs.selectors import latest_run

DAYS_OFFERED = 31
PAGE_SIZE = 20


class PackForm(DaysForm):
    """Of which days, what, and why."""

    kind = forms.ChoiceField(label="What", choices=EvidencePack.Kind.choices)
    reason = forms.CharField(max_length=300, required=False, help_text="Kept with the pack.")


@screen(permission=PERMISSION, what="see evidence")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """How the evidence stands, and the packs, newest first."""
    return _index(request, PackForm(initial=last_days(DAYS_OFFERED)))


def _index(request: HttpRequest, form: PackForm) -> HttpResponse:
    before = record_number(request.GET.get("before", ""))
    packs = selectors.packs(request.actor, before=before)[: PAGE_SIZE + 1]
    context = {
        "title": "Evidence",
        "tabs": audit_tabs("evidence"),
        "form": form,
        "packs": [(pack, latest_run(pack)) for pack in packs[:PAGE_SIZE]],
        "page": {"older": f"before={packs[PAGE_SIZE - 1].pk}" if len(packs) > PAGE_SIZE else "", "newer": ""},
        "published": selectors.publications(request.actor)[:DAYS_OFFERED],
        "late": publication.late(),
        "unpublished": publication.unpublished(),
        "directory": publication.directory(),
        "checked": selectors.last_check(),
        "may_publish": request.actor.may("evidence.publish_seals"),
        "days_kept": services.DAYS_KEPT,
    }
    return render(request, "console/evidence/index.html", context)


@screen(permission=PERMISSION, what="take evidence packs")
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Have a pack made."""
    form = PackForm(request.POST)
    if form.is_valid():
        with refusals(form) as attempt:
            pack = services.ask_for_pack(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            return redirect("assurance:pack", pack.pk)
    return _index(request, form)


@screen(permission=PERMISSION, what="see evidence")
@require_safe
def pack(request: HttpRequest, pack_id: int) -> HttpResponse:
    """One pack: how far it is, then what it holds."""
    found = selectors.get_pack(request.actor, pack_id)
    run = latest_run(found)
    context = {
        "title": str(found),
        "pack": found,
        "run": run,
        "is_working": run is not None and not run.is_finished and found.state == EvidencePack.State.ASKED,
    }
    return render(request, "console/evidence/pack.html", context)


@screen(permission=PERMISSION, what="see evidence")
@require_GET
def progress(request: HttpRequest, pack_id: int) -> JsonResponse:
    """How far the making of a pack is, for the progress bar."""
    run = latest_run(selectors.get_pack(request.actor, pack_id))
    if run is None:
        return JsonResponse({"done": 0, "total": 0, "text": "", "finished": True})
    text = run.message or ("Waiting for a worker" if run.state == JobRun.State.QUEUED else run.title)
    return JsonResponse({"done": run.done, "total": run.total, "text": text, "finished": run.is_finished})


@screen(permission=PERMISSION, what="download evidence packs")
@require_POST
def download(request: HttpRequest, pack_id: int) -> HttpResponse:
    """The pack's bytes; fetching them stays on record."""
    found, content = services.download_pack(actor=request.actor, pack_id=pack_id)
    return _attachment(StreamingHttpResponse(content, content_type="application/zip"), found.file_name, found.size)


@screen(permission=PERMISSION, what="see published seals")
@require_safe
def published(request: HttpRequest, publication_id: int) -> HttpResponse:
    """The file of one day's seals, as it was published."""
    found = selectors.get_publication(request.actor, publication_id)
    content = found.content.encode()
    return _attachment(HttpResponse(content, content_type="application/json"), found.file_name, len(content))


@screen(permission="evidence.publish_seals", what="publish seals")
@require_POST
def publish(request: HttpRequest) -> HttpResponse:
    """Publish now what the worker would publish within the hour."""
    done = [publication.publish(actor=request.actor, day=day) for day in publication.unpublished()]
    count = f"{len(done)} days were" if len(done) != 1 else "1 day was"
    messages.success(request, f"{count} published in {publication.directory()}." if done else "Nothing was waiting.")
    return redirect(reverse("assurance:evidence"))


def _attachment(response: Any, name: str, length: int) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Length"] = str(length)
    response["X-Content-Type-Options"] = "nosniff"
    return response
