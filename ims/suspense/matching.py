"""Whose receipt may this be? Suggestions with their reasons, by passes over all items at once.

The order of the passes follows the strength of their evidence: the whole reference; the reference put together across
separators; one digit wrong or two swapped, cut short, or the amount owed (these only with a name or an amount that
agrees); what was done with the same payer before; and a reference that a fund's own rule proves by its check digit
although no account is on file. Nothing is ever posted on the strength of a suggestion: a person accepts it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.db import connection, transaction

from ims.common.sql import read
from ims.funds.models import Fund
from ims.references.narrative import find_references
from ims.references.rules import ReferenceRule
from ims.suspense.models import MatchSuggestion, SuspenseItem

MOST_KEPT = 5
"""Suggestions offered for one item."""
FEW = 200
"""Up to here items are matched by one statement; beyond, by temporary tables that have statistics."""
_AT_ONCE = 50_000
"""Items matched in one go when all are matched: keeps memory flat."""

WHOLE, JOINED, NEARLY, CUT_SHORT, OWING, BEFORE, PROVED = range(1, 8)

# Out of 100. What a pass is worth alone, and what an agreeing name or amount adds to it.
_WORTH = {WHOLE: 92, JOINED: 86, NEARLY: 60, CUT_SHORT: 52, OWING: 36, BEFORE: 45, PROVED: 70}
_ADDED = {WHOLE: 4, JOINED: 5, NEARLY: 14, CUT_SHORT: 14, OWING: 14, BEFORE: 10, PROVED: 0}
_RIVAL_MARGIN, _RIVAL_COST = 5, 20
_REASONS = {
    WHOLE: "The whole reference stands in the narrative.",
    JOINED: "The reference stands in the narrative, with separators or other characters around its digits.",
    NEARLY: "One digit differs, or two neighbours are swapped.",
    CUT_SHORT: "The reference in the narrative looks cut short.",
    OWING: "",
    PROVED: "Its form and check digit are right for the fund, but no such account is on file.",
}


def likelihood(confidence: int) -> str:
    """A confidence in words: very likely, likely or possible."""
    return "Very likely" if confidence >= 90 else "Likely" if confidence >= 70 else "Possible"


@dataclass(frozen=True)
class Suggestion:
    """An account an item may belong to. `confidence` runs from 0 to 99; `reasons` are whole sentences."""

    fund: str
    reference: str
    name: str
    confidence: int
    reasons: Sequence[str] = field(default_factory=tuple)

    @property
    def likelihood(self) -> str:
        """The confidence in words."""
        return likelihood(self.confidence)


@dataclass(frozen=True)
class _Hit:
    """One row of the last stage of `sql/match.sql`."""

    item: int
    found_by: int
    fund: str
    reference: str
    name: str
    is_open: bool
    name_agrees: bool
    surname_agrees: bool
    amount_agrees: bool
    times: int


def suggest_many(items: Sequence[int]) -> dict[int, list[Suggestion]]:
    """Suggestions for each of the open items given by primary key, likeliest first; items without any are left out.

    Set-based: a hundred thousand items against half a million accounts take seconds.
    """
    wanted = list(items)
    if not wanted:
        return {}
    with transaction.atomic():
        hits = _hits(wanted)
    hits += _proved(sorted(set(wanted) - {hit.item for hit in hits if hit.found_by <= JOINED}))
    by_item: dict[int, list[_Hit]] = {}
    for hit in hits:
        by_item.setdefault(hit.item, []).append(hit)
    return {item: _ranked(found) for item, found in by_item.items()}


def remember(items: Sequence[int] | None = None) -> int:
    """Store the suggestions of the given open items (None: all open ones); return how many items have any."""
    wanted = SuspenseItem.objects.filter(state=SuspenseItem.State.OPEN)
    if items is not None:
        wanted = wanted.filter(pk__in=items)
    keys = list(wanted.order_by("pk").values_list("pk", flat=True))
    if items is None:
        with transaction.atomic():
            _one_at_a_time()
            MatchSuggestion.objects.exclude(item__state=SuspenseItem.State.OPEN).delete()
    matched = 0
    for start in range(0, len(keys), _AT_ONCE):
        chunk = keys[start : start + _AT_ONCE]
        found = suggest_many(chunk)
        with transaction.atomic():
            _store(chunk, found)
        matched += len(found)
    return matched


def _one_at_a_time() -> None:
    """Wait for whoever is storing suggestions: two who store those of one item would both give it a likeliest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ims.suspense.remember', 0))")


def _store(items: Sequence[int], found: dict[int, list[Suggestion]]) -> None:
    _one_at_a_time()
    MatchSuggestion.objects.filter(item__in=items).delete()
    table = MatchSuggestion._meta.db_table
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY {table} (item_id, rank, fund_id, account_reference, name, confidence, reasons) FROM STDIN"
        ) as copy,
    ):
        for item, suggestions in found.items():
            for rank, suggestion in enumerate(suggestions[:3], start=1):
                copy.write_row(
                    (
                        item,
                        rank,
                        suggestion.fund,
                        suggestion.reference,
                        suggestion.name,
                        suggestion.confidence,
                        json.dumps(list(suggestion.reasons)),
                    )
                )


