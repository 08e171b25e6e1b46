"""What a person sees when an act needs a second one: the plan, who may approve it, and a button that asks.

Any view may let `ApprovalNeeded` through; `views.base.screen` shows this page instead, whichever form it came from.
"""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ims.approvals import gate, kinds, selectors, services
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.models import Request
from ims.approvals.rules import in_words
from ims.audit.actors import Actor
from ims.common.errors import InvalidInput
from ims.common.money import pounds
from ims.console.opening import open_page
from ims.ledger.models import Entry

_SALT = "ims.console.asking"
_SECONDS = 12 * 60 * 60

_PAGES = {
    "ledger.entry": "receipts:receipt",
    "suspense.suspenseitem": "suspense:item",
    "imports.importbatch": "imports:batch",
    "imports.importrow": "imports:row",
    "imports.routingrule": "imports:rule",
    "payments.paymentattempt": "payments:payment",
    "people.councilrole": "access:council_role",
}
"""Records with a screen of their own; every other one is found in the admin."""


def needed_page(request: HttpRequest, needed: ApprovalNeeded) -> HttpResponse:
    """The plan of what was stopped, and the form that asks for it. Raises what would refuse it."""
    draft = services.draft(actor=request.actor, kind=needed.kind, payload=needed.payload)
    context = {
        "title": "This needs a second person",
        "sentence": needed.message,
        "draft": draft,
        "plan": shown(request, draft),
        "kind": kinds.label_of(needed.kind),
        "deciders": selectors.deciders(draft),
        "reason": needed.payload.get("reason", ""),
        "asked": sealed(needed),
        "carried": _carried(request),
        "back": request.path,
    }
    return render(request, "console/approvals/needed.html", context)


def sealed(needed: ApprovalNeeded) -> str:
    """What is asked for, signed, so that it comes back as it was shown."""
    return signing.dumps({"kind": needed.kind, "payload": needed.payload, "key": needed.key}, salt=_SALT, compress=True)


def unsealed(text: str) -> dict[str, Any]:
    """What `sealed` wrote. Raises `InvalidInput` for anything else, or after half a day."""
    try:
        return signing.loads(text, salt=_SALT, max_age=_SECONDS)
    except signing.BadSignature as error:
        raise InvalidInput("That page is too old, or was altered. Go back and fill in the form again.") from error


def shown(request: HttpRequest, asked: Request) -> dict[str, Any]:
    """The plan of `asked` as this person may see it: narratives veiled, amounts as amounts, evidence with the links
    that open to them.

    What is left of a plan that was disposed of is nothing.
    """
    if not asked.plan:
        return {}
    plan = selectors.veiled_plan(request.actor, asked)
    lines = [
        {**line, "amount": pounds(line["amount"]), "vat_amount": pounds(line["vat_amount"] or "0")}
        for line in plan["lines"]
    ]
    evidence = [{**one, "url": page_of(request, one["model"], one["key"])} for one in plan["evidence"]]
    return {**plan, "lines": lines, "more": plan["line_count"] - len(lines), "evidence": evidence}


def page_of(request: HttpRequest, model: str, key: str) -> str:
    """Where the record is shown; empty when nowhere, or when this person may not open it."""
    if model == "ledger.posting":
        first = Entry.objects.filter(posting_id=key).order_by("line").values_list("pk", flat=True).first()
        return open_page(request, "receipts:receipt", first) if first else ""
    return open_page(request, _PAGES.get(model) or f"admin:{model.replace('.', '_')}_change", key)


def outcome_page(request: HttpRequest, asked: Request) -> str:
    """Where what an approved request left behind is shown; empty when this person may not open it."""
    return page_of(request, asked.outcome_type, asked.outcome_id) if asked.outcome_type else ""


def hint(actor: Actor, limit: str) -> str:
    """What a form says beforehand about how far somebody may go alone, and who approves what is more."""
    allowance = gate.allowance_of(actor, limit)
    label = kinds.limit_label(limit)
    if allowance.alone_up_to is None:
        return ""
    roles = gate.Limits().approving_roles(limit, None) or gate.Limits().approving_roles(limit, allowance.alone_up_to)
    by = f" ({' or '.join(roles)})" if roles else ""
    if not allowance.alone_up_to:
        return f"{label} need the approval of a second person{by}, whatever the amount."
    return f"You may do {label.lower()} {in_words(allowance.alone_up_to)} alone. More needs a second person{by}."


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """The form as it was sent, so that it can be changed instead; nothing where the form has no such step."""
    if "step" not in request.POST:
        return []
    left_out = {"csrfmiddlewaretoken", "step"}
    return [(name, value) for name, values in request.POST.lists() if name not in left_out for value in values]
