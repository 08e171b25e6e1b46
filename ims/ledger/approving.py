"""What of the ledger can be asked for: journals, transfers, allocations and reversals over a limit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.db.models import Count, Sum

from ims.approvals import kinds
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Evidence, Plan, PlanLine
from ims.audit.actors import Actor
from ims.common.money import format_pounds
from ims.ledger import limits, services
from ims.ledger.lines import Line, Take
from ims.ledger.models import Entry, Posting
from ims.ledger.selectors import moved_by, remaining

LINES_SHOWN = 40


def register() -> None:
    """Make the ledger's acts such that can be limited and asked for."""
    limits.register()
    for code, label, apply, stamp in (
        (limits.JOURNAL, "Journal", _journal, _receipt_as_it_is),
        (limits.TRANSFER, "Transfer", _transfer, _nothing),
        (limits.ALLOCATION, "Allocation from suspense", _allocation, _nothing),
        (limits.REVERSAL, "Reversal", _reversal, _nothing),
    ):
        kinds.register(kinds.Kind(code=code, label=label, limit=code, apply=apply, stamp=stamp))


def plan_of(posting: Posting, *, summary: str, evidence: Sequence[Evidence] = ()) -> Plan:
    """What a posting did, as a plan: its lines; of many, the first, how many there are, and the sum of each fund."""
    lines = posting.entries.select_related("fund", "method_of_payment").order_by("line")[:LINES_SHOWN]
    by_fund = list(
        posting.entries.order_by("fund_id")
        .values("fund_id", "fund__name")
        .annotate(lines=Count("id"), sum=Sum("amount"))
    )
    return Plan(
        summary=summary,
        lines=[planned(line) for line in lines],
        line_count=posting.entry_count,
        facts=[
            (f"{row['fund_id']} {row['fund__name']}", f"{format_pounds(row['sum'])}, lines: {row['lines']:,}")
            for row in by_fund
            if posting.entry_count > LINES_SHOWN
        ],
        evidence=evidence,
        funds=[row["fund_id"] for row in by_fund],
    )


def planned(entry: Entry) -> PlanLine:
    """One entry as a line of a plan."""
    return PlanLine(
        fund=str(entry.fund),
        account_reference=entry.account_reference,
        method_of_payment=entry.method_of_payment.name,
        narrative=entry.narrative,
        amount=str(entry.amount),
        vat_amount=str(entry.vat_amount),
    )


def evidence_of(entries: Sequence[Entry]) -> list[Evidence]:
    """The receipts that somebody who decides should look at."""
    return [Evidence(label=entry.receipt_number, model="ledger.entry", key=str(entry.pk)) for entry in entries]


def _applied(posting: Posting, plan: Plan) -> Applied:
    return Applied(plan=plan, outcome=posting.reference, record=posting)


def _journal(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    posting = services.post_journal(
        actor=actor,
        entry_id=payload["entry_id"],
        targets=[Line.from_data(line) for line in payload["targets"]],
        reason=payload["reason"],
        key=payload["key"],
        approval=approval,
    )
    entry = Entry.objects.select_related("posting").get(pk=payload["entry_id"])
    moved = format_pounds(moved_by(posting))
    summary = f"Move {moved} of {entry.receipt_number}"
    return _applied(posting, plan_of(posting, summary=summary, evidence=evidence_of([entry])))


def _receipt_as_it_is(payload: Payload) -> dict[str, str]:
    left = remaining([payload["entry_id"]]).get(payload["entry_id"])
    return {"What remains of the receipt": format_pounds(left)}


def _transfer(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    posting = services.post_transfer(
        actor=actor,
        sources=[Line.from_data(line) for line in payload["sources"]],
        targets=[Line.from_data(line) for line in payload["targets"]],
        reason=payload["reason"],
        key=payload["key"],
        approval=approval,
    )
    moved = format_pounds(moved_by(posting))
    return _applied(posting, plan_of(posting, summary=f"Transfer {moved} between accounts"))


def _allocation(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    posting = services.post_allocation(
        actor=actor,
        takes=[Take(take["entry_id"], Decimal(take["amount"])) for take in payload["takes"]],
        lines=[Line.from_data(line) for line in payload["lines"]],
        credit_notes=[Line.from_data(line) for line in payload["credit_notes"]],
        reason=payload["reason"],
        key=payload["key"],
        approval=approval,
    )
    entries = Entry.objects.select_related("posting").filter(pk__in=[take["entry_id"] for take in payload["takes"]])
    moved = format_pounds(moved_by(posting))
    summary = f"Allocate {moved} from suspense"
    return _applied(posting, plan_of(posting, summary=summary, evidence=evidence_of(entries.order_by("pk"))))


def _reversal(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    reversal = services.reverse(
        actor=actor, posting_id=payload["posting_id"], reason=payload["reason"], approval=approval
    )
    first = reversal.reverses.entries.select_related("posting").order_by("line")[:1]
    summary = f"Reverse {reversal.reverses}"
    return _applied(reversal, plan_of(reversal, summary=summary, evidence=evidence_of(first)))


def _nothing(payload: Payload) -> dict[str, str]:
    """The plan says it all: the service refuses what has changed, and the plan would be another one."""
    return {}
