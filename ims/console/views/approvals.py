"""Approvals: what waits for whom, one request with its plan, and deciding about it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ims.approvals import kinds, selectors, services
from ims.approvals.duties import held_together, in_force, sees_holders
from ims.approvals.models import Request
from ims.approvals.states import RequestState
from ims.common.errors import InvalidInput
from ims.common.identifiers import record_number
from ims.console.approval_forms import DecisionForm, RequestFilters
from ims.console.asking import outcome_page, shown, unsealed
from ims.console.views.base import screen

VIEW = selectors.VIEW
PAGE_SIZE = 50
TABS = (
    ("mine", "For me to decide"),
    ("asked", "I asked for"),
    ("waiting", "All that wait"),
    ("decided", "Decided"),
)


@screen(permission=(VIEW, selectors.DECIDE), what="see requests for approval")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What waits for me, what I asked for, what waits for anybody, and what was decided."""
    actor = request.actor
    mine = selectors.waiting_for(actor)
    tab = request.GET.get("show", "") or ("mine" if actor.may(selectors.DECIDE) else "waiting")
    tab = tab if tab in dict(TABS) else "waiting"
    filters = RequestFilters(request.GET)
    found = filters.narrowed(_of_tab(actor, tab, mine))
    if before := record_number(request.GET.get("before", "")):
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: PAGE_SIZE + 1])
    older = _query(request, before=rows[PAGE_SIZE - 1].pk) if len(rows) > PAGE_SIZE else ""
    context = {
        "title": "Approvals",
        "tab": tab,
        "tabs": _tabs(request, tab, len(mine)),
        "filters": filters,
        "filtered": bool(_query(request, show="")),
        "rows": [(row, kinds.label_of(row.kind)) for row in rows[:PAGE_SIZE]],
        "page": {"older": older, "newer": ""},
        "first": mine[0] if mine and tab == "mine" else None,
    }
    return render(request, "console/approvals/index.html", context)


@screen(what="see requests for approval")
@require_safe
def show(request: HttpRequest, request_id: int) -> HttpResponse:
    """One request: the plan exactly as it will be applied, what it rests on, and the decision."""
    return _page(request, selectors.get(request.actor, request_id), DecisionForm())


@screen(permission=selectors.DECIDE, what="decide about requests", recent=True)
@require_POST
def decide(request: HttpRequest, request_id: int) -> HttpResponse:
    """Approve or reject; then on to the next that waits for me."""
    form = DecisionForm(request.POST, rejecting=request.POST.get("act") == "reject")
    asked = selectors.get(request.actor, request_id)
    if not form.is_valid():
        return _page(request, asked, form)
    reason = form.cleaned_data["reason"]
    if request.POST.get("act") == "reject":
        services.reject(actor=request.actor, request_id=request_id, reason=reason)
        messages.success(request, f"Request {request_id} was rejected. Nothing was done.")
    elif request.POST.get("act") == "approve":
        asked = services.approve(actor=request.actor, request_id=request_id, reason=reason)
        if asked.state == RequestState.STALE:
            messages.error(request, f"Request {request_id} was not applied. {asked.decision_reason}")
            return redirect("approvals:request", request_id)
        messages.success(request, f"Request {request_id} was approved and done: {asked.outcome}.")
    else:
        raise InvalidInput("Say whether you approve or reject the request.")
    following = selectors.waiting_for(request.actor)
    return redirect("approvals:request", following[0].pk) if following else redirect("approvals:index")


@screen(what="withdraw requests of your own")
@require_POST
def withdraw(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take back what I asked for."""
    services.withdraw(actor=request.actor, request_id=request_id, reason=request.POST.get("reason", ""))
    messages.success(request, f"Request {request_id} was withdrawn.")
    return redirect("approvals:index")


@screen(what="ask for approvals")
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for what a form was stopped from doing."""
    asked = unsealed(request.POST.get("asked", ""))
    made = services.request(
        actor=request.actor,
        kind=asked["kind"],
        payload=asked["payload"],
        key=asked["key"],
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, f"Request {made.pk} was sent. Nothing is done until somebody approves it.")
    return redirect("approvals:request", made.pk)


@screen(permission="approvals.view_conflict", what="see conflicts of duties")
@require_safe
def duties(request: HttpRequest) -> HttpResponse:
    """Duties to be kept apart, and, for who looks after people or audits, who holds both."""
    actor = request.actor
    sees_people = sees_holders(actor)
    held = held_together() if sees_people else {}
    found = [(conflict, held.get(conflict, [])) for conflict in in_force()]
    context = {
        "title": "Conflicts of duties",
        "sees_people": sees_people,
        "reported": [row for row in found if not row[0].is_refused],
        "refused": [row for row in found if row[0].is_refused],
        "held": sum(bool(people) for conflict, people in found if conflict.is_refused),
        "may_change": actor.may("approvals.change_conflict"),
    }
    return render(request, "console/approvals/duties.html", context)


def _page(request: HttpRequest, asked: Request, form: DecisionForm) -> HttpResponse:
    actor = request.actor
    why_not = selectors.why_not_decide(actor, asked) if asked.is_waiting else ""
    following = [each for each in selectors.waiting_for(actor) if each.pk != asked.pk]
    context = {
        "title": f"Request {asked.pk}",
        "asked": asked,
        "kind": kinds.label_of(asked.kind),
        "plan": shown(request, asked),
        "form": form,
        "may_decide": asked.is_waiting and not why_not,
        "why_not": why_not,
        "is_own": selectors.asked_by(asked, actor),
        "deciders": selectors.deciders(asked) if asked.is_waiting else [],
        "outcome_url": outcome_page(request, asked),
        "next": following[0] if following else None,
        "may_audit": actor.may("audit.view_event"),
    }
    return render(request, "console/approvals/request.html", context)


def _of_tab(actor: Any, tab: str, mine: list[Request]) -> Any:
    if tab == "mine":
        return Request.objects.filter(pk__in=[each.pk for each in mine])
    if tab == "asked":
        return selectors.own(actor)
    waiting = selectors.visible(actor)
    if tab == "waiting":
        return waiting.filter(state=RequestState.WAITING)
    return waiting.exclude(state=RequestState.WAITING)


def _tabs(request: HttpRequest, current: str, mine: int) -> list[dict[str, Any]]:
    may_decide = request.actor.may(selectors.DECIDE)
    return [
        {
            "label": label,
            "url": f"{reverse('approvals:index')}?{_query(request, show=name, state='')}",
            "is_current": name == current,
            "count": f"{mine:,}" if name == "mine" else "",
        }
        for name, label in TABS
        if name != "mine" or may_decide
    ]


def _query(request: HttpRequest, **changes: Any) -> str:
    kept = request.GET.copy()
    kept.pop("before", None)
    for name, value in changes.items():
        kept[name] = str(value)
    for name in [name for name, value in kept.items() if not value]:
        kept.pop(name)
    return kept.urlencode()
