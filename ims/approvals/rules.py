"""What somebody may do alone, with an approval, or not at all. No database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ims.common.money import ZERO, format_pounds


class Verdict(Enum):
    """What a limit says to an amount."""

    ALONE = "alone"
    NEEDS_APPROVAL = "needs approval"
    REFUSED = "refused"


@dataclass(frozen=True)
class Allowance:
    """Ceilings in pounds, included; None is any amount, and also the only one that takes in what has no amount."""

    alone_up_to: Decimal | None
    with_approval_up_to: Decimal | None
    may_approve_up_to: Decimal | None


NO_ROW = Allowance(alone_up_to=ZERO, with_approval_up_to=None, may_approve_up_to=ZERO)
"""Where no limit is set for a role: nothing alone, everything with an approval, and no approving. A council that has
forgotten a row is asked for a second person; it is never let through."""


def within(amount: Decimal | None, ceiling: Decimal | None) -> bool:
    """Whether `amount` (None: without an amount) is no more than `ceiling` (None: any)."""
    return ceiling is None or (amount is not None and amount <= ceiling)


def best_of(rows: Iterable[Allowance]) -> Allowance:
    """What somebody with several roles may do: the most that any one of them allows."""
    found = list(rows)
    if not found:
        return NO_ROW
    return Allowance(
        _highest(row.alone_up_to for row in found),
        _highest(row.with_approval_up_to for row in found),
        _highest(row.may_approve_up_to for row in found),
    )


def verdict(allowance: Allowance, amount: Decimal | None) -> Verdict:
    """Whether `amount` may be done alone, needs an approval, or is refused at all."""
    if within(amount, allowance.alone_up_to):
        return Verdict.ALONE
    if within(amount, allowance.with_approval_up_to):
        return Verdict.NEEDS_APPROVAL
    return Verdict.REFUSED


def in_words(ceiling: Decimal | None) -> str:
    """“any amount”, “nothing” or “up to £5,000.00”."""
    if ceiling is None:
        return "any amount"
    return f"up to {format_pounds(ceiling)}" if ceiling else "nothing"


def _highest(ceilings: Iterable[Decimal | None]) -> Decimal | None:
    found = list(ceilings)
    return None if None in found else max(found)
