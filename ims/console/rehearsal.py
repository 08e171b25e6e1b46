"""Doing a thing and taking it back at once, to show a person exactly what it would do before they confirm it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from ims.audit import personal
from ims.audit.actors import Actor
from ims.ledger.models import Entry, Posting


@dataclass(frozen=True)
class PlannedLine:
    """A line the ledger would hold. Amounts in pounds; VAT is within the amount."""

    fund: str
    account_reference: str
    method_of_payment: str
    narrative: str
    amount: Decimal
    vat_amount: Decimal


def rehearse(actor: Actor, act: Callable[[], Posting]) -> list[PlannedLine]:
    """The lines `act` would post, as `actor` may see them. Raises what `act` raises.

    Runs it for real, with all its checks, and undoes it.

    The plan so shown and the posting made later cannot differ by rules of our own, only by what others do meanwhile.
    """
    with transaction.atomic():
        posting = act()
        entries = _lines(posting)
        transaction.set_rollback(True)
    for entry in entries:
        entry.pk = None  # there never was such an entry
    return [_planned(entry) for entry in personal.veil(actor, entries)]


def _lines(posting: Posting) -> list[Entry]:
    return list(posting.entries.select_related("fund", "method_of_payment").order_by("line"))


def _planned(entry: Entry) -> PlannedLine:
    return PlannedLine(
        fund=str(entry.fund),
        account_reference=entry.account_reference,
        method_of_payment=entry.method_of_payment.name,
        narrative=entry.narrative,
        amount=entry.amount,
        vat_amount=entry.vat_amount,
    )
