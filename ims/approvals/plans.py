"""What a request would do, in a form that is shown to people, kept, and compared when it is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import models

NAMING = frozenset({"Narrative"})
"""Facts of a plan that may name a payer, as the narratives of its lines may."""


@dataclass(frozen=True, kw_only=True)
class PlanLine:
    """A line the ledger would hold. Amounts in pounds as text; VAT is within the amount."""

    fund: str
    account_reference: str
    method_of_payment: str
    narrative: str
    amount: str
    vat_amount: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that would be otherwise than it is."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A record to look at before deciding: its model, its key, and what people call it."""

    label: str
    model: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Exactly what applying does, without what only the moment of applying decides (numbers given, dates of that day).

    `funds` are the codes of the funds touched: who may not see one of them does not see the request.
    """

    summary: str
    lines: Sequence[PlanLine] = ()
    line_count: int = 0
    differences: Sequence[Difference] = ()
    facts: Sequence[tuple[str, str]] = ()
    evidence: Sequence[Evidence] = ()
    funds: Sequence[str] = field(default=())

    def as_data(self) -> dict[str, Any]:
        """The plan as JSON, the same for the same plan."""
        data = asdict(self)
        return {
            **data,
            "lines": list(data["lines"]),
            "differences": list(data["differences"]),
            "facts": [list(fact) for fact in data["facts"]],
            "evidence": list(data["evidence"]),
            "funds": sorted(data["funds"]),
        }


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What applying did: the plan it carried out, and the record it left."""

    plan: Plan
    outcome: str
    """What people call the record, like “JNL-000012”."""
    record: models.Model | None = None


def first_difference(kept: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """A sentence on what differs between two plans as JSON; empty when nothing does."""
    if kept == now:
        return ""
    names = {
        "lines": "the lines that would be posted",
        "line_count": "the number of lines",
        "differences": "the values that would change",
        "facts": "the circumstances",
        "evidence": "the records it is about",
        "funds": "the funds it touches",
        "summary": "what it would do",
    }
    changed = [text for name, text in names.items() if kept.get(name) != now.get(name)]
    return f"The plan would be another one today: {changed[0] if changed else 'its form'} would differ."
