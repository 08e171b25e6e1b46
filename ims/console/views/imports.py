"""Files on their way into the ledger: the list, bringing one in, what it would do, posting, reversing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from ims.audit import personal
from ims.audit.actors import authorise
from ims.audit.scope import require_whole
from ims.audit.services import record
from ims.common.errors import ImsError
from ims.common.identifiers import record_number
from ims.common.money import format_pounds
from ims.console.import_forms import BatchFilters, ProfileForm, ReasonForm, UploadForm
from ims.console.views.base import refusals, screen
from ims.funds.models import Fund, MethodOfPayment
from ims.imports import content, selectors, services
from ims.imports.errors import AlreadyReceived
from ims.imports.models import ImportBatch, ImportRow
from ims.imports.states import NEEDS_A_PERSON, POSTS_WITH_THE_FILE, BatchState, Outcome
from ims.jobs.models import JobRun
from ims.jobs.selectors import latest_run

VIEW = "imports.view_importbatch"
PAGE_SIZE = 50
AT_ONCE_BYTES = 1_000_000
"""Files up to this size are checked and posted while the person waits: a second or two. Larger ones go to a worker."""
OUTCOME_COLOURS = {
    Outcome.TO_POST: "green",
    Outcome.TO_SUSPENSE: "yellow",
    Outcome.IGNORED: "grey",
    Outcome.INVALID: "red",
    Outcome.SUSPECTED_DUPLICATE: "orange",
    Outcome.CORRECTED: "purple",
    Outcome.POSTED_SEPARATELY: "green",
    Outcome.DISCARDED: "grey",
}


@screen(permission=VIEW, what="see imports")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Imports, newest first, with the files that are late above them."""
    filters = BatchFilters(request.GET)
    asked = filters.cleaned_data if filters.is_valid() else {}
    wants_attention = request.GET.get("show") == "attention"
    found = selectors.batches(request.actor, **asked)
    if wants_attention:
        found = found.filter(pk__in=selectors.needing_attention(request.actor).values("pk"))
    if before := record_number(request.GET.get("before", "")):
        found = found.filter(pk__lt=before)
    batches = list(found[: PAGE_SIZE + 1])
    older = _query(request.GET, before=batches[PAGE_SIZE - 1].pk) if len(batches) > PAGE_SIZE else ""
    context = {
        "title": "Imports",
        "filters": filters,
        "batches": _with_figures(request, batches[:PAGE_SIZE]),
        "late": selectors.late_files(),
        "tabs": [
            {"label": "All imports", "url": reverse("imports:index"), "is_current": not wants_attention},
            {
                "label": "Waiting for somebody",
                "url": reverse("imports:index") + "?show=attention",
                "is_current": wants_attention,
                "count": selectors.needing_attention(request.actor).count(),
            },
        ],
        "page": {"newer": _query(request.GET, before="") if before else "", "older": older},
        "may_receive": request.actor.may("imports.receive_file"),
    }
    return render(request, "console/imports/index.html", context)


def _with_figures(request: HttpRequest, batches: list[ImportBatch]) -> list[tuple[ImportBatch, dict[str, Any]]]:
    """Each batch with how many of its rows, of those this person may see, are ready, unidentified and held."""
    counts = selectors.outcome_counts(request.actor, batches)

    def tally(found: ImportBatch, *outcomes: str) -> selectors.Tally:
        mine = counts.get(found.pk, {})
        return sum((mine.get(outcome, selectors.Tally()) for outcome in outcomes), selectors.Tally())

    return [
        (
            found,
            {
                "posted": tally(found, *POSTS_WITH_THE_FILE),
                "suspense": tally(found, Outcome.TO_SUSPENSE).count,
                "held": tally(found, *NEEDS_A_PERSON, Outcome.CORRECTED).count,
            },
        )
        for found in batches
    ]


