"""The same receipt in two kinds of file of one bank account: an intraday report and the statement of the day."""

from __future__ import annotations

import pytest

from ims.imports import services
from ims.imports.errors import WorldMoved
from ims.imports.models import ImportRow
from tests.imports.files import LAYOUT, checked, line, outcomes, posted, simple_profile

ACCOUNT = "601613/31926819"


def of_account(code: str, account: str = ACCOUNT) -> None:
    columns = [*LAYOUT["columns"], {"field": "bank_reference", "column": 7}]
    simple_profile(code, layout={"columns": [*columns, {"field": "account", "constant": account}]})


@pytest.fixture
def two_kinds(world):
    """An intraday profile and the day's statement, of the same account."""
    of_account("intraday")
    of_account("statement")


def receipt(reference: str = "FP1", **changes: str) -> tuple[str, ...]:
    return (*line(**changes), reference)


def test_money_of_an_earlier_report_is_held_in_the_statement(two_kinds, actor):
    first = posted(actor, [receipt()], "intraday")
    second = checked(actor, [receipt(narrative="AS THE STATEMENT HAS IT"), receipt("FP2")], "statement", "b.csv")
    assert outcomes(second) == ["suspected_duplicate", "to_post"]
    held = ImportRow.objects.get(batch=second, outcome="suspected_duplicate")
    assert f"import {first.pk}" in held.reason


def test_twins_are_counted(two_kinds, actor):
    posted(actor, [receipt()], "intraday")
    second = checked(actor, [receipt(), receipt()], "statement", "b.csv")
    assert outcomes(second) == ["suspected_duplicate", "to_post"]


def test_without_a_reference_of_the_bank_the_texts_decide(two_kinds, actor):
    posted(actor, [receipt("NONREF")], "intraday")
    second = checked(actor, [receipt("NONREF"), receipt("NONREF", narrative="ANOTHER")], "statement", "b.csv")
    assert outcomes(second) == ["suspected_duplicate", "to_post"]


@pytest.mark.parametrize(
    "changes", [{"amount": "10.01"}, {"reference": "FP2"}], ids=["another amount", "another reference of the bank"]
)
def test_other_money_is_no_duplicate(two_kinds, actor, changes):
    posted(actor, [receipt()], "intraday")
    bank = changes.pop("reference", "FP1")
    assert outcomes(checked(actor, [receipt(bank, **changes)], "statement", "b.csv")) == ["to_post"]


def test_another_account_is_no_duplicate(two_kinds, actor):
    of_account("elsewhere", "601613/99999999")
    posted(actor, [receipt(narrative="ELSEWHERE")], "elsewhere")
    assert outcomes(checked(actor, [receipt()], "statement", "b.csv")) == ["to_post"]


def test_a_report_for_information_holds_nothing(two_kinds, actor):
    simple_profile("told", layout={"columns": [*LAYOUT["columns"], {"field": "account", "constant": ACCOUNT}]},
                   entries="nothing")  # fmt: skip
    checked(actor, [line()], "told")
    assert outcomes(checked(actor, [receipt()], "statement", "b.csv")) == ["to_post"]


def test_what_waits_before_it_counts_until_it_is_abandoned(two_kinds, actor):
    statement = checked(actor, [receipt()], "statement")
    intraday = checked(actor, [receipt(narrative="EARLIER TODAY")], "intraday", "b.csv")
    assert outcomes(intraday) == ["suspected_duplicate"]
    services.abandon(actor=actor, batch_id=statement.pk, reason="The report goes first")
    assert outcomes(services.check(actor=actor, batch_id=intraday.pk)) == ["to_post"]


def test_two_checked_files_are_not_both_posted(two_kinds, actor):
    intraday = checked(actor, [receipt("FP9")], "intraday")
    services.abandon(actor=actor, batch_id=intraday.pk, reason="Not yet")
    statement = checked(actor, [receipt()], "statement", "b.csv")
    ImportRow.objects.filter(batch=statement).update(outcome="invalid")
    later = checked(actor, [receipt(narrative="EARLIER TODAY")], "intraday", "c.csv")
    assert outcomes(later) == ["to_post"]
    ImportRow.objects.filter(batch=statement).update(outcome="to_post")
    services.post(actor=actor, batch_id=statement.pk)
    with pytest.raises(WorldMoved, match="1 of the same lines"):
        services.post(actor=actor, batch_id=later.pk)
