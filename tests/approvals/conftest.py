"""People of three roles, and a kind of request to try everything with: posting a receipt that needs a second person."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ims.approvals import gate, kinds
from ims.approvals.gate import Asked
from ims.approvals.plans import Applied, Evidence, Plan, PlanLine
from ims.audit.actors import Actor
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.models import Entry, Posting
from tests.people.people_world import actor
from tests.support import limits

KIND = "test.receipt"


def post_receipt(
    *, actor: Actor, amount: str, reference: str, key: str, approval: kinds.Approval | None = None
) -> Posting:
    """A service as every room writes one: it works out the amount, asks the gate, and acts."""
    payload = {"amount": amount, "reference": reference, "key": key}
    gate.require(
        actor=actor,
        limit=KIND,
        amount=Decimal(amount),
        approval=approval,
        ask=lambda: Asked(kind=KIND, payload=payload, key=key),
    )
    line = Line(fund="23", amount=Decimal(amount), method_of_payment="28", account_reference=reference)
    return ledger.post_receipts(actor=actor, lines=[line], source_kind="approved", source_key=key).posting


def _apply(actor: Actor, payload: Any, approval: kinds.Approval) -> Applied:
    posting = post_receipt(actor=actor, approval=approval, **payload)
    return Applied(plan=_plan(posting), outcome=str(posting), record=posting)


def _plan(posting: Posting) -> Plan:
    entries = list(posting.entries.select_related("fund", "method_of_payment").order_by("line"))
    lines = [
        PlanLine(
            fund=str(each.fund),
            account_reference=each.account_reference,
            method_of_payment=each.method_of_payment.name,
            narrative=each.narrative,
            amount=str(each.amount),
            vat_amount=str(each.vat_amount),
        )
        for each in entries
    ]
    return Plan(
        summary=f"A receipt for {entries[0].account_reference}",
        lines=lines,
        line_count=len(lines),
        evidence=[Evidence(label="The account", model="funds.fund", key="23")],
        funds=sorted({each.fund_id for each in entries}),
    )


def _stamp(payload: Any) -> dict[str, str]:
    held = Entry.objects.filter(account_reference=payload["reference"]).count()
    return {"The number of receipts of the account": str(held)}


@pytest.fixture
def kind() -> Iterator[str]:
    """The kind of request the tests use, registered for as long as one runs."""
    kinds.register_limit(KIND, "Test receipts")
    kinds.register(
        kinds.Kind(
            code=KIND,
            label="Test receipt",
            limit=KIND,
            apply=_apply,
            stamp=_stamp,
            barred=lambda payload: payload.get("barred", ()),
        )
    )
    yield KIND
    kinds._KINDS.pop(KIND)
    kinds._LIMITS.pop(KIND)


@pytest.fixture
def olu(world) -> Actor:
    """An income officer."""
    return actor("olu", "Income officer")


@pytest.fixture
def mina(world) -> Actor:
    """An income manager, who may decide."""
    return actor("mina", "Income manager")


@pytest.fixture
def fran(world) -> Actor:
    """Somebody of finance, who may decide."""
    return actor("fran", "Finance")


@pytest.fixture
def limited(kind: str) -> str:
    """£100 alone for officers, £5,000 at most; managers approve up to £1,000, finance anything."""
    limits.no_limits(kind)
    limits.set_limit(kind, "Income officer", alone="100", approved="5000")
    limits.set_limit(kind, "Income manager", alone="500", approves="1000")
    limits.set_limit(kind, "Finance", alone="0", approves=None)
    return kind
