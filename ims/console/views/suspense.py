"""Working on suspense: the list, one item, an allocation, a rule begun from an item."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ims.audit import personal
from ims.common.errors import InvalidInput
from ims.common.identifiers import record_number
from ims.common.money import format_pounds
from ims.console.rehearsal import rehearse
from ims.console.suspense_forms import (
    AllocationForms,
    NoteForm,
    RuleForm,
    SuspenseFilters,
    WorkForm,
    WriteOffForm,
    accepted,
    allocation_forms,
)
from ims.console.suspense_rules import MOST_PROPOSED, proposals_of
from ims.console.views.base import refusals, screen
from ims.imports import services as imports
from ims.imports.models import RoutingRule
from ims.ledger.models import Entry, Posting
from ims.suspense import selectors, services
from ims.suspense.matching import likelihood
from ims.suspense.models import SuspenseItem
from ims.suspense.selectors import Criteria

VIEW = "suspense.view_suspenseitem"
ALLOCATE = "suspense.allocate"
PAGE_SIZE = 50
MOST_TOGETHER = 100
"""Items ticked at once."""


@screen(permission=VIEW, what="see suspense")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The work list: oldest first, by age, with the likeliest account of each."""
    filters = SuspenseFilters(request.GET, actor=request.actor)
    criteria = _criteria(filters)
    page = selectors.list_items(request.actor, criteria, after=request.GET.get("after", ""), size=PAGE_SIZE)
    bands = selectors.ageing(request.actor)
    context = {
        "title": "Suspense",
        "filters": filters,
        "items": _with_likeliest(page.items),
        "page": {"older": _query(request, after=page.after) if page.after else "", "newer": ""},
        "tabs": _tabs(request, bands),
        "total": sum(band.value for band in bands),
        "count": sum(band.count for band in bands),
        "oldest": next((item for item in page.items), None),
        "query": _query(request),
        "may_allocate": request.actor.may(ALLOCATE),
        "may_assign": request.actor.may("suspense.assign"),
        "work": WorkForm(),
    }
    return render(request, "console/suspense/index.html", context)


@screen(permission=VIEW, what="see suspense")
@require_http_methods(["GET", "POST"])
def item(request: HttpRequest, item_id: int) -> HttpResponse:
    """One item: what is known, whose it may be, and the form that allocates it."""
    found = selectors.get_item(request.actor, item_id)
    _veil(request, [found])
    if request.method == "POST":
        return _allocate(request, [found], _item_context)
    forms = _forms_if_open(request, [found])
    return render(request, "console/suspense/item.html", _item_context(request, [found], forms))


@screen(permission=ALLOCATE, what="allocate suspense")
@require_http_methods(["GET", "POST"])
def together(request: HttpRequest) -> HttpResponse:
    """Several items allocated at once."""
    items = _veil(request, _chosen(request, request.GET.getlist("item")))
    if request.method == "POST":
        return _allocate(request, items, _together_context)
    forms = allocation_forms(None, actor=request.actor, items=items)
    return render(request, "console/suspense/together.html", _together_context(request, items, forms))


@screen(permission=VIEW, what="work on suspense")
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """What is done to the items ticked in the list."""
    chosen = [item.pk for item in _chosen(request, request.POST.getlist("item"))]
    act, actor = request.POST.get("act", ""), request.actor
    if act == "together":
        return redirect(reverse("suspense:together") + "?" + "&".join(f"item={key}" for key in chosen))
    if act == "take":
        changed = services.assign(actor=actor, items=chosen, owner_id=_own_id(request))
        messages.success(request, f"{_items(changed)} are yours now." if changed != 1 else "1 item is yours now.")
    elif act == "give":
        work = WorkForm(request.POST)
        if not work.is_valid():
            raise InvalidInput("Choose somebody from the list.")
        owner = work.cleaned_data["owner"]
        changed = services.assign(actor=actor, items=chosen, owner_id=int(owner) if owner else None)
        messages.success(request, f"{_items(changed)} changed hands.")
    return redirect(reverse("suspense:index") + _suffix(request))


@screen(permission=ALLOCATE, what="look for matches")
@require_POST
def refresh(request: HttpRequest) -> HttpResponse:
    """Work out afresh whose the open items may be."""
    matched = services.look_for_matches(actor=request.actor)
    if matched is None:
        messages.success(request, "Matches are being looked for in the background. They appear here as they are found.")
    else:
        messages.success(request, f"{_items(matched)} have a suggestion.")
    return redirect(reverse("suspense:index") + _suffix(request))


@screen(permission="suspense.add_note", what="add notes to suspense items")
@require_POST
def note(request: HttpRequest, item_id: int) -> HttpResponse:
    """Add a note to an item."""
    services.add_note(actor=request.actor, item_id=item_id, text=request.POST.get("text", ""))
    messages.success(request, "The note was added.")
    return redirect(reverse("suspense:item", args=[item_id]) + _suffix(request))


