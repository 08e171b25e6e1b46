"""What an allocation is: money taken out of items, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ims.common.money import ZERO
from ims.ledger.lines import Line


@dataclass(frozen=True)
class ItemTake:
    """Take `amount` (pounds, signed like the item) from the suspense item with primary key `item`.

    `remaining_seen` is what the person saw remain when they decided; None when nobody looked (a rule, a command).
    """

    item: int
    amount: Decimal
    remaining_seen: Decimal | None = None


@dataclass(frozen=True)
class Allocation:
    """One or many items to one or many accounts: lines = takes + credit notes, exactly.

    All amounts are positive for money that came in, all negative for money that went out.
    """

    takes: Sequence[ItemTake]
    lines: Sequence[Line]
    credit_notes: Sequence[Line] = ()

    def as_data(self) -> dict[str, Any]:
        """The allocation as JSON."""
        return {
            "takes": [
                {
                    "item": take.item,
                    "amount": str(take.amount),
                    "remaining_seen": None if take.remaining_seen is None else str(take.remaining_seen),
                }
                for take in self.takes
            ],
            "lines": [line.as_data() for line in self.lines],
            "credit_notes": [line.as_data() for line in self.credit_notes],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Allocation:
        """The allocation that `as_data` wrote down."""
        return cls(
            takes=[
                ItemTake(
                    take["item"], Decimal(take["amount"]), Decimal(seen) if (seen := take["remaining_seen"]) else None
                )
                for take in data["takes"]
            ],
            lines=[Line.from_data(line) for line in data["lines"]],
            credit_notes=[Line.from_data(line) for line in data["credit_notes"]],
        )

    @property
    def taken(self) -> Decimal:
        """The sum taken out of suspense."""
        return sum((take.amount for take in self.takes), ZERO)


@dataclass(frozen=True)
class Proposal:
    """Where one item's whole remaining amount should go."""

    item: int
    fund: str
    account_reference: str
    narrative: str = ""


@dataclass(frozen=True)
class ProposalOutcome:
    """What became of a proposal: its posting, the request that waits for it, or the sentence that refused it."""

    proposal: Proposal
    posting: str = ""
    request: str = ""
    refusal: str = ""
