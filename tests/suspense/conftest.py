"""Unidentified receipts to work on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count

import pytest

from ims.audit.actors import Actor
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.people.models import User
from ims.people.roles import INCOME_OFFICER
from ims.suspense import services
from ims.suspense.models import SuspenseItem
from tests.people.people_world import member
from tests.support.world import World, person

OFFICER = person(
    "Olu Officer",
    "ledger.post_receipt",
    "ledger.reverse_posting",
    "ledger.post_journal",
    "suspense.view_suspenseitem",
    "suspense.allocate",
    "suspense.add_note",
    "suspense.assign",
    "ledger.see_payer_details",
    "accounts.see_personal_data",
)
COLLEAGUE = person("Cam Colleague", "suspense.allocate", "suspense.view_suspenseitem")


@dataclass
class Unidentified:
    """Makes suspense items in the small world."""

    world: World
    _keys = count(1)

    def item(self, amount: str, narrative: str = "BGC UNKNOWN", *, actor: Actor = OFFICER, **more) -> SuspenseItem:
        """One unidentified receipt of `amount`, posted and opened."""
        posted = ledger.post_receipts(
            actor=actor,
            lines=[
                Line(
                    fund=self.world.suspense,
                    amount=Decimal(amount),
                    method_of_payment=self.world.bank_credit,
                    narrative=narrative,
                    **more,
                )
            ],
            source_kind="test",
            source_key=f"unidentified-{next(self._keys)}",
        )
        assert services.open_items(actor=actor, posting=posted.posting) == 1
        return SuspenseItem.objects.get(entry__posting=posted.posting)

    def many(self, narratives: list[str], amount: str = "10.00", received_on: date | None = None) -> list[SuspenseItem]:
        """One posting of several unidentified receipts."""
        posted = ledger.post_receipts(
            actor=OFFICER,
            lines=[
                Line(
                    fund=self.world.suspense,
                    amount=Decimal(amount),
                    method_of_payment=self.world.bank_credit,
                    narrative=narrative,
                    received_on=received_on,
                )
                for narrative in narratives
            ],
            source_kind="test",
            source_key=f"unidentified-{next(self._keys)}",
        )
        services.open_items(actor=OFFICER, posting=posted.posting)
        return list(SuspenseItem.objects.filter(entry__posting=posted.posting).order_by("entry__line"))


@pytest.fixture
def unidentified(world: World) -> Unidentified:
    """Makes suspense items, forgotten after the test."""
    return Unidentified(world)


@pytest.fixture
def unidentified_committed(world_committed: World) -> Unidentified:
    """Makes suspense items that other connections can see."""
    return Unidentified(world_committed)


@pytest.fixture
def jo(db) -> User:
    """Somebody to give items to."""
    return member("jo", INCOME_OFFICER)
