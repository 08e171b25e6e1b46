"""Rows that need a person: correction, discarding, duplicates, each with its history."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ims.common.errors import InvalidInput, NotAllowed, NotFound
from ims.imports import selectors, services
from ims.imports.errors import ImportRefusal
from ims.imports.models import ImportRow, RowDecision
from ims.ledger.models import Entry
from ims.suspense.models import SuspenseItem
from tests.imports.files import checked, line, posted
from tests.support.world import person


@pytest.fixture
def batch(profile, actor):
    """A posted file with two rows held: line 2 names no fund there is, line 3 has no readable amount."""
    return posted(actor, [line(), line("25.00", fund="QQ"), line("twelve")])


def row(batch, number: int) -> ImportRow:
    return ImportRow.objects.get(batch=batch, line=number)


def correct(actor, found: ImportRow, reason: str = "Read from the slip", **changes: str) -> ImportRow:
    return services.correct_row(actor=actor, row_id=found.pk, changes=changes, reason=reason)


def test_a_corrected_row_is_posted_by_itself_with_its_history(batch, actor):
    corrected = correct(actor, row(batch, 2), fund="23")
    assert corrected.outcome == "corrected"
    assert Entry.objects.count() == 1

    posting = services.post_corrected(actor=actor, batch_id=batch.pk)
    assert posting.total == Decimal("25.00")
    assert row(batch, 2).outcome == "posted_separately"
    assert row(batch, 2).posting == posting
    entry = Entry.objects.get(posting=posting)
    assert (entry.fund_id, entry.account_reference, entry.source_line) == ("23", "700123452", 2)
    decision = RowDecision.objects.get(row__line=2)
    assert (decision.before["fund"], decision.after["fund"], decision.reason) == ("QQ", "23", "Read from the slip")
    with pytest.raises(ImportRefusal, match="No row"):
        services.post_corrected(actor=actor, batch_id=batch.pk)


def test_a_row_without_an_amount_asks_for_one(batch, actor):
    with pytest.raises(InvalidInput, match="no amount yet"):
        correct(actor, row(batch, 3), narrative="x")
    with pytest.raises(InvalidInput, match="“12 pounds” is not an amount"):
        correct(actor, row(batch, 3), amount="12 pounds")
    fixed = correct(actor, row(batch, 3), amount="12.00", fund="23", account_reference="700123452",
                    received_on=row(batch, 1).received_on.isoformat())  # fmt: skip
    assert fixed.outcome == "corrected"


def test_a_correction_that_is_still_wrong_is_refused_and_changes_nothing(batch, actor):
    with pytest.raises(ImportRefusal, match="there is no fund “RR”"):
        correct(actor, row(batch, 2), fund="RR")
    assert row(batch, 2).outcome == "invalid"
    assert row(batch, 2).fund == "QQ"
    assert not RowDecision.objects.exists()


def test_a_blank_fund_sends_the_row_to_suspense(batch, actor):
    corrected = correct(actor, row(batch, 2), fund="", account_reference="")
    assert corrected.posting_fund == "1"
    services.post_corrected(actor=actor, batch_id=batch.pk)
    item = SuspenseItem.objects.get()
    assert (item.remaining, item.reason) == (Decimal("25.00"), "Line 2: nothing says which fund it belongs to.")


def test_a_reason_a_permission_and_a_posted_file_are_asked_for(batch, actor):
    with pytest.raises(ImportRefusal, match="reason"):
        correct(actor, row(batch, 2), reason=" ", fund="23")
    with pytest.raises(NotAllowed):
        correct(person("Clerk"), row(batch, 2), fund="23")
    waiting = checked(actor, [line(fund="QQ", narrative="later")])
    with pytest.raises(ImportRefusal, match="once the file is posted"):
        correct(actor, row(waiting, 1), fund="23")


def test_only_what_may_be_corrected_can_be(batch, actor):
    with pytest.raises(InvalidInput, match="“outcome” cannot be corrected"):
        correct(actor, row(batch, 2), outcome="to_post")


def test_a_discarded_row_stays_visible_with_its_reason(batch, actor):
    services.discard_row(actor=actor, row_id=row(batch, 2).pk, reason="Entered by hand already")
    assert row(batch, 2).outcome == "discarded"
    assert RowDecision.objects.get().reason == "Entered by hand already"
    with pytest.raises(ImportRefusal, match="discarded"):
        correct(actor, row(batch, 2), fund="23")


def test_rows_outside_a_persons_funds_do_not_exist_for_them(batch, actor):
    rents_alone = person("Rent clerk", "imports.correct_row", funds=frozenset({"5"}))
    assert not selectors.rows(rents_alone, batch).exists(), "what nobody has placed is for who sees suspense"
    clerk = person("Rent clerk", "imports.correct_row", funds=frozenset({"5", "1"}))
    assert list(selectors.rows(clerk, batch).values_list("line", flat=True)) == [3]
    with pytest.raises(NotFound):
        correct(clerk, row(batch, 2), fund="5")
    with pytest.raises(InvalidInput, match="not one of yours"):
        correct(clerk, row(batch, 3), fund="23", amount="12.00")


@pytest.fixture
def overlapping(profile, actor):
    """A posted file whose first line was in an earlier file."""
    posted(actor, [line("7.00")])
    return posted(actor, [line("7.00"), line("8.00")], name="b.csv")


def test_a_duplicate_may_be_a_second_receipt(overlapping, actor):
    services.decide_duplicate(actor=actor, row_id=row(overlapping, 1).pk, post=True, reason="Paid twice, says payer")
    services.post_corrected(actor=actor, batch_id=overlapping.pk)
    assert sorted(Entry.objects.values_list("amount", flat=True)) == [Decimal("7"), Decimal("7"), Decimal("8")]


def test_a_duplicate_may_be_the_same_money(overlapping, actor):
    services.decide_duplicate(actor=actor, row_id=row(overlapping, 1).pk, post=False, reason="Bank sent it twice")
    assert row(overlapping, 1).outcome == "discarded"
    assert Entry.objects.count() == 2
    with pytest.raises(ImportRefusal, match="somebody may have dealt with it"):
        services.decide_duplicate(actor=actor, row_id=row(overlapping, 1).pk, post=True, reason="x")


def test_reversing_a_file_takes_its_corrected_rows_along(batch, actor):
    correct(actor, row(batch, 2), fund="23")
    services.post_corrected(actor=actor, batch_id=batch.pk)
    services.reverse_batch(actor=actor, batch_id=batch.pk, reason="Wrong file")
    assert sum(Entry.objects.values_list("amount", flat=True)) == 0
    batch.refresh_from_db()
    assert batch.state == "reversed"


def test_a_reversal_made_in_the_ledger_is_followed(batch, actor):
    from ims.ledger.services import reverse

    correct(actor, row(batch, 2), fund="23")
    separate = services.post_corrected(actor=actor, batch_id=batch.pk)
    reverse(actor=actor, posting_id=batch.posting_id, reason="x")
    batch.refresh_from_db()
    assert batch.state == "posted"
    reverse(actor=actor, posting_id=separate.pk, reason="x")
    batch.refresh_from_db()
    assert batch.state == "reversed"
