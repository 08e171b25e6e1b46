"""One row of a file: what it said, what is wrong with it, and deciding about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from ims.audit import personal
from ims.audit.scope import scoped
from ims.console.import_forms import CorrectionForm, DuplicateForm, ReasonForm
from ims.console.views.base import refusals, screen
from ims.console.views.imports import OUTCOME_COLOURS, VIEW
from ims.imports import selectors, services
from ims.imports.models import ImportRow, RoutingRule
from ims.imports.states import NEEDS_A_PERSON, BatchState, Outcome
from ims.ledger.models import Entry


@screen(permission=VIEW, what="see imports")
@require_http_methods(["GET", "HEAD", "POST"])
def row(request: HttpRequest, row_id: int) -> HttpResponse:
    """A row with its forms: correct, discard, or decide whether it is a duplicate. A button says which is meant."""
    found = personal.veil_one(request.actor, selectors.row(request.actor, row_id))
    act = request.POST.get("act", "") if request.method == "POST" else ""
    correction = CorrectionForm(request.POST if act == "correct" else None, row=found, actor=request.actor)
    duplicate = DuplicateForm(request.POST if act == "duplicate" else None, prefix="duplicate")
    discard = ReasonForm(request.POST if act == "discard" else None, prefix="discard")
    done = {
        "correct": lambda: _correct(request, found, correction),
        "duplicate": lambda: _decide(request, found, duplicate),
        "discard": lambda: _discard(request, found, discard),
    }.get(act)
    if done and done():
        return _next(request, found)
    may_decide = request.actor.may("imports.correct_row") and found.batch.state == BatchState.POSTED
    context = {
        "title": f"Line {found.line} of {found.batch.file_name}",
        "row": found,
        "batch": found.batch,
        "outcome": Outcome(found.outcome).label,
        "colour": OUTCOME_COLOURS[Outcome(found.outcome)],
        "rules": RoutingRule.objects.filter(pk__in=found.rules or []),
        "decisions": [(decision, _differences(request, decision)) for decision in found.decisions.order_by("-id")],
        "entry": _entry_of(request, found),
        "can_correct": may_decide and _is_correctable(found, refused=bool(duplicate.errors)),
        "can_decide": may_decide and found.outcome == Outcome.SUSPECTED_DUPLICATE,
        "can_discard": may_decide and found.outcome in (Outcome.INVALID, Outcome.CORRECTED),
        "must_post_first": found.outcome in NEEDS_A_PERSON and found.batch.state == BatchState.CHECKED,
        "correction": correction,
        "duplicate": duplicate,
        "discard": discard,
        "wrong_form": correction if act == "correct" else duplicate if act == "duplicate" else discard,
    }
    return render(request, "console/imports/row.html", context)


def _is_correctable(found: ImportRow, *, refused: bool) -> bool:
    """A suspected duplicate too, once accepting it as it stands was refused: it needs a correction first."""
    return found.outcome in (Outcome.INVALID, Outcome.CORRECTED) or (
        found.outcome == Outcome.SUSPECTED_DUPLICATE and refused
    )


def _correct(request: HttpRequest, found: ImportRow, form: CorrectionForm) -> bool:
    return _attempt(
        form,
        lambda: services.correct_row(
            actor=request.actor, row_id=found.pk, changes=form.changes(), reason=form.cleaned_data["reason"]
        ),
    )


def _decide(request: HttpRequest, found: ImportRow, form: DuplicateForm) -> bool:
    return _attempt(
        form,
        lambda: services.decide_duplicate(
            actor=request.actor,
            row_id=found.pk,
            post=form.cleaned_data["decision"] == "post",
            reason=form.cleaned_data["reason"],
        ),
    )


def _discard(request: HttpRequest, found: ImportRow, form: ReasonForm) -> bool:
    return _attempt(
        form,
        lambda: services.discard_row(actor=request.actor, row_id=found.pk, reason=form.cleaned_data["reason"]),
    )


def _attempt(form: forms.Form, act: Any) -> bool:
    if not form.is_valid():
        return False
    with refusals(form) as attempt:
        act()
    return attempt.succeeded


def _next(request: HttpRequest, found: ImportRow) -> HttpResponse:
    """On to the next row that needs a person, or back to the file when none is left."""
    messages.success(request, f"Line {found.line} was dealt with.")
    waiting = selectors.rows(request.actor, found.batch).filter(outcome__in=NEEDS_A_PERSON)
    following = waiting.filter(line__gt=found.line).first() or waiting.first()
    return redirect("imports:row", following.pk) if following else redirect("imports:batch", found.batch_id)


def _differences(request: HttpRequest, decision: Any) -> list[tuple[str, str, str]]:
    def shown(name: str, value: str) -> str:
        return personal.veiled_value(request.actor, ImportRow, name, value)

    return [
        (name.replace("_", " ").capitalize(), shown(name, decision.before.get(name, "")), shown(name, value))
        for name, value in decision.after.items()
        if decision.before.get(name, "") != value and name not in ("outcome", "reason")
    ]


def _entry_of(request: HttpRequest, found: ImportRow) -> Entry | None:
    posting = found.posting_id or found.batch.posting_id
    posted = {Outcome.TO_POST, Outcome.TO_SUSPENSE, Outcome.POSTED_SEPARATELY}
    if posting is None or found.outcome not in posted:
        return None
    entries = scoped(request.actor, Entry.objects.select_related("posting"))
    return entries.filter(posting=posting, source_line=found.line).first()
