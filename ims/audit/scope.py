"""The limits of what an actor may see, as conditions on a query. Every room that reads money asks here.

A person's scope has three sides: funds, offices and methods of payment. Each is a set of codes, or None for all. A
model that holds money says once where it keeps the codes:

    scope_paths = Paths("entry__fund", "entry__office", "entry__method_of_payment")

and is read through `scoped`. Statements in SQL hold `sql_within("e")`, a condition that never changes, and are given
`parameters(actor)`; the planner drops the sides that do not limit. What is added up for a limited person is a total of
what they may see, and `in_words` says so beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from ims.audit.actors import Actor
from ims.common.errors import NotAllowed

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Paths:
    """Where a model keeps the code of each side of a scope; "" where it has none and is not limited by it."""

    funds: str = "fund"
    offices: str = "office"
    methods: str = "method_of_payment"


SIDES = {"funds": "funds", "offices": "offices", "methods": "methods of payment"}


def scoped(actor: Actor, rows: QuerySet[M]) -> QuerySet[M]:
    """`rows` within the actor's scope, by the `scope_paths` of their model. Not evaluated yet."""
    return rows.filter(within(actor, rows.model.scope_paths)) if actor.is_limited else rows


def beyond(actor: Actor, rows: QuerySet[M]) -> QuerySet[M]:
    """`rows` that lie outside the actor's scope; none for an actor whom no side of it limits."""
    condition = within(actor, rows.model.scope_paths)
    return rows.exclude(condition) if condition else rows.none()


def within(actor: Actor, paths: Paths) -> Q:
    """The condition that keeps rows to the actor's scope."""
    condition = Q()
    for side in SIDES:
        path, codes = getattr(paths, side), getattr(actor, side)
        if path and codes is not None:
            condition &= Q(**{f"{path}__in": sorted(codes)})
    return condition


def sql_within(
    alias: str, *, funds: str = "fund_id", offices: str = "office_id", methods: str = "method_of_payment_id"
) -> str:
    """The condition in SQL over the table called `alias`; "" for a column the table has not. Needs `parameters`."""
    columns = {"funds": funds, "offices": offices, "methods": methods}
    return " AND ".join(
        f"(%(scope_{side})s::text[] IS NULL OR {alias}.{column} = ANY(%(scope_{side})s::text[]))"
        for side, column in columns.items()
        if column
    )


def parameters(actor: Actor) -> dict[str, Any]:
    """What a statement with `sql_within` in it is given."""
    return {f"scope_{side}": None if getattr(actor, side) is None else sorted(getattr(actor, side)) for side in SIDES}


def in_words(actor: Actor) -> str:
    """What the figures shown to `actor` are limited to: “funds 11 and 23; office WP”. Empty when they see all."""
    parts = []
    for side, name in SIDES.items():
        codes = getattr(actor, side)
        if codes is not None:
            parts.append(f"{name} {', '.join(sorted(codes)) or '(none)'}")
    return "; ".join(parts)


def outside(actor: Actor, *, fund: str, office: str, method: str) -> str:
    """What of this money lies outside the actor's scope, like “office 99”; empty when all of it is within."""
    for codes, code, name in (
        (actor.funds, fund, "fund"),
        (actor.offices, office, "office"),
        (actor.methods, method, "method of payment"),
    ):
        if codes is not None and code not in codes:
            return f"{name} {code}"
    return ""


def require_whole(actor: Actor, what: str) -> None:
    """Raise `NotAllowed` for an actor who sees only some of the money. `what` names what holds all of it."""
    if actor.is_limited:
        raise NotAllowed(
            f"{what} holds the money of every fund, office and method of payment, and your account is limited to "
            f"{in_words(actor)}. Ask somebody who sees all of them."
        )
