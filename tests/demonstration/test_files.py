"""The demonstration's files are right by the readers of IMS, and the same every time."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from random import Random

import pytest

from ims.demonstration.day import FULL, LIGHT, files
from ims.demonstration.payments import Council
from ims.demonstration.population import as_file, holders, reference_for
from ims.formats.registry import read, recognise
from ims.formats.summary import summarise
from ims.funds.seed import seed_model_council
from ims.funds.selectors import reference_rules
from ims.references.rules import ReferenceRule, check_reference
from tests.support.world import SET_UP

DAY = date(2026, 11, 20)
DAY_BEFORE = date(2026, 11, 19)


@pytest.fixture
def council(db) -> Council:
    seed_model_council(SET_UP)
    rules = reference_rules()
    return Council(holders(rules, count=600), rules)


def test_every_account_holders_reference_is_right_by_the_rule_of_its_fund(council):
    wrong = [
        holder for holder in council.holders if not check_reference(council.rules[holder.fund], holder.reference).valid
    ]
    assert wrong == []
    assert len({(holder.fund, holder.reference) for holder in council.holders}) == len(council.holders)


def test_the_population_is_the_same_on_every_run(council):
    again = holders(council.rules, count=600)
    assert as_file(again, on=DAY) == as_file(council.holders, on=DAY)


def test_a_reference_can_be_made_for_every_rule_of_the_model_council(council):
    for fund, rule in council.rules.items():
        assert check_reference(rule, reference_for(rule, Random(fund))).valid, fund


def test_a_rule_that_nothing_can_fulfil_is_not_tried_for_ever():
    with pytest.raises(ValueError, match="No reference fits"):
        reference_for(ReferenceRule(min=5, max=5, mask="##"), Random(1))


def test_the_same_day_brings_the_same_bytes_and_another_day_others(council):
    first = files(DAY, council, FULL, day_before=DAY_BEFORE)
    assert first == files(DAY, council, FULL, day_before=DAY_BEFORE)
    other = files(DAY_BEFORE, council, FULL)
    assert not {file.content for file in first} & {file.content for file in other}


@pytest.mark.parametrize("size", [FULL, LIGHT], ids=["full", "light"])
def test_every_file_is_recognised_by_its_content_and_adds_up(council, size):
    for file in files(DAY, council, size, day_before=DAY_BEFORE):
        name = recognise(file.content).name
        assert name.replace(".", "") == file.profile, file.name
        summary = summarise(read(io.BytesIO(file.content)), name)
        assert [problem for problem in summary.errors if problem.scope == "statement"] == [], file.name
        assert summary.movements.credit_sum > 0
        for statement in summary.statements:
            if statement.opening is not None:
                assert statement.balances_agree is True
                assert statement.opening == statement.closing == Decimal("50000.00")


def test_at_least_six_formats_arrive_in_a_day(council):
    assert len({file.profile for file in files(DAY, council, FULL)}) >= 6


def test_the_agent_sends_lines_of_the_day_before_once_more(council):
    def lines(day: date, size, day_before: date | None = None) -> set[bytes]:
        made = {file.profile: file.content for file in files(day, council, size, day_before=day_before)}
        return {line for line in made["allpay"].splitlines() if len(line) == 43}

    assert len(lines(DAY, FULL, DAY_BEFORE) & lines(DAY_BEFORE, LIGHT)) == FULL.agents_again
