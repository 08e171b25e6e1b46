"""Finding whose account is meant, and what happens when it is not certain."""

from __future__ import annotations

import pytest

from ims.accounts.models import AccountHolder
from ims.imports.models import FileProfile, ImportRow
from tests.imports.files import checked, line, outcomes, simple_profile


def only_row(batch) -> ImportRow:
    return ImportRow.objects.get(batch=batch)


@pytest.mark.parametrize("written", ["700123452", "700-123-452", "700 123 452", " 700123452 "])
def test_a_reference_is_found_however_it_is_written(profile, actor, written):
    row = only_row(checked(actor, [line(reference=written)]))
    assert (row.outcome, row.account_reference) == ("to_post", "700123452")


def test_a_reference_in_the_narrative_is_used_when_an_account_proves_it(profile, actor):
    row = only_row(checked(actor, [line(fund="", reference="", narrative="MRS MOSS CTAX 700123452 THANKS")]))
    assert (row.outcome, row.fund, row.account_reference) == ("to_post", "23", "700123452")


def test_a_wrong_reference_gives_way_to_a_proven_one_in_the_narrative(profile, actor):
    row = only_row(checked(actor, [line(reference="COUNCIL", narrative="TAX 700123452")]))
    assert (row.outcome, row.account_reference) == ("to_post", "700123452")


def test_two_accounts_in_one_narrative_are_left_to_a_person(profile, actor):
    row = only_row(checked(actor, [line(fund="", reference="", narrative="700123452 AND 456789124")]))
    assert row.outcome == "to_suspense"


def test_the_search_can_be_switched_off(world, actor):
    simple_profile(finds_references=False)
    row = only_row(checked(actor, [line(fund="", reference="700123452")]))
    assert row.outcome == "to_suspense"


def test_the_reason_says_what_is_wrong_with_the_reference(profile, actor):
    batch = checked(
        actor,
        [
            line(reference="700123459", narrative=""),
            line(reference="123", narrative=""),
            line(reference="", narrative=""),
            line(fund="5", reference="999", narrative=""),
            line(reference="700099996", narrative=""),
            line("1000000.00", narrative=""),
        ],
    )
    found = list(ImportRow.objects.filter(batch=batch).order_by("line").values_list("reason_code", "reason"))
    assert [code for code, _ in found] == [
        "wrong_reference", "wrong_reference", "no_reference", "unknown_account", "stopped", "too_much",
    ]  # fmt: skip
    assert "check digit 9, but 2 is expected" in found[0][1]
    assert "exactly 9" in found[1][1]
    assert "bailiffs" in found[4][1]
    assert set(outcomes(batch)) == {"to_suspense"}


def test_a_profile_may_hold_doubtful_rows_instead(world, actor):
    simple_profile(doubt=FileProfile.Doubt.QUARANTINE)
    batch = checked(actor, [line(reference="123", narrative=""), line(fund="", reference="", narrative="")])
    assert outcomes(batch) == ["invalid", "to_suspense"]


def test_a_fund_without_rule_or_accounts_takes_any_reference(profile, actor):
    assert only_row(checked(actor, [line(fund="13", reference="ANYTHING 1")])).outcome == "to_post"


def test_an_account_that_exists_needs_no_rule(profile, actor):
    AccountHolder.objects.create(fund_id="23", reference="OLD-1", name="Older system")
    assert only_row(checked(actor, [line(reference="OLD-1")])).outcome == "to_post"
