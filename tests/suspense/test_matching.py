"""Suggestions: by evidence, likeliest first, with the reasons a person can check."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection, transaction

from ims.accounts.models import AccountHolder
from ims.audit.actors import acting
from ims.jobs.models import JobRun
from ims.jobs.queue import perform
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.suspense import matching, selectors, services
from ims.suspense.allocation import Allocation, ItemTake
from ims.suspense.models import MatchSuggestion
from tests.support.waiting import until_somebody_waits
from tests.support.world import SET_UP
from tests.suspense.conftest import OFFICER, Unidentified

MOSS = "700123452"


def account(reference: str, name: str, balance: str = "10.00", fund: str = "23", **more) -> AccountHolder:
    with acting(SET_UP):
        return AccountHolder.objects.create(
            fund_id=fund, reference=reference, name=name, balance=Decimal(balance), **more
        )


def top(item) -> matching.Suggestion | None:
    return next(iter(selectors.suggest(OFFICER, item)), None)


class TestPasses:
    @pytest.mark.parametrize(
        ("narrative", "reason"),
        [
            ("COUNCIL TAX 700123452", "The whole reference stands"),
            ("CTAX 7001 23452 THANKS", "with separators or other characters"),
            ("CTAX 700-123-452", "with separators or other characters"),
            ("CT700123452", "with separators or other characters"),
            ("REF 000700123452", "with separators or other characters"),
        ],
    )
    def test_a_whole_reference_is_found_however_it_is_written(self, unidentified: Unidentified, narrative, reason):
        found = top(unidentified.item("55.00", narrative))
        assert (found.fund, found.reference, found.name) == ("23", MOSS, "Mrs Ada Moss")
        assert found.confidence > 80
        assert found.reasons[0].startswith("The ")
        assert reason in found.reasons[0]

    @pytest.mark.parametrize("written", ["700123462", "701023452"])
    def test_a_slip_of_one_digit_or_a_swap_needs_a_name_or_an_amount(self, unidentified: Unidentified, written):
        assert top(unidentified.item("55.00", f"CTAX {written}")) is None
        by_name = top(unidentified.item("55.00", f"CTAX {written} A MOSS"))
        assert by_name.reference == MOSS
        assert by_name.reasons == (
            "One digit differs, or two neighbours are swapped.",
            "The name agrees.",
        )
        by_amount = top(unidentified.item("1200.00", f"CTAX {written}"))
        assert "The amount is exactly what is owed." in by_amount.reasons

    def test_a_reference_cut_short_needs_a_name(self, unidentified: Unidentified):
        assert top(unidentified.item("55.00", "CTAX 700123")) is None
        assert top(unidentified.item("55.00", "CTAX 700123 MRS MOSS")).reference == MOSS

    def test_name_and_exact_amount(self, unidentified: Unidentified):
        found = top(unidentified.item("1200.00", "ADA MOSS"))
        assert (found.reference, found.confidence < 70) == (MOSS, True)
        assert top(unidentified.item("1199.99", "ADA MOSS")) is None
        assert top(unidentified.item("1200.00", "BELA MOSS")) is None

    def test_what_was_done_with_this_payer_before(self, unidentified: Unidentified, world):
        first = unidentified.item("12.00", "HERON LETTINGS APR26")
        allocation = Allocation(
            takes=[ItemTake(first.pk, first.remaining)],
            lines=[Line(fund="5", amount=first.remaining, account_reference=world.rents_account)],
        )
        posting = services.allocate(actor=OFFICER, allocation=allocation, reason="Rang them", key="k")
        second = unidentified.item("13.00", "HERON LETTINGS MAY26")
        found = top(second)
        assert (found.fund, found.reference) == ("5", world.rents_account)
        assert found.reasons == ("Receipts that look the same were allocated to it once before.",)
        ledger.reverse(actor=OFFICER, posting_id=posting.pk, reason="They were mistaken")
        assert top(second) is None

    def test_a_rule_proves_a_reference_that_has_no_account(self, unidentified: Unidentified):
        found = top(unidentified.item("35.00", "PCN BJ12345673"))
        assert (found.fund, found.reference) == ("11", "BJ12345673")
        assert "check digit are right" in found.reasons[0]
        assert top(unidentified.item("35.00", "PCN BJ12345674")) is None


class TestJudgement:
    def test_the_same_reference_in_two_funds_lowers_both(self, unidentified: Unidentified):
        account(MOSS, "Mr Else Where", fund="13")
        found = selectors.suggest(OFFICER, unidentified.item("55.00", MOSS))
        assert {suggestion.fund for suggestion in found} == {"23", "13"}
        assert all(suggestion.confidence < 80 for suggestion in found)
        assert all("Another account fits as well." in suggestion.reasons for suggestion in found)

    def test_a_name_that_agrees_decides_between_them(self, unidentified: Unidentified):
        account(MOSS, "Mr Else Where", fund="13")
        found = top(unidentified.item("1200.00", f"{MOSS} A MOSS"))
        assert (found.fund, found.confidence) == ("23", 99)

    def test_an_account_that_has_gone_counts_for_less(self, unidentified: Unidentified):
        account("888777666", "Gone Away", is_open=False)
        found = top(unidentified.item("5.00", "888777666"))
        assert found.confidence < 70
        assert "The account has gone from the last full load." in found.reasons

    def test_nothing_in_the_narrative_suggests_nothing(self, unidentified: Unidentified):
        assert selectors.suggest(OFFICER, unidentified.item("5.00", "BGC")) == []

    def test_only_funds_the_actor_may_see_are_suggested(self, unidentified: Unidentified):
        item = unidentified.item("5.00", MOSS)
        assert selectors.suggest(replace(OFFICER, funds=frozenset({"1", "5"})), item) == []

    def test_hostile_narratives_do_no_harm(self, unidentified: Unidentified):
        for narrative in ("%s %(x)s %%", "'; DROP TABLE ledger_entry; --", "9" * 2000, "\\ ~ . * [ (", "ÅÄÖ 7001"):
            assert isinstance(selectors.suggest(OFFICER, unidentified.item("5.00", narrative)), list)


class TestMany:
    def test_many_at_once_find_what_one_finds(self, unidentified: Unidentified, monkeypatch):
        narratives = [MOSS, "CT 700-123-452", "CTAX 700123462 A MOSS", "CTAX 700123 MOSS", "BJ12345673", "NOTHING"]
        items = [item.pk for item in unidentified.many(narratives)]
        few = matching.suggest_many(items)
        monkeypatch.setattr(matching, "FEW", 0)
        assert matching.suggest_many(items) == few
        assert len(few) == 5

    def test_suggestions_are_remembered_for_lists_and_filters(self, unidentified: Unidentified):
        first, second = unidentified.many([MOSS, "NOTHING"])
        assert services.refresh_suggestions(actor=OFFICER) == 1
        assert services.refresh_suggestions(actor=OFFICER, items=[first.pk]) == 1
        assert MatchSuggestion.objects.get().item == first
        listed = selectors.list_items(OFFICER, selectors.Criteria(suggested_fund="23")).items
        assert [item.likeliest[0].account_reference for item in listed] == [MOSS]
        assert selectors.list_items(OFFICER, selectors.Criteria(suggested_fund="5")).items == []
        assert second.pk not in {item.pk for item in listed}

    def test_a_rule_can_be_drafted_from_an_item(self, unidentified: Unidentified):
        draft = selectors.rule_draft(unidentified.item("5.00", "HERON LETTINGS 700123452"))
        condition = {"field": "narrative", "operator": "contains", "value": "HERON LETTINGS", "ignore_case": True}
        assert draft["groups"] == [{"match": "all", "conditions": [condition]}]
        assert draft["actions"] == {"fund": "23", "reference": MOSS}


def test_what_falls_into_suspense_is_matched_in_the_background(unidentified_committed: Unidentified):
    item = unidentified_committed.item("5.00", MOSS)
    asked = JobRun.objects.get(task=services.MATCH_JOB)
    perform(asked.pk, asked.task, asked.arguments)
    asked.refresh_from_db()
    assert (asked.state, asked.message) == ("succeeded", "1 of 1 items have a suggestion")
    assert MatchSuggestion.objects.get().item == item


def test_two_who_look_for_matches_at_once_leave_one_likeliest(unidentified_committed: Unidentified):
    item = unidentified_committed.item("55.00", "COUNCIL TAX 700123452")
    MatchSuggestion.objects.all().delete()
    counts: list[int] = []

    def look() -> None:
        try:
            counts.append(services.refresh_suggestions(actor=OFFICER))
        finally:
            connection.close()

    other = threading.Thread(target=look)
    with transaction.atomic():
        services.refresh_suggestions(actor=OFFICER, items=[item.pk])
        other.start()
        until_somebody_waits()
    other.join()
    assert counts == [1]
    assert [found.rank for found in MatchSuggestion.objects.filter(item=item)] == [1]
