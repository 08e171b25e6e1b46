"""Decisions about moving money. No database."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ims.common.money import LARGEST, PENNY, ZERO, format_pounds
from ims.funds.rules import vat_within
from ims.ledger.errors import NOT_ENOUGH_LEFT, LedgerRefusal
from ims.ledger.lines import Line


def total(lines: Sequence[Line]) -> Decimal:
    """The sum of the amounts of `lines`."""
    return sum((line.amount for line in lines), ZERO)


def check_amounts(lines: Sequence[Line], *, what: str) -> None:
    """Refuse amounts that are not positive, not in whole pence, or too large to hold. `what` names the lines."""
    for number, line in enumerate(lines, start=1):
        if line.amount <= 0:
            raise LedgerRefusal(
                f"{what} {number}: the amount must be more than £0.00, not {format_pounds(line.amount)}."
            )
        if line.amount != line.amount.quantize(PENNY):
            raise LedgerRefusal(f"{what} {number}: {line.amount} is not in whole pence.")
        if line.amount > LARGEST:
            raise LedgerRefusal(f"{what} {number}: {format_pounds(line.amount)} is larger than the ledger can hold.")


def check_journal(remaining: Decimal, targets: Sequence[Line]) -> None:
    """Refuse a journal that moves nothing, or more than remains of the receipt."""
    if not targets:
        raise LedgerRefusal("Say where the money should go: a journal needs at least one line.")
    check_amounts(targets, what="Line")
    moved = total(targets)
    if moved > remaining:
        raise LedgerRefusal(
            f"The lines add up to {format_pounds(moved)}, but only {format_pounds(remaining)} remains of this receipt.",
            code=NOT_ENOUGH_LEFT,
        )


def check_transfer(sources: Sequence[Line], targets: Sequence[Line]) -> None:
    """Refuse a transfer that does not balance.

    One source may feed several targets of the same total; several sources need as many targets, equal pair by pair.
    """
    if not sources or not targets:
        raise LedgerRefusal("A transfer needs somewhere to come from and somewhere to go to.")
    check_amounts(sources, what="From line")
    check_amounts(targets, what="To line")
    if len(sources) == 1:
        if total(sources) != total(targets):
            raise LedgerRefusal(
                f"{format_pounds(total(sources))} is taken out but {format_pounds(total(targets))} is put in. "
                "A transfer must balance."
            )
        return
    if len(sources) != len(targets):
        raise LedgerRefusal(
            f"There are {len(sources)} lines to take from and {len(targets)} to put to. With several sources, "
            "give each its own target of the same amount."
        )
    for number, (source, target) in enumerate(zip(sources, targets, strict=True), start=1):
        if source.amount != target.amount:
            raise LedgerRefusal(
                f"Pair {number}: {format_pounds(source.amount)} is taken out but "
                f"{format_pounds(target.amount)} is put in. Each pair must be equal."
            )


def check_allocation(taken: Decimal, lines: Sequence[Line], credit_notes: Sequence[Line]) -> None:
    """Refuse an allocation unless lines = taken + credit notes, exactly."""
    if not lines:
        raise LedgerRefusal("Say where the money should go: an allocation needs at least one line.")
    check_amounts(lines, what="Line")
    check_amounts(credit_notes, what="Credit note")
    if total(lines) != taken + total(credit_notes):
        raise LedgerRefusal(
            f"The lines add up to {format_pounds(total(lines))}; the suspense taken and the credit notes add up to "
            f"{format_pounds(taken + total(credit_notes))}. They must be equal."
        )


def share_vat(amounts: Sequence[Decimal], *, left: Decimal, vat_left: Decimal, rate: Decimal) -> list[Decimal]:
    """The VAT that goes with each of `amounts`, taken one after the other from a line of which `left` remains.

    Each takes the VAT within it at `rate`, and the last of the money the last of the VAT; but never more than there
    is, and always less than the amount itself, as every line of the ledger must. So a receipt may be split however
    finely: a penny of VAT that no part of it can carry (five pence holding one, taken penny by penny) stays with the
    receipt. All amounts have the sign of `left`.
    """
    shares = []
    for amount in amounts:
        wanted = vat_left if amount == left else min(vat_within(amount, rate), vat_left, key=abs)
        most = max(abs(amount) - PENNY, ZERO)
        vat = wanted if abs(wanted) <= most else most.copy_sign(wanted)
        shares.append(vat)
        left, vat_left = left - amount, vat_left - vat
    return shares
