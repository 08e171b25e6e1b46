"""A kind or series of posting that is rare is found without walking through the days, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ims.audit.actors import command
from ims.common import clock
from ims.ledger import selectors, services
from ims.ledger.lines import Line
from ims.ledger.selectors import Criteria, search_entries

ACTOR = command("test")
LINE = Line(fund="31", amount=Decimal("60.00"), method_of_payment="90", account_reference="BC/1", office="WP")


@pytest.fixture
def reversals(world):
    """Seven receipts of seven days, all reversed."""
    for back in range(7):
        line = replace(LINE, received_on=clock.today() - timedelta(days=back))
        posted = services.post_receipts(actor=ACTOR, lines=[line], source_kind="card", source_key=str(back))
        services.reverse(actor=ACTOR, posting_id=posted.posting.pk, reason="Test")


def _walk(criteria: Criteria) -> tuple[list[list[int]], list[list[int]]]:
    """The pages forwards, and backwards from the last."""
    forwards, backwards = [], []
    page = search_entries(ACTOR, criteria, size=3)
    forwards.append([entry.pk for entry in page.entries])
    while page.older:
        page = search_entries(ACTOR, criteria, cursor=page.older, size=3)
        forwards.append([entry.pk for entry in page.entries])
    while page.newer:
        page = search_entries(ACTOR, criteria, cursor=page.newer, size=3)
        backwards.append([entry.pk for entry in page.entries])
    return forwards, backwards


@pytest.mark.parametrize(
    "criteria", [Criteria(kind="reversal"), Criteria(series="REV"), Criteria(series="REV", fund="31")]
)
def test_pages_are_those_of_the_walk_through_the_days(reversals, criteria, monkeypatch):
    quick = _walk(criteria)
    monkeypatch.setattr(selectors, "FEW", 3)
    assert quick == _walk(criteria)
    assert [len(page) for page in quick[0]] == [3, 3, 1]
    assert quick[1] == quick[0][-2::-1]


def test_few_are_found_by_their_postings(reversals):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        search_entries(ACTOR, Criteria(kind="reversal"))
    assert any("unnest" in query["sql"] for query in queries)


def test_other_criteria_still_count(reversals):
    assert search_entries(ACTOR, Criteria(kind="reversal", fund="23")).entries == []
    assert search_entries(ACTOR, Criteria(kind="transfer")).entries == []
