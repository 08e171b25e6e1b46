"""Retention: changing rules, placing and lifting holds, and disposing of what is due, by two people's decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import localtime

from ims.approvals.errors import ApprovalNeeded
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.jobs.queue import enqueue
from ims.records import classes, selectors
from ims.records.errors import RecordsRefusal
from ims.records.models import Disposal, Hold, RetentionRule

DISPOSAL_KIND = DISPOSAL_LIMIT = "records.disposal"
DISPOSAL_JOB = "records.dispose"
BATCH = 2_000
"""Rows erased in one transaction: a worker that is killed loses no more than that."""

Report = Callable[[int, int, str], None]


def _silent(done: int, total: int, message: str) -> None:
    """Nobody watches."""


@transaction.atomic
def change_rule(
    *, actor: Actor, record_class: str, months: int, counted_from: str, basis: str, is_active: bool, reason: str
) -> RetentionRule:
    """Change how long a class is kept. The reason and the legal source stay in the history."""
    authorise(actor, "records.change_retentionrule", what="change retention rules")
    selectors.require(actor, "change retention rules")
    why = _needed(reason, "Say why the rule changes.")
    rule = RetentionRule.objects.select_for_update().filter(record_class=record_class).first()
    if rule is None:
        raise NotFound("There is no such retention rule.")
    rule.months, rule.counted_from, rule.is_active = months, counted_from, is_active
    rule.basis = _needed(basis, "Name the law or the decision that says how long.")
    rule.full_clean()
    with acting(actor, why):
        rule.save()
    return rule


@transaction.atomic
def place_hold(*, actor: Actor, reason: str, record_class: str = "", fund: str = "", reference: str = "") -> Hold:
    """Keep what a claim, an investigation or a request needs. It counts from this moment, for every disposal."""
    authorise(actor, "records.add_hold", what="place legal holds")
    selectors.require(actor, "place legal holds")
    if record_class:
        classes.find(record_class)
    hold = Hold(
        record_class=record_class,
        fund=fund.strip(),
        reference=reference.strip(),
        reason=_needed(reason, "Say what the hold is for."),
        placed_by=actor.name,
    )
    with acting(actor, hold.reason):
        hold.save()
    record("hold_placed", actor=actor, subject=hold, reason=hold.reason)
    return hold


@transaction.atomic
def lift_hold(*, actor: Actor, hold_id: int, reason: str) -> Hold:
    """End a hold. What it kept is due again at the next disposal."""
    authorise(actor, "records.change_hold", what="lift legal holds")
    selectors.require(actor, "lift legal holds")
    why = _needed(reason, "Say why the hold ends.")
    hold = Hold.objects.select_for_update().filter(pk=hold_id).first()
    if hold is None:
        raise NotFound("There is no such legal hold.")
    if hold.lifted_at is not None:
        raise RecordsRefusal(f"{hold} was lifted on {localtime(hold.lifted_at):%-d %b %Y} already.")
    hold.lifted_at = clock.now()
    with acting(actor, why):
        hold.save()
    record("hold_lifted", actor=actor, subject=hold, reason=why)
    return hold


@transaction.atomic
def dispose(
    *, actor: Actor, record_class: str, before: date, reason: str, approval: Approval | None = None
) -> Disposal:
    """Decide on disposing of a class's text of days before `before`; the work itself is a job.

    Never done alone, whatever the limits say: raises `ApprovalNeeded` without the approval of a second person.
    """
    authorise(actor, "records.ask_disposal", what="dispose of records")
    selectors.require(actor, "dispose of records")
    chosen, rule = classes.find(record_class), selectors.rule_of(record_class)
    payload = {"record_class": record_class, "before": before.isoformat(), "reason": reason}
    why = _needed(reason, "Say why this is disposed of.")
    if approval is None:
        raise ApprovalNeeded(
            "Records are disposed of by the decision of two people. A second person has to approve it.",
            kind=DISPOSAL_KIND,
            payload=payload,
            key="",
        )
    approval.cover(DISPOSAL_LIMIT, None)
    if not rule.is_active:
        raise RecordsRefusal(f"The rule of “{chosen.title}” is not in use, so nothing of it is disposed of.")
    if before > selectors.cutoff_of(rule):
        raise RecordsRefusal(
            f"“{chosen.title}” is kept for {rule.months} months: only what is before "
            f"{selectors.cutoff_of(rule):%-d %b %Y} is due."
        )
    if Disposal.objects.filter(record_class=record_class).exclude(state=Disposal.State.DONE).exists():
        raise RecordsRefusal(f"A disposal of “{chosen.title}” is under way already. Wait for its end.")
    due = selectors.plan_before(chosen, before)
    if not due.count:
        raise RecordsRefusal(f"Nothing of “{chosen.title}” is due before {before:%-d %b %Y}.")
    disposal = Disposal.objects.create(
        record_class=record_class,
        rule={"months": rule.months, "counted_from": rule.counted_from, "basis": rule.basis},
        before_day=before,
        planned=due.count,
        oldest=due.oldest,
        newest=due.newest,
        approval_id=approval.request_id,
        reason=why,
        asked_by=actor.name,
    )
    record("disposal_approved", actor=actor, subject=disposal, reason=why, data={"rows": due.count, **payload})
    enqueue(DISPOSAL_JOB, actor=actor, subject=disposal, title=f"Dispose of {chosen.title}", disposal=disposal.pk)
    return disposal


def carry_out(*, actor: Actor, disposal_id: int, report: Report = _silent) -> Disposal:
    """Erase what was decided on, a batch to a transaction, then make the certificate.

    May run again after its worker was killed: what is erased stays erased, the rest follows. Holds placed meanwhile
    keep what they cover.
    """
    authorise(actor, "records.ask_disposal", what="dispose of records")
    disposal = _begin(disposal_id)
    if disposal.state == Disposal.State.DONE:
        return disposal
    chosen = classes.find(disposal.record_class)
    for target in chosen.targets:
        while True:
            with transaction.atomic():
                Disposal.objects.select_for_update().get(pk=disposal.pk)
                keys = selectors.next_keys(chosen, target, disposal.before_day, BATCH)
                if not keys:
                    break
                _erase(disposal, target.table, keys)
            report(_erased(disposal), disposal.planned, f"{chosen.title}: {_erased(disposal):,} rows done")
    return _finish(actor, disposal)


@transaction.atomic
def _begin(disposal_id: int) -> Disposal:
    disposal = Disposal.objects.select_for_update().filter(pk=disposal_id).first()
    if disposal is None:
        raise NotFound("There is no such disposal.")
    if disposal.state == Disposal.State.APPROVED:
        disposal.state, disposal.started_at = Disposal.State.RUNNING, clock.now()
        disposal.save(update_fields=["state", "started_at"])
    return disposal


def _erase(disposal: Disposal, table: str, keys: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ims_erase(%s, %s, %s)", [disposal.pk, table, keys])


def _erased(disposal: Disposal) -> int:
    return disposal.erasures.count()


@transaction.atomic
def _finish(actor: Actor, disposal: Disposal) -> Disposal:
    disposal = Disposal.objects.select_for_update().get(pk=disposal.pk)
    if disposal.state == Disposal.State.DONE:
        return disposal
    disposal.done, disposal.finished_at = _erased(disposal), clock.now()
    disposal.certificate = json.dumps(_certificate(disposal), ensure_ascii=False, indent=2) + "\n"
    disposal.sha256 = hashlib.sha256(disposal.certificate.encode()).hexdigest()
    disposal.state = Disposal.State.DONE
    disposal.save()
    data = {"class": disposal.record_class, "rows": disposal.done, "certificate_sha256": disposal.sha256}
    record("disposal_done", actor=actor, subject=disposal, reason=disposal.reason, data=data)
    return disposal


def _certificate(disposal: Disposal) -> dict[str, Any]:
    """What the certificate says; its SHA-256 stands in the sealed audit trail."""
    chosen = classes.find(disposal.record_class)
    rows, digest = selectors.digest_of(disposal)
    return {
        "format": "ims-disposal-1",
        "council": settings.COUNCIL_NAME,
        "disposal": disposal.pk,
        "records": chosen.title,
        "what_went": chosen.what,
        "what_stays": chosen.stays,
        "rule": disposal.rule,
        "before_day": disposal.before_day.isoformat(),
        "oldest": disposal.oldest.isoformat(),
        "newest": disposal.newest.isoformat(),
        "rows_planned": disposal.planned,
        "rows_erased": rows,
        "rows_sha256": digest,
        "asked_by": disposal.asked_by,
        "approved_by": disposal.approval.decided_by_name,
        "request": disposal.approval_id,
        "reason": disposal.reason,
        "approved_at": disposal.approved_at.isoformat(),
        "started_at": disposal.started_at.isoformat(),
        "finished_at": disposal.finished_at.isoformat(),
    }


def _needed(text: str, sentence: str) -> str:
    if not text.strip():
        raise RecordsRefusal(sentence)
    return text.strip()