def _stages() -> list[tuple[str, str]]:
    """The stages of `sql/match.sql`: name and SELECT, in order."""
    text = read("ims.suspense", "match.sql")
    parts = re.split(r"^-- stage: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _hits(items: list[int]) -> list[_Hit]:
    stages = _stages()
    parameters = {"items": items}
    with connection.cursor() as cursor:
        if len(items) <= FEW:
            # Without statistics the planner would read every account; by its indexes a few items take milliseconds.
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off")
            named = ",\n".join(f"{name} AS MATERIALIZED ({select})" for name, select in stages)
            cursor.execute(f"WITH {named} SELECT * FROM {stages[-1][0]}", parameters)  # noqa: S608
        else:
            cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
            for name, select in stages:
                cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
                cursor.execute(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS {select}", parameters)
                cursor.execute(f"ANALYZE {name}")
            cursor.execute(f"SELECT * FROM {stages[-1][0]}")  # noqa: S608
        rows = [_Hit(*row) for row in cursor.fetchall()]
        cursor.execute("RESET enable_hashjoin; RESET enable_mergejoin; RESET jit; RESET work_mem")
    return rows


def _proved(items: Sequence[int]) -> list[_Hit]:
    """References that a fund's rule proves, for funds whose accounts need not be on file."""
    rules = _proving_rules()
    if not rules or not items:
        return []
    hits = []
    texts = SuspenseItem.objects.filter(pk__in=items).values_list("pk", "entry__narrative", "entry__account_reference")
    for item, narrative, reference in texts.iterator(chunk_size=5_000):
        for found in find_references(f"{narrative} {reference}", rules):
            hits.append(_Hit(item, PROVED, found.rule, found.reference, "", True, False, False, False, 0))
    return hits


def _proving_rules() -> dict[str, ReferenceRule]:
    """The rule of each fund in use whose references have a check digit and need not belong to a known account."""
    funds = Fund.objects.filter(
        is_active=True, account_must_exist=False, is_suspense=False, reference_rule__check_digit__isnull=False
    ).select_related("reference_rule__check_digit")
    return {fund.pk: ReferenceRule.from_config(fund.reference_rule.as_config()) for fund in funds}


def _ranked(hits: Iterable[_Hit]) -> list[Suggestion]:
    """One suggestion for each account, likeliest first. Accounts that fit equally well lower one another."""
    merged: dict[tuple[str, str], Suggestion] = {}
    for hit in sorted(hits, key=lambda hit: hit.found_by):
        new = Suggestion(hit.fund, hit.reference, hit.name, _confidence(hit), tuple(_reasons(hit)))
        key = (hit.fund, hit.reference)
        old = merged.get(key)
        merged[key] = _stronger(old, new) if old else new
    ranked = sorted(merged.values(), key=lambda found: (-found.confidence, found.fund, found.reference))
    if len(ranked) > 1 and ranked[0].confidence - ranked[1].confidence < _RIVAL_MARGIN:
        best = ranked[0].confidence
        ranked = [
            replace(
                found,
                confidence=max(found.confidence - _RIVAL_COST, 1),
                reasons=(*found.reasons, "Another account fits as well."),
            )
            if best - found.confidence < _RIVAL_MARGIN
            else found
            for found in ranked
        ]
        ranked.sort(key=lambda found: (-found.confidence, found.fund, found.reference))
    return ranked[:MOST_KEPT]


def _stronger(old: Suggestion, new: Suggestion) -> Suggestion:
    """Two kinds of evidence for one account are worth a little more than the better of them."""
    confidence = min(max(old.confidence, new.confidence) + 3, 99)
    extra = tuple(reason for reason in new.reasons if reason not in old.reasons)
    return replace(old, name=old.name or new.name, confidence=confidence, reasons=(*old.reasons, *extra))


def _confidence(hit: _Hit) -> int:
    worth = _WORTH[hit.found_by] + _ADDED[hit.found_by] * hit.amount_agrees
    if hit.name_agrees:
        worth += _ADDED[hit.found_by]
    elif hit.surname_agrees:
        worth += _ADDED[hit.found_by] // 2
    worth += 8 * min(hit.times, 4) if hit.found_by == BEFORE else 0
    return max(1, min(worth if hit.is_open else worth - 25, 99))


def _reasons(hit: _Hit) -> Iterator[str]:
    if _REASONS.get(hit.found_by):
        yield _REASONS[hit.found_by]
    if hit.found_by == BEFORE:
        times = "once" if hit.times == 1 else f"{hit.times} times"
        yield f"Receipts that look the same were allocated to it {times} before."
    if hit.name_agrees:
        yield "The name agrees."
    elif hit.surname_agrees:
        yield "The surname agrees."
    if hit.amount_agrees:
        yield "The amount is exactly what is owed."
    if not hit.is_open:
        yield "The account has gone from the last full load."
