"""Reading what is due to be disposed of, what is held, and what was done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet

from ims.audit.actors import Actor, authorise
from ims.audit.scope import require_whole
from ims.common import clock
from ims.common.errors import NotFound
from ims.records import classes, rules
from ims.records.classes import RecordClass, Target
from ims.records.models import Disposal, Hold, RetentionRule

_DUE = """
FROM ({query}) AS x
WHERE x.day < %(before)s AND {held} EXISTS (
  SELECT 1 FROM records_hold h
  WHERE h.lifted_at IS NULL AND h.record_class IN ('', %(class)s) AND ({holds}))
"""

_DIGEST = """
SELECT id, table_name || '|' || row_key || '|' || encode(before, 'hex') || '|' || encode(after, 'hex')
FROM records_erasure WHERE disposal_id = %s AND id > %s ORDER BY id LIMIT 20000
"""


@dataclass(frozen=True)
class Plan:
    """What a disposal of one class would take: rows, the oldest and newest day, and what holds keep back."""

    record_class: RecordClass
    before: date
    count: int
    oldest: date | None
    newest: date | None
    held: int


@dataclass(frozen=True)
class Standing:
    """A rule and what is due under it just now; a disposal under way, if any."""

    rule: RetentionRule
    record_class: RecordClass
    plan: Plan
    under_way: Disposal | None


def require(actor: Actor, what: str) -> None:
    """Raise `NotAllowed` unless `actor` may see rules and holds, of every fund."""
    authorise(actor, "records.view_retentionrule", what=what)
    require_whole(actor, "Retention")


def standings(actor: Actor) -> list[Standing]:
    """Every rule, with what is due under it."""
    require(actor, "see retention rules")
    under_way = {each.record_class: each for each in Disposal.objects.exclude(state=Disposal.State.DONE)}
    found = {rule.record_class: rule for rule in RetentionRule.objects.all()}
    return [
        Standing(found[each.code], each, plan(found[each.code]), under_way.get(each.code))
        for each in classes.CLASSES
        if each.code in found
    ]


def rule_of(code: str) -> RetentionRule:
    """The rule of one class. Raises `NotFound`."""
    rule = RetentionRule.objects.filter(record_class=code).first()
    if rule is None:
        raise NotFound("There is no such retention rule.")
    return rule


def cutoff_of(rule: RetentionRule, today: date | None = None) -> date:
    """The day before which records are due under `rule`."""
    from_year_end = rule.counted_from == RetentionRule.CountedFrom.YEAR_END
    return rules.cutoff(today or clock.today(), months=rule.months, from_year_end=from_year_end)


def plan(rule: RetentionRule) -> Plan:
    """What is due under `rule` just now."""
    return plan_before(classes.find(rule.record_class), cutoff_of(rule))


def plan_before(record_class: RecordClass, before: date) -> Plan:
    """What of a class is due, of days earlier than `before`."""
    count, held, oldest, newest = 0, 0, None, None
    # Most classes are under no hold at all: what nothing keeps back need not be counted a second time.
    is_held = Hold.objects.filter(lifted_at=None, record_class__in=("", record_class.code)).exists()
    for target in record_class.targets:
        rows, first, last = _one("count(*), min(x.day), max(x.day)", record_class, target, before)
        if is_held:
            held += _one("count(*)", record_class, target, before, held=True)[0]
        count += rows
        oldest = min((day for day in (oldest, first) if day), default=None)
        newest = max((day for day in (newest, last) if day), default=None)
    return Plan(record_class, before, count, oldest, newest, held)


def next_keys(record_class: RecordClass, target: Target, before: date, limit: int) -> list[str]:
    """The keys of the next rows of `target` that are due, the lowest first."""
    query = _query("x.key::text", target, held=False) + " ORDER BY x.key LIMIT %(limit)s"
    with connection.cursor() as cursor:
        cursor.execute(query, {"before": before, "class": record_class.code, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def _one(columns: str, record_class: RecordClass, target: Target, before: date, *, held: bool = False) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_query(columns, target, held=held), {"before": before, "class": record_class.code})
        return cursor.fetchone()


def _query(columns: str, target: Target, *, held: bool) -> str:
    due = _DUE.format(query=target.query, holds=target.held, held="" if held else "NOT")
    return f"SELECT {columns} {due}"


def holds(actor: Actor) -> QuerySet[Hold]:
    """Every hold, those in force first."""
    require(actor, "see legal holds")
    return Hold.objects.order_by(F("lifted_at").desc(nulls_first=True), "-pk")


def disposals(actor: Actor) -> QuerySet[Disposal]:
    """Every disposal, newest first."""
    require(actor, "see disposals")
    return Disposal.objects.select_related("approval")


def get_disposal(actor: Actor, disposal_id: int) -> Disposal:
    """One disposal. Raises `NotFound`."""
    found = disposals(actor).filter(pk=disposal_id).first()
    if found is None:
        raise NotFound("There is no such disposal.")
    return found


def digest_of(disposal: Disposal) -> tuple[int, str]:
    """How many rows a disposal erased, and the SHA-256 over which they were and what is left of their hashes."""
    digest, rows, last = hashlib.sha256(), 0, 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DIGEST, [disposal.pk, last])
            page = cursor.fetchall()
        if not page:
            return rows, digest.hexdigest()
        for _, line in page:
            digest.update(line.encode() + b"\n")
        rows, last = rows + len(page), page[-1][0]


def certified_entries() -> Iterator[dict[str, Any]]:
    """What proves ledger entries whose text is gone, for evidence: certificates, each with the entries under it."""
    of_entries = [each.code for each in classes.CLASSES if any(t.table == "ledger_entry" for t in each.targets)]
    for disposal in Disposal.objects.filter(state=Disposal.State.DONE, record_class__in=of_entries).order_by("pk"):
        yield {"disposal": {"id": disposal.pk, "certificate": disposal.certificate}}
        for row, before, after in (
            disposal.erasures.order_by("pk").values_list("row_key", "before", "after").iterator(20_000)
        ):
            yield {"erasure": {"row": row, "before": bytes(before).hex(), "after": bytes(after).hex()}}