@screen(permission=VIEW, what="work on suspense")
@require_POST
def work(request: HttpRequest, item_id: int) -> HttpResponse:
    """Take an item, give it to somebody, or say by when it is due."""
    if request.POST.get("act") == "take":
        services.assign(actor=request.actor, items=[item_id], owner_id=_own_id(request))
        messages.success(request, "The item is yours now.")
        return redirect(reverse("suspense:item", args=[item_id]) + _suffix(request))
    current = selectors.get_item(request.actor, item_id)
    form = WorkForm(request.POST, owner=current.owner)
    if not form.is_valid():
        raise InvalidInput(" ".join(message for errors in form.errors.values() for message in errors))
    owner, due_on = form.cleaned_data["owner"], form.cleaned_data["due_on"]
    if str(current.owner_id or "") != owner:
        services.assign(actor=request.actor, items=[item_id], owner_id=int(owner) if owner else None)
    if current.due_on != due_on:
        services.set_due(actor=request.actor, items=[item_id], due_on=due_on)
    messages.success(request, "Saved.")
    return redirect(reverse("suspense:item", args=[item_id]) + _suffix(request))


@screen(permission=services.WRITE_OFF, what="write off suspense items")
@require_http_methods(["GET", "POST"])
def write_off(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give up an item: form, plan, one service call."""
    [found] = _veil(request, [selectors.get_item(request.actor, item_id)])
    data = request.POST if request.method == "POST" else None
    form = WriteOffForm(data, actor=request.actor, initial={"seen": found.remaining})
    back = reverse("suspense:item", args=[item_id]) + _suffix(request)
    context = {"title": f"Write off suspense item {found.pk}", "item": found, "form": form, "back": back}
    step = request.POST.get("step", "")
    form.is_quiet = step == "change"
    if data is None or step == "change" or not form.is_valid():
        return render(request, "console/suspense/write_off.html", context)
    typed = form.cleaned_data

    def act() -> Posting:
        return services.write_off(
            actor=request.actor,
            item_id=found.pk,
            fund=typed["fund"],
            remaining_seen=typed["seen"],
            reason=typed["reason"],
            key=typed["key"],
        )

    with refusals(form) as attempt:
        if step != "confirm":
            plan = {"lines": rehearse(request.actor, act)}
            return render(
                request,
                "console/suspense/write_off_plan.html",
                {**context, "plan": plan, "confirm_text": "Write it off"},
            )
        posting = act()
    if not attempt.succeeded:
        return render(request, "console/suspense/write_off.html", context)
    messages.success(request, f"{format_pounds(typed['seen'])} was written off by {posting}.")
    return redirect(_next_address(request, found))


@screen(permission="imports.add_routingrule", what="add routing rules")
@require_http_methods(["GET", "POST"])
def rule(request: HttpRequest, item_id: int) -> HttpResponse:
    """A routing rule from an item in one step, run over everything in suspense."""
    [found] = _veil(request, [selectors.get_item(request.actor, item_id)])
    step = request.POST.get("step", "")
    form = RuleForm(
        request.POST if request.method == "POST" else None, actor=request.actor, initial=_rule_initial(request, found)
    )
    context = {"title": "New routing rule", "item": found, "form": form, "query": _query(request)}
    if request.method == "GET" or step == "change" or not form.is_valid():
        return render(request, "console/suspense/rule.html", context)
    draft = RoutingRule(**form.as_rule())
    with refusals(form) as attempt:
        proposals = proposals_of(request.actor, draft)
        if step == "confirm":
            imports.save_rule(actor=request.actor, rule=draft, reason=form.cleaned_data["reason"])
    if not attempt.succeeded:
        return render(request, "console/suspense/rule.html", context)
    if step != "confirm":
        items = selectors.get_items(request.actor, [proposal.item for proposal in proposals])
        _veil(request, items.values())
        listed = [(items[proposal.item], proposal) for proposal in proposals]
        more = {"listed": listed, "total": sum(one.remaining for one, _ in listed), "most": MOST_PROPOSED}
        return render(request, "console/suspense/rule_plan.html", {**context, **more})
    _apply(request, draft, proposals)
    return redirect(reverse("suspense:index") + _suffix(request))


def _apply(request: HttpRequest, saved: RoutingRule, proposals: Sequence[Any]) -> None:
    """Allocate what the new rule finds, if asked to, and say how it went."""
    messages.success(request, f"The routing rule “{saved}” was saved. It is used from the next file on.")
    if request.POST.get("apply") != "yes" or not proposals:
        return
    outcomes = services.apply_proposals(
        actor=request.actor, proposals=proposals, reason=f"Routing rule “{saved}”", key=f"rule-{saved.pk}"
    )
    done = [outcome for outcome in outcomes if outcome.posting]
    if done:
        messages.success(request, f"{_items(len(done))} were allocated ({done[0].posting} to {done[-1].posting}).")
    asked = [outcome for outcome in outcomes if outcome.request]
    if asked:
        numbers = ", ".join(outcome.request for outcome in asked)
        messages.warning(
            request,
            f"{_items(len(asked))} were more than you may allocate alone, and wait for a second person under "
            f"Approvals: {numbers}.",
        )
    for outcome in [outcome for outcome in outcomes if outcome.refusal][:5]:
        messages.warning(request, f"Item {outcome.proposal.item} was left in suspense: {outcome.refusal}")


def _allocate(request: HttpRequest, items: list[SuspenseItem], context_of: Any) -> HttpResponse:
    """Form, plan, one service call: for one item or several."""
    step = request.POST.get("step", "plan")
    data = request.POST
    if step == "accept":
        data = accepted(
            items,
            fund=data.get("fund", ""),
            reference=data.get("reference", ""),
            reason=data.get("reason", ""),
            key=uuid.uuid4().hex,
        )
    forms = allocation_forms(data, actor=request.actor, items=items, step=step)
    if step in ("add", "add_credit", "change"):
        forms.hush()
    elif forms.is_valid():
        shown = _plan_or_post(request, items, forms, confirmed=step == "confirm")
        if shown is not None:
            return shown
        forms = _seen_anew(data, request, items, forms)
    template = "item" if len(items) == 1 and context_of is _item_context else "together"
    return render(request, f"console/suspense/{template}.html", context_of(request, items, forms))


def _plan_or_post(
    request: HttpRequest, items: list[SuspenseItem], forms: AllocationForms, *, confirmed: bool
) -> HttpResponse | None:
    """The plan, or what follows the posting; None when it was refused, with the refusal on the form."""
    typed = forms.reason.cleaned_data

    def allocate() -> Posting:
        return services.allocate(
            actor=request.actor, allocation=forms.allocation(), reason=typed["reason"], key=typed["key"]
        )

    with refusals(forms.reason) as attempt:
        if not confirmed:
            planned = rehearse(request.actor, allocate)
            return render(request, "console/suspense/plan.html", _plan_context(request, items, forms, planned))
        posting = allocate()
    if not attempt.succeeded:
        return None
    taken = forms.allocation().taken
    messages.success(request, f"{format_pounds(taken)} was allocated by {posting}.")
    return redirect(_next_address(request, items[0]))


def _seen_anew(
    data: QueryDict, request: HttpRequest, items: list[SuspenseItem], refused: AllocationForms
) -> AllocationForms:
    """The form with what remains now, so that a person told of somebody else's move can go on from there."""
    now = selectors.get_items(request.actor, [item.pk for item in items])
    fresh = data.copy()
    for number in range(len(items)):
        key = fresh.get(f"take-{number}-item", "")
        if (shown := record_number(key)) in now:
            fresh[f"take-{number}-seen"] = str(now[shown].remaining)
    forms = allocation_forms(fresh, actor=request.actor, items=items)
    forms.is_valid()
    for message in refused.reason.non_field_errors():
        forms.reason.add_error(None, message)
    return forms


def _plan_context(
    request: HttpRequest, items: list[SuspenseItem], forms: AllocationForms, planned: list[Any]
) -> dict[str, Any]:
    takes = {take.item: take.amount for take in forms.allocation().takes}
    return {
        "title": "Allocate from suspense",
        "forms": forms,
        "plan": planned,
        "items": items,
        "left": [(item, item.remaining - takes.get(item.pk, 0)) for item in items],
        "back": _back(request, items),
        "query": _query(request),
    }


def _item_context(request: HttpRequest, items: list[SuspenseItem], forms: AllocationForms | None) -> dict[str, Any]:
    [found] = items
    actor = request.actor
    is_open = found.state == SuspenseItem.State.OPEN
    return {
        "title": f"Suspense item {found.pk}",
        "item": found,
        "age": selectors.age_in_days(found),
        "is_open": is_open,
        "forms": forms,
        "suggestions": selectors.suggest(actor, found) if is_open else [],
        "alike": selectors.same_payer(actor, found, limit=10) if is_open else [],
        "events": selectors.history(actor, found)[::-1],
        "note": NoteForm(),
        "work": WorkForm(owner=found.owner, initial={"owner": str(found.owner_id or ""), "due_on": found.due_on}),
        "may_allocate": is_open and actor.may(ALLOCATE),
        "may_note": actor.may("suspense.add_note"),
        "may_assign": is_open and actor.may("suspense.assign"),
        "may_take": is_open and actor.may(ALLOCATE) and str(found.owner_id) != actor.identifier,
        "may_rule": is_open and actor.may("imports.add_routingrule"),
        "may_write_off": is_open and actor.may(services.WRITE_OFF),
        "may_undo": actor.may("ledger.reverse_posting"),
        "next": _next_address(request, found),
        "query": _query(request),
    }


def _together_context(request: HttpRequest, items: list[SuspenseItem], forms: AllocationForms) -> dict[str, Any]:
    return {
        "title": "Allocate together",
        "items": items,
        "rows": list(zip(items, forms.takes.forms, strict=False)),
        "forms": forms,
        "total": sum(item.remaining for item in items),
        "query": _query(request),
    }


def _forms_if_open(request: HttpRequest, items: list[SuspenseItem]) -> AllocationForms | None:
    if items[0].state != SuspenseItem.State.OPEN or not request.actor.may(ALLOCATE):
        return None
    return allocation_forms(None, actor=request.actor, items=items)


def _chosen(request: HttpRequest, keys: Sequence[str]) -> list[SuspenseItem]:
    """The items ticked, oldest first. Raises `InvalidInput` when none is."""
    numbers = [number for key in keys if (number := record_number(key))][:MOST_TOGETHER]
    if not numbers:
        raise InvalidInput("Tick at least one item of the list first.")
    found = selectors.get_items(request.actor, numbers)
    return sorted(found.values(), key=lambda item: (item.received_on, item.pk))


def _veil(request: HttpRequest, items: Iterable[SuspenseItem]) -> list[SuspenseItem]:
    """The items with who paid masked, unless this person asked to see it."""
    listed = list(items)
    personal.veil(request.actor, [listed_item.entry for listed_item in listed])
    return listed


def _rule_initial(request: HttpRequest, found: SuspenseItem) -> dict[str, str]:
    draft = selectors.rule_draft(found)
    condition = draft["groups"][0]["conditions"][0] if draft["groups"] else {}
    return {
        "name": personal.for_form(request.actor, Entry, draft["name"]),
        "field": condition.get("field", "narrative"),
        "value": personal.for_form(request.actor, Entry, condition.get("value", "")),
        "fund": draft["actions"].get("fund", ""),
        "reference": draft["actions"].get("reference", ""),
    }


def _with_likeliest(items: Sequence[SuspenseItem]) -> Sequence[SuspenseItem]:
    for listed in items:
        listed.age = selectors.age_in_days(listed)
        listed.likely = listed.likeliest[0] if listed.likeliest else None
        if listed.likely:
            listed.likely.words = likelihood(listed.likely.confidence)
    return items


def _criteria(filters: SuspenseFilters) -> Criteria:
    return filters.criteria() if filters.is_valid() else Criteria()


def _next_address(request: HttpRequest, current: SuspenseItem) -> str:
    """The next open item of the list the person came from; the list itself when there is none."""
    criteria = _criteria(SuspenseFilters(request.GET, actor=request.actor))
    following = selectors.next_open(request.actor, criteria, current)
    where = reverse("suspense:item", args=[following]) if following else reverse("suspense:index")
    return where + _suffix(request)


def _tabs(request: HttpRequest, bands: Sequence[Any]) -> list[dict[str, Any]]:
    chosen = request.GET.get("age", "")
    count = sum(band.count for band in bands)
    everything = {
        "label": "All open",
        "url": "?" + _query(request, age=""),
        "is_current": not chosen,
        "count": f"{count:,}",
    }
    return [
        everything,
        *(
            {
                "label": line.band.label,
                "url": "?" + _query(request, age=line.band.name),
                "is_current": chosen == line.band.name,
                "count": f"{line.count:,}",
            }
            for line in bands
        ),
    ]


def _query(request: HttpRequest, **changes: str) -> str:
    """The list's filters as a query string, with `changes`; empty values and the page are left out."""
    kept = request.GET.copy()
    for name in ("after", "item"):
        kept.pop(name, None)
    for name, value in changes.items():
        kept[name] = value
    for name in [name for name, value in kept.items() if not value]:
        kept.pop(name)
    return kept.urlencode()


def _suffix(request: HttpRequest) -> str:
    query = _query(request)
    return f"?{query}" if query else ""


def _back(request: HttpRequest, items: Sequence[SuspenseItem]) -> str:
    if len(items) == 1:
        return reverse("suspense:item", args=[items[0].pk]) + _suffix(request)
    return reverse("suspense:index") + _suffix(request)


def _own_id(request: HttpRequest) -> int:
    return int(request.actor.identifier)


def _items(count: int) -> str:
    return f"{count:,} item" if count == 1 else f"{count:,} items"
