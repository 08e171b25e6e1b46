"""How a disposal is asked for, and applied when a second person approves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ims.approvals import kinds
from ims.approvals.kinds import Approval
from ims.approvals.plans import Applied, Plan
from ims.audit.actors import Actor
from ims.records import classes, services


def register() -> None:
    """Make disposals something that can be asked for. Called once, at start-up."""
    kinds.register_limit(services.DISPOSAL_LIMIT, "Disposals of records", has_amount=False)
    kinds.register(
        kinds.Kind(
            code=services.DISPOSAL_KIND, label="Disposal of records", limit=services.DISPOSAL_LIMIT, apply=_apply
        )
    )


def _apply(actor: Actor, payload: Mapping[str, Any], approval: Approval) -> Applied:
    disposal = services.dispose(
        actor=actor,
        record_class=payload["record_class"],
        before=date.fromisoformat(payload["before"]),
        reason=payload["reason"],
        approval=approval,
    )
    chosen = classes.find(disposal.record_class)
    plan = Plan(
        summary=f"Dispose of “{chosen.title}” before {disposal.before_day:%-d %b %Y}",
        facts=[
            ("What goes", chosen.what),
            ("What stays", chosen.stays),
            ("Rows", f"{disposal.planned:,}"),
            ("Oldest", f"{disposal.oldest:%-d %b %Y}"),
            ("Newest", f"{disposal.newest:%-d %b %Y}"),
            ("Kept for", f"{disposal.rule['months']} months"),
            ("Legal source", disposal.rule["basis"]),
            ("Undone", "Never: what goes cannot be brought back but from a backup."),
        ],
    )
    return Applied(plan=plan, outcome=str(disposal) if not approval.is_rehearsal else "Disposal", record=disposal)
