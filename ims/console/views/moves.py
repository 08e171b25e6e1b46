"""Moving money that was posted: journal, transfer, reversal. Each is form, plan, one service call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import BaseForm, BaseFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse as address
from django.views.decorators.http import require_http_methods

from ims.audit import personal
from ims.audit.actors import Actor
from ims.audit.scope import scoped
from ims.common.errors import InvalidInput
from ims.console.move_forms import ReasonForm, line_set
from ims.console.receipt_story import import_address
from ims.console.rehearsal import PlannedLine, rehearse
from ims.console.views.base import refusals, screen
from ims.console.views.receipts import find_entry
from ims.ledger import selectors, services
from ims.ledger.models import Entry, Posting


@dataclass(frozen=True)
class Step:
    """Where a person is: filling in, looking at the plan, or confirming it."""

    name: str

    @property
    def is_form(self) -> bool:
        return self.name in ("", "change", "add")


def _step(request: HttpRequest) -> Step:
    return Step(request.POST.get("step", "plan") if request.method == "POST" else "")


def _valid(*forms: BaseForm | BaseFormSet) -> bool:
    # Every form is asked, so that all mistakes are shown at once.
    verdicts = [form.is_valid() for form in forms]
    return all(verdicts)


def _plan(actor: Actor, reason: ReasonForm, act: Callable[[], Posting]) -> list[PlannedLine] | None:
    """What would be posted; None, with the refusal on the form, when it would be refused."""
    with refusals(reason):
        return rehearse(actor, act)
    return None


@screen(permission="ledger.post_journal", what="post journals")
@require_http_methods(["GET", "POST"])
def journal(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Move money of one receipt to where it belongs."""
    entry, actor, step = find_entry(request, entry_id), request.actor, _step(request)
    left = selectors.remaining([entry.pk])[entry.pk]
    data = request.POST if request.method == "POST" else None
    reason = ReasonForm(data)
    first = [{"amount": left, "narrative": personal.for_form(actor, Entry, entry.narrative[:100])}]
    targets = line_set(data, actor=actor, prefix="to", initial=first, add=step.name == "add")
    context = {"title": "Journal", "entry": entry, "left": left, "reason": reason, "targets": targets}
    if step.is_form or not _valid(reason, targets):
        return render(request, "console/receipts/journal.html", _unvalidated(context, step))

    def act() -> Posting:
        typed = reason.cleaned_data
        return services.post_journal(
            actor=actor, entry_id=entry.pk, targets=targets.lines(), reason=typed["reason"], key=typed["key"]
        )

    return _plan_or_post(request, context, act, template="journal", done="The journal {} was posted.", back=entry)


@screen(permission="ledger.post_transfer", what="post transfers")
@require_http_methods(["GET", "POST"])
def transfer(request: HttpRequest) -> HttpResponse:
    """Move money between accounts with no receipt behind it."""
    actor, step = request.actor, _step(request)
    data = request.POST if request.method == "POST" else None
    reason = ReasonForm(data)
    sources = line_set(data, actor=actor, prefix="from", initial=[{}], add=step.name == "add_from")
    targets = line_set(data, actor=actor, prefix="to", initial=[{}], add=step.name == "add")
    context = {"title": "Transfer between accounts", "reason": reason, "sources": sources, "targets": targets}
    if step.name == "add_from" or step.is_form or not _valid(reason, sources, targets):
        return render(request, "console/receipts/transfer.html", _unvalidated(context, step))

    def act() -> Posting:
        typed = reason.cleaned_data
        return services.post_transfer(
            actor=actor, sources=sources.lines(), targets=targets.lines(), reason=typed["reason"], key=typed["key"]
        )

    return _plan_or_post(request, context, act, template="transfer", done="The transfer {} was posted.", back=None)


@screen(permission="ledger.reverse_posting", what="reverse postings", recent=True)
@require_http_methods(["GET", "POST"])
def reverse(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Undo the whole posting a receipt belongs to."""
    entry, actor, step = find_entry(request, entry_id), request.actor, _step(request)
    posting = entry.posting
    if posting.kind == Posting.Kind.IMPORT:
        where = f" Open it at {import_address(posting)}." if import_address(posting) else ""
        raise InvalidInput(
            f"{entry.receipt_number} came in a file of {posting.entry_count:,} receipts, which is reversed as a whole "
            f"from its own page under Imports.{where} To correct this one receipt, post a journal."
        )
    reason = ReasonForm(request.POST if request.method == "POST" else None)
    context = {"title": f"Reverse {posting.reference}", "entry": entry, "reason": reason}
    if step.is_form or not _valid(reason):
        lines = scoped(actor, posting.entries.select_related("fund", "method_of_payment")).order_by("line")[:100]
        return render(request, "console/receipts/reverse.html", _unvalidated({**context, "lines": lines}, step))

    def act() -> Posting:
        return services.reverse(actor=actor, posting_id=posting.pk, reason=reason.cleaned_data["reason"])

    return _plan_or_post(request, context, act, template="reverse", done="The reversal {} was posted.", back=entry)


def _unvalidated(context: dict[str, Any], step: Step) -> dict[str, Any]:
    """Going back or asking for a line more is no mistake: what is not filled in yet is not complained about."""
    forms = [context[name] for name in ("reason", "sources", "targets") if name in context]
    for form in forms:
        for member in getattr(form, "forms", [form]):
            member.is_quiet = step.name in ("change", "add", "add_from")
    return context


def _plan_or_post(
    request: HttpRequest,
    context: dict[str, Any],
    act: Callable[[], Posting],
    *,
    template: str,
    done: str,
    back: Entry | None,
) -> HttpResponse:
    """Show the plan; once confirmed, act and go to what was posted. A refusal goes back to the form."""
    reason: ReasonForm = context["reason"]
    if _step(request).name == "confirm":
        with refusals(reason) as attempt:
            posting = act()
        if attempt.succeeded:
            messages.success(request, done.format(posting.reference))
            return redirect("receipts:receipt", back.pk if back else posting.entries.order_by("line").first().pk)
    else:
        plan = _plan(request.actor, reason, act)
        if plan is not None:
            return render(request, "console/receipts/plan.html", {**context, "plan": plan, "back": _back(back)})
    return render(request, f"console/receipts/{template}.html", context)


def _back(entry: Entry | None) -> str:
    return address("receipts:receipt", args=[entry.pk]) if entry else address("receipts:search")