@screen(permission="imports.receive_file", what="bring in files")
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Bring a file in, and have it checked."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = _receive(request, file, form.cleaned_data["profile"])
        except AlreadyReceived as refusal:
            messages.warning(request, refusal.message)
            return redirect("imports:batch", refusal.batch_id)
        except ImsError as refusal:
            form.add_error("file", refusal.message)
        else:
            return redirect("imports:batch", batch.pk)
    return render(request, "console/imports/upload.html", {"title": "Bring in a file", "form": form})


def _receive(request: HttpRequest, file: Any, profile: str) -> ImportBatch:
    if file.size > AT_ONCE_BYTES:
        return services.receive_and_check(actor=request.actor, stream=file, name=file.name, profile=profile)
    batch = services.receive(actor=request.actor, stream=file, name=file.name, profile=profile)
    return services.check(actor=request.actor, batch_id=batch.pk)


@screen(permission=VIEW, what="see imports")
@require_safe
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """One import: how far it is, what it would do or did, what is wrong, and its story."""
    found = selectors.batch(request.actor, batch_id)
    run = latest_run(found)
    is_working = run is not None and not run.is_finished
    has_plan = found.row_count and not is_working and found.state != BatchState.REFUSED
    plan = selectors.plan(request.actor, found) if has_plan else None
    context = {
        "title": found.file_name,
        "batch": found,
        "run": run,
        "is_working": is_working,
        "plan": plan,
        "lines": _named_lines(plan) if plan else [],
        "reasons": _reasons(plan) if plan else [],
        "outcomes": _outcome_tabs(found, plan) if plan else [],
        "corrected": plan.by_outcome.get(Outcome.CORRECTED) if plan else None,
        "postings": services.postings_of(found),
        "sees_whole": not request.actor.is_limited,
        "may_take": not request.actor.is_limited and personal.may_reveal(request.actor, ImportRow),
        "sees_problems": _sees_problems(request, found),
        "steps": found.steps.all(),
        "may": _may(request, found),
        "profile_form": ProfileForm(initial={"profile": found.profile.code}),
    }
    return render(request, "console/imports/batch.html", context)


def _sees_problems(request: HttpRequest, found: ImportBatch) -> bool:
    """What is wrong with a file quotes its lines: for people who see all of it, and whoever brought it in."""
    mine = {"actor_kind": request.actor.kind, "actor_id": request.actor.identifier}
    return not request.actor.is_limited or found.steps.filter(from_state="", **mine).exists()


def _may(request: HttpRequest, found: ImportBatch) -> dict[str, bool]:
    """Which acts the page offers: allowed to this person, and possible in this state."""
    actor, state = request.actor, found.state
    unposted = state in (BatchState.RECEIVED, BatchState.CHECKED, BatchState.REFUSED, BatchState.FAILED)
    return {
        "post": state == BatchState.CHECKED and actor.may("imports.post_batch"),
        "check": unposted and actor.may("imports.receive_file"),
        "abandon": unposted and actor.may("imports.receive_file"),
        "reverse": state == BatchState.POSTED and actor.may("imports.reverse_batch"),
        "correct": state == BatchState.POSTED and actor.may("imports.correct_row"),
    }


def _named_lines(plan: selectors.Plan) -> list[dict[str, Any]]:
    funds = {fund.pk: fund for fund in Fund.objects.all()}
    methods = dict(MethodOfPayment.objects.values_list("pk", "name"))
    return [
        {
            "fund": funds.get(line.fund, line.fund),
            "is_suspense": line.fund in funds and funds[line.fund].is_suspense,
            "method": methods.get(line.method_of_payment, line.method_of_payment),
            "tally": line.tally,
        }
        for line in plan.lines
    ]


def _reasons(plan: selectors.Plan) -> list[dict[str, Any]]:
    return [
        {"reason": reason, "label": Outcome(reason.outcome).label, "colour": OUTCOME_COLOURS[Outcome(reason.outcome)]}
        for reason in plan.reasons
    ]


