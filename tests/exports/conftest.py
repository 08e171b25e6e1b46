"""Receipts to export."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count

import pytest

from ims.audit.actors import command
from ims.exports.models import ExportProfile
from ims.exports.seed import seed_profiles
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.models import Posting
from tests.support.world import World, person

FINANCE = person(
    "Fi Finance",
    "ledger.post_receipt",
    "ledger.reverse_posting",
    "exports.build_export",
    "exports.download_export",
    "exports.add_exportprofile",
    "exports.change_exportprofile",
)
DAY = date(2026, 11, 19)
_keys = count(1)


def receipt(fund: str, amount: str, *, day: date = DAY, method: str = "28", **more) -> Posting:
    """One receipt of `amount` with accounting date `day`."""
    return ledger.post_receipts(
        actor=FINANCE,
        lines=[
            Line(
                fund=fund,
                amount=Decimal(amount),
                method_of_payment=method,
                received_on=day,
                accounting_date=day,
                **more,
            )
        ],
        source_kind="test",
        source_key=f"receipt-{next(_keys)}",
    ).posting


@pytest.fixture
def profiles(world: World) -> dict[str, ExportProfile]:
    """The profiles to begin with, all in use, by name."""
    found = {profile.name: profile for profile in seed_profiles(command("seed"))}
    ExportProfile.objects.update(is_active=True)
    for profile in found.values():
        profile.refresh_from_db()
    return found


@pytest.fixture
def journal(profiles) -> ExportProfile:
    """The plain CSV journal."""
    return profiles["General ledger journal"]
