"""What of moving money is limited, and the question to ask before a posting that moves it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from ims.approvals import gate, kinds
from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor
from ims.common.money import ZERO
from ims.funds.models import Fund
from ims.interests.services import refuse_interested
from ims.ledger.lines import Line

JOURNAL, TRANSFER = "ledger.journal", "ledger.transfer"
ALLOCATION, REVERSAL = "ledger.allocation", "ledger.reversal"
WRITE_OFF = "ledger.write_off"


def register() -> None:
    """Let limits be set for moving money."""
    kinds.register_limit(JOURNAL, "Journals")
    kinds.register_limit(TRANSFER, "Transfers")
    kinds.register_limit(ALLOCATION, "Allocations from suspense")
    kinds.register_limit(REVERSAL, "Reversals")
    kinds.register_limit(WRITE_OFF, "Write-offs")


def moved(amounts: Iterable[Decimal]) -> Decimal:
    """How much money signed lines move, in pounds: what goes in or what comes out, whichever is more.

    `sql/limits.sql` reckons the same.
    """
    into = out = ZERO
    for amount in amounts:
        into, out = into + max(amount, ZERO), out - min(amount, ZERO)
    return max(into, out)


def leave(
    *, actor: Actor, limit: str, lines: Sequence[Line], approval: Approval | None, ask: Callable[[], Asked]
) -> int | None:
    """The number of the request that allows moving `lines` (signed), None when `actor` may alone; or raise.

    Who declared an interest in an account that the lines touch is refused. Money put on a fund for write-offs counts as
    written off too, whichever way it is moved there.
    """
    refuse_interested(
        actor=actor,
        accounts=[(line.fund, line.account_reference) for line in lines],
        what="move money to or from",
        approval=approval,
    )
    number = gate.require(
        actor=actor, limit=limit, amount=moved(line.amount for line in lines), approval=approval, ask=ask
    )
    funds = {line.fund for line in lines}
    write_offs = set(Fund.objects.filter(is_write_off=True, pk__in=funds).values_list("pk", flat=True))
    if not write_offs:
        return number
    lost = moved(line.amount for line in lines if line.fund in write_offs)
    return gate.require(actor=actor, limit=WRITE_OFF, amount=lost, approval=approval, ask=ask)
