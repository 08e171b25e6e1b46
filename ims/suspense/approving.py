"""What of suspense can be asked for: allocations over a limit, write-offs among them."""

from __future__ import annotations

from ims.approvals import kinds
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Evidence
from ims.audit.actors import Actor
from ims.common.money import format_pounds
from ims.ledger import limits
from ims.ledger.approving import plan_of
from ims.ledger.selectors import moved_by
from ims.suspense import services
from ims.suspense.allocation import Allocation
from ims.suspense.models import SuspenseItem


def register() -> None:
    """Make allocations from suspense such that can be asked for. Write-offs are allocations to a fund of their own."""
    kinds.register(
        kinds.Kind(
            code=services.ALLOCATION_KIND,
            label="Allocation or write-off",
            limit=limits.ALLOCATION,
            apply=_allocate,
            stamp=_items_as_they_are,
        )
    )


def _allocate(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    posting = services.allocate(
        actor=actor,
        allocation=Allocation.from_data(payload),
        reason=payload["reason"],
        key=payload["key"],
        approval=approval,
    )
    items = [take["item"] for take in payload["takes"]]
    is_write_off = posting.entries.filter(fund__is_write_off=True).exists()
    verb = "Write off" if is_write_off else "Allocate"
    many = f"suspense item {items[0]}" if len(items) == 1 else f"{len(items)} suspense items"
    evidence = [Evidence(label=f"Suspense {item}", model="suspense.suspenseitem", key=str(item)) for item in items]
    plan = plan_of(posting, summary=f"{verb} {format_pounds(moved_by(posting))} of {many}", evidence=evidence)
    return Applied(plan=plan, outcome=posting.reference, record=posting)


def _items_as_they_are(payload: Payload) -> dict[str, str]:
    items = SuspenseItem.objects.filter(pk__in=[take["item"] for take in payload["takes"]]).order_by("pk")
    return {f"What remains of suspense item {item.pk}": format_pounds(item.remaining) for item in items}
