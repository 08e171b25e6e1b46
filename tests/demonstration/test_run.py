"""The Model Council's day over the shared services, without a server of its own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ims.demonstration import cast, council
from ims.demonstration.run import run, working_day
from ims.demonstration.telling import Event
from ims.exports.models import ExportBatch
from ims.imports.models import ImportBatch
from ims.imports.states import BatchState
from ims.ledger.models import AccountingPeriod, Entry, Posting
from ims.ledger.verification import verify
from ims.people.models import User
from ims.reporting.selectors import proof
from ims.suspense.models import SuspenseItem


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 20), date(2026, 11, 20)),  # a Friday
        (date(2026, 11, 22), date(2026, 11, 20)),  # a Sunday
        (date(2026, 12, 28), date(2026, 12, 24)),  # a substitute bank holiday on a Monday
    ],
)
def test_the_day_is_one_on_which_banks_work(db, today, expected):
    council.lay_ground(lambda event: None)
    assert working_day(today) == expected


def test_the_six_people_can_sign_in_and_hold_one_role_each(db):
    assert cast.assemble() == 6
    assert cast.assemble() == 0
    for each in cast.CAST:
        person = User.objects.get(username=each.username)
        assert person.check_password(cast.PASSWORD)
        assert [group.name for group in person.groups.all()] == [each.role]


@pytest.mark.slow
def test_a_day_is_worked_once_however_often_it_is_run(db, tmp_path):
    told: list[Event] = []
    day = run(date.today(), tmp_path, told.append)
    actor = cast.act_as(cast.INSPECTOR)
    first = proof(actor, day)
    counted = _counts()

    assert first.is_proven
    assert not [finding for finding in verify() if finding.severity == "error"]
    assert {event.who for event in told} >= {cast.OFFICER.name, cast.MANAGER.name, cast.FINANCIER.name}
    assert ImportBatch.objects.filter(state=BatchState.REVERSED).count() == 1
    assert set(Posting.objects.values_list("kind", flat=True)) >= {"import", "allocation", "journal", "reversal"}
    assert SuspenseItem.objects.filter(state="open", owner__username=cast.OFFICER.username).exists()
    assert AccountingPeriod.objects.filter(is_open=False).exists()
    assert Entry.objects.filter(vat_amount__gt=Decimal(0)).exists()

    assert run(date.today(), tmp_path, told.append) == day
    again = proof(actor, day)
    assert _counts() == counted
    assert again.total == first.total


def _counts() -> list[int]:
    models = (User, AccountingPeriod, ImportBatch, Posting, Entry, SuspenseItem, ExportBatch)
    return [model.objects.count() for model in models]
