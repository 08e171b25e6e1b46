"""What an allocation is: money taken out of items, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

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
    """What became of a proposal: the reference of its posting, or the sentence that refused it."""

    proposal: Proposal
    posting: str = ""
    refusal: str = ""
