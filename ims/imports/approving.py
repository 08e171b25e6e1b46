"""What of imports can be asked for: reversing a file, a second receipt like the first, routing rules, file profiles."""

from __future__ import annotations

from collections.abc import Mapping

from ims.approvals import kinds, records
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Difference, Evidence, Plan
from ims.audit.actors import Actor
from ims.common.money import ZERO, format_pounds
from ims.imports import services
from ims.imports.models import FileProfile, ImportBatch, ImportRow, RoutingRule
from ims.imports.rules import FIELDS, conditions_in_words
from ims.imports.services.held_rows import DUPLICATE
from ims.imports.services.reversing import REVERSAL_KIND
from ims.imports.states import BatchState, Outcome
from ims.ledger import limits
from ims.ledger.approving import LINES_SHOWN, plan_of

RULE = "imports.routing_rule"
PROFILE = "imports.file_profile"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def register() -> None:
    """Make these acts such that can be limited and asked for."""
    kinds.register(
        kinds.Kind(
            code=REVERSAL_KIND, label="Reversal of a file", limit=limits.REVERSAL, apply=_reverse, stamp=_batch_as_it_is
        )
    )
    kinds.register_limit(DUPLICATE, "Second receipts that look like the first")
    kinds.register(
        kinds.Kind(code=DUPLICATE, label="Second receipt", limit=DUPLICATE, apply=_accept, stamp=_row_as_it_is)
    )
    records.register_kind(RULE, label="Routing rule", limit_label="Changes of routing rules")
    records.guard(
        RoutingRule,
        RULE,
        harmless=("name", "description"),
        funds=lambda rule: [rule.actions["fund"]] if rule.actions.get("fund") else [],
        words={"groups": lambda groups: "; or ".join(conditions_in_words(groups)), "actions": _actions},
        save=lambda actor, rule, reason: services.save_rule(actor=actor, rule=rule, reason=reason),
    )
    records.register_kind(PROFILE, label="File profile", limit_label="Changes of file profiles")
    records.guard(
        FileProfile,
        PROFILE,
        harmless=("name",),  # when a file is due is not: a missing one would no longer be noticed
        funds=lambda profile: [profile.fund_id] if profile.fund_id else [],
        words={"expected_days": lambda days: ", ".join(_WEEKDAYS[day] for day in sorted(days))},
        save=lambda actor, profile, reason: services.save_profile(actor=actor, profile=profile, reason=reason),
    )


def _actions(actions: Mapping[str, str]) -> str:
    return ", ".join(f"{FIELDS.get(name, name)}: {value}" for name, value in sorted(actions.items()))


def _reverse(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    batch = services.reverse_batch(
        actor=actor, batch_id=payload["batch_id"], reason=payload["reason"], approval=approval
    )
    plans = [plan_of(posting.reversed_by, summary="") for posting in services.postings_of(batch)]
    plan = Plan(
        summary=f"Reverse the file {batch.file_name}, import {batch.pk}",
        lines=[line for plan in plans for line in plan.lines][:LINES_SHOWN],
        line_count=sum(plan.line_count for plan in plans),
        facts=[fact for plan in plans for fact in plan.facts],
        evidence=[_evidence(batch)],
        funds=sorted({fund for plan in plans for fund in plan.funds}),
    )
    return Applied(plan=plan, outcome=f"Import {batch.pk} reversed", record=batch)


def _batch_as_it_is(payload: Payload) -> dict[str, str]:
    batch = ImportBatch.objects.get(pk=payload["batch_id"])
    postings = ", ".join(str(posting) for posting in services.postings_of(batch))
    return {f"Import {batch.pk}": BatchState(batch.state).label, f"What import {batch.pk} posted": postings}


def _accept(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    row = services.decide_duplicate(
        actor=actor, row_id=payload["row_id"], post=True, reason=payload["reason"], approval=approval
    )
    plan = Plan(
        summary=f"Take line {row.line} of import {row.batch_id}, {format_pounds(row.amount)}, as a second receipt",
        differences=[
            Difference(
                name="What becomes of the line",
                before=Outcome.SUSPECTED_DUPLICATE.label,
                after=Outcome(row.outcome).label,
            )
        ],
        facts=[
            ("Received", f"{row.received_on:%-d %b %Y}"),
            ("Fund", row.posting_fund or row.fund),
            ("Account reference", row.account_reference),
            ("Narrative", row.narrative),
        ],
        evidence=[
            Evidence(label=f"Line {row.line} of import {row.batch_id}", model="imports.importrow", key=str(row.pk)),
            _evidence(row.batch),
        ],
        funds=[fund for fund in (row.posting_fund or row.fund,) if fund],
    )
    return Applied(plan=plan, outcome=f"Line {row.line} of import {row.batch_id} accepted", record=row)


def _row_as_it_is(payload: Payload) -> dict[str, str]:
    row = ImportRow.objects.get(pk=payload["row_id"])
    return {
        f"Line {row.line}": Outcome(row.outcome).label,
        f"The amount of line {row.line}": format_pounds(row.amount or ZERO),
    }


def _evidence(batch: ImportBatch) -> Evidence:
    return Evidence(label=f"Import {batch.pk}: {batch.file_name}", model="imports.importbatch", key=str(batch.pk))