def _outcome_tabs(found: ImportBatch, plan: selectors.Plan) -> list[dict[str, Any]]:
    return [
        {"label": Outcome(outcome).label, "colour": OUTCOME_COLOURS[Outcome(outcome)], "tally": tally, "value": outcome}
        for outcome, tally in sorted(plan.by_outcome.items(), key=lambda item: list(Outcome).index(item[0]))
    ]


@screen(permission=VIEW, what="see imports")
@require_GET
def progress(request: HttpRequest, batch_id: int) -> JsonResponse:
    """How far the work on a batch is, for the progress bar."""
    run = latest_run(selectors.batch(request.actor, batch_id))
    if run is None:
        return JsonResponse({"done": 0, "total": 0, "text": "", "finished": True})
    return JsonResponse({"done": run.done, "total": run.total, "text": _said(run), "finished": run.is_finished})


def _said(run: JobRun) -> str:
    return run.message or ("Waiting for a worker" if run.state == JobRun.State.QUEUED else run.title)


@screen(permission=VIEW, what="see imports")
@require_safe
def rows(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The rows of an import by outcome, a page at a time."""
    found = selectors.batch(request.actor, batch_id)
    outcome = request.GET.get("outcome", "")
    reason = request.GET.get("reason", "")
    shown = selectors.rows(request.actor, found, outcome=outcome, reason_code=reason)
    if after := record_number(request.GET.get("after", "")):
        shown = shown.filter(line__gt=after)
    page = personal.veil(request.actor, shown[: PAGE_SIZE + 1])
    plan = selectors.plan(request.actor, found)
    tabs = [{"label": "All rows", "url": reverse("imports:rows", args=[batch_id]), "is_current": not outcome,
             "count": f"{sum(tally.count for tally in plan.by_outcome.values()):,}"}]  # fmt: skip
    tabs += [
        {
            "label": tab["label"],
            "url": reverse("imports:rows", args=[batch_id]) + f"?outcome={tab['value']}",
            "is_current": tab["value"] == outcome,
            "count": f"{tab['tally'].count:,}",
        }
        for tab in _outcome_tabs(found, plan)
    ]
    context = {
        "title": f"Rows of {found.file_name}",
        "batch": found,
        "tabs": tabs,
        "rows": [(row, Outcome(row.outcome).label, OUTCOME_COLOURS[Outcome(row.outcome)]) for row in page[:PAGE_SIZE]],
        "page": {
            "newer": _query(request.GET, after="") if after else "",
            "older": _query(request.GET, after=page[PAGE_SIZE - 1].line) if len(page) > PAGE_SIZE else "",
        },
    }
    return render(request, "console/imports/rows.html", context)


@screen(permission="imports.receive_file", what="check files")
@require_POST
def check(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Check a file again, under another profile if one was chosen."""
    found = selectors.batch(request.actor, batch_id)
    profile = request.POST.get("profile", "")
    if profile and profile != found.profile.code:
        services.change_profile(actor=request.actor, batch_id=batch_id, profile=profile)
    if found.file.size > AT_ONCE_BYTES:
        services.check_later(actor=request.actor, batch_id=batch_id)
    else:
        services.check(actor=request.actor, batch_id=batch_id)
    return redirect("imports:batch", batch_id)


@screen(permission="imports.post_batch", what="post imported files")
@require_http_methods(["GET", "HEAD", "POST"])
def post(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Show once more what will be posted, then post it."""
    found = selectors.batch(request.actor, batch_id)
    plan = selectors.plan(request.actor, found)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST":
        if request.POST.get("step") == "change":
            return redirect("imports:batch", batch_id)
        if form.is_valid():
            with refusals(form) as attempt:
                _post(request, found)
            if attempt.succeeded:
                return redirect("imports:batch", batch_id)
    context = {
        "title": f"Post {found.file_name}",
        "batch": found,
        "plan": plan,
        "lines": _named_lines(plan),
        "form": form,
        "confirm_text": f"Post {plan.to_post.count:,} receipt{'s' if plan.to_post.count != 1 else ''}"
        if plan.to_post.count
        else "Accept the file",
        "back": reverse("imports:batch", args=[batch_id]),
    }
    return render(request, "console/imports/post.html", context)


class ConfirmForm(ReasonForm):
    """A confirmation needs no reason, only a form to show a refusal beside."""

    reason = None


def _post(request: HttpRequest, found: ImportBatch) -> None:
    if found.file.size > AT_ONCE_BYTES:
        services.post_later(actor=request.actor, batch_id=found.pk)
        return
    posted = services.post(actor=request.actor, batch_id=found.pk)
    if posted.posting is None:
        messages.info(request, "Nothing was ready to post. The rows that are held wait to be corrected.")
    else:
        total = format_pounds(posted.posting.total)
        messages.success(request, f"{posted.posting.entry_count:,} receipts, {total}, posted as {posted.posting}.")


@screen(permission="imports.receive_file", what="abandon imports")
@require_http_methods(["GET", "HEAD", "POST"])
def abandon(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Give a file up before anything of it is posted."""
    return _with_reason(
        request,
        batch_id,
        act=services.abandon,
        title="Abandon",
        template="console/imports/abandon.html",
        done="was abandoned. The file may be brought in again.",
    )


@screen(permission="imports.reverse_batch", what="reverse posted files", recent=True)
@require_http_methods(["GET", "HEAD", "POST"])
def reverse_batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Undo a posted file by counter-entries."""
    return _with_reason(
        request,
        batch_id,
        act=services.reverse_batch,
        title="Reverse",
        template="console/imports/reverse.html",
        done="was reversed. Both postings stay visible; the file may be brought in again.",
    )


def _with_reason(
    request: HttpRequest, batch_id: int, *, act: Any, title: str, template: str, done: str
) -> HttpResponse:
    found = selectors.batch(request.actor, batch_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as attempt:
            act(actor=request.actor, batch_id=batch_id, reason=form.cleaned_data["reason"])
        if attempt.succeeded:
            messages.success(request, f"{found.file_name} {done}")
            return redirect("imports:batch", batch_id)
    context = {
        "title": f"{title} {found.file_name}",
        "batch": found,
        "form": form,
        "postings": services.postings_of(found),
        "sees_whole": not request.actor.is_limited,
        "back": reverse("imports:batch", args=[batch_id]),
    }
    return render(request, template, context)


@screen(permission="imports.correct_row", what="post corrected rows")
@require_POST
def post_corrected(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Post the corrected rows of a file."""
    posting = services.post_corrected(actor=request.actor, batch_id=batch_id)
    total = format_pounds(posting.total)
    messages.success(request, f"{posting.entry_count:,} corrected rows, {total}, posted as {posting}.")
    return redirect("imports:batch", batch_id)


@screen(permission=ImportRow.personal.permission, what="take away files, which name who paid")
@require_GET
def download(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The file as it arrived, byte for byte. Who took it away is kept in the audit trail."""
    found = selectors.batch(request.actor, batch_id)
    authorise(request.actor, VIEW, what="see imports")
    require_whole(request.actor, "The file")
    record("import_file_downloaded", actor=request.actor, subject=found)
    answer = StreamingHttpResponse(content.bytes_of(found.file), content_type="application/octet-stream")
    answer["Content-Length"] = str(found.file.size)
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in found.file_name)
    answer["Content-Disposition"] = f'attachment; filename="{safe}"'
    return answer


def _query(query: QueryDict, **changes: Any) -> str:
    """The query string with `changes`; an empty value takes the parameter out."""
    kept = query.copy()
    for name, value in changes.items():
        kept.pop(name, None)
        if value != "":
            kept[name] = str(value)
    return kept.urlencode() or "show="
