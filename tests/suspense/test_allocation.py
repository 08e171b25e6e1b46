"""Allocation: exact, several items at once, once only, and whoever comes second is told."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection, transaction

from ims.approvals.models import Request
from ims.audit.models import Event
from ims.common.errors import ImsError, NotAllowed, NotFound
from ims.funds.models import Fund
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.models import Entry, Posting
from ims.suspense import checks, selectors, services
from ims.suspense.allocation import Allocation, ItemTake, Proposal
from ims.suspense.errors import ItemTaken
from ims.suspense.models import SuspenseItem
from tests.support import limits
from tests.support.waiting import until_somebody_waits
from tests.support.world import SET_UP
from tests.suspense.conftest import COLLEAGUE, OFFICER, Unidentified


def take(item: SuspenseItem, amount: str | None = None, *, seen: bool = True) -> ItemTake:
    return ItemTake(item.pk, Decimal(amount) if amount else item.remaining, item.remaining if seen else None)


def to(fund: str, amount: str, reference: str) -> Line:
    return Line(fund=fund, amount=Decimal(amount), account_reference=reference)


def allocate(takes, lines, *, credit_notes=(), key="k", actor=OFFICER) -> Posting:
    allocation = Allocation(takes=takes, lines=lines, credit_notes=credit_notes)
    return services.allocate(actor=actor, allocation=allocation, reason="Identified", key=key)


def amounts(posting: Posting) -> list[tuple[str, Decimal]]:
    return list(posting.entries.order_by("line").values_list("fund_id", "amount"))


def reread(*items: SuspenseItem) -> list[tuple[str, Decimal]]:
    return [(item.state, item.remaining) for item in (SuspenseItem.objects.get(pk=original.pk) for original in items)]


class TestAllocating:
    def test_one_item_to_two_accounts(self, unidentified: Unidentified, world):
        item = unidentified.item("250.00")
        posting = allocate(
            [take(item)], [to("23", "100.00", world.council_tax_account), to("5", "150.00", world.rents_account)]
        )
        assert amounts(posting) == [
            ("1", Decimal("-250.00")),
            ("23", Decimal("100.00")),
            ("5", Decimal("150.00")),
        ]
        assert reread(item) == [("allocated", Decimal("0.00"))]
        [movement] = selectors.movements(SET_UP, item)
        assert [entry.account_reference for entry in movement.targets] == [
            world.council_tax_account,
            world.rents_account,
        ]

    def test_several_items_are_each_debited_exactly(self, unidentified: Unidentified, world):
        first, second = unidentified.item("70.00"), unidentified.item("30.00")
        posting = allocate([take(first), take(second)], [to("23", "100.00", world.council_tax_account)])
        assert amounts(posting) == [("1", Decimal("-70.00")), ("1", Decimal("-30.00")), ("23", Decimal("100.00"))]
        assert reread(first, second) == [("allocated", Decimal("0.00"))] * 2

    def test_a_credit_note_makes_up_the_difference(self, unidentified: Unidentified, world):
        item = unidentified.item("180.00")
        posting = allocate(
            [take(item)],
            [to("23", "200.00", world.council_tax_account)],
            credit_notes=[to("5", "20.00", world.rents_account)],
        )
        assert amounts(posting) == [("1", Decimal("-180.00")), ("23", Decimal("200.00")), ("5", Decimal("-20.00"))]

    def test_what_is_not_taken_stays_open_and_can_be_taken_later(self, unidentified: Unidentified, world):
        item = unidentified.item("250.00")
        allocate([take(item, "100.00")], [to("23", "100.00", world.council_tax_account)])
        assert reread(item) == [("open", Decimal("150.00"))]
        item.refresh_from_db()
        allocate([take(item)], [to("23", "150.00", world.council_tax_account)], key="rest")
        assert reread(item) == [("allocated", Decimal("0.00"))]

    def test_the_same_key_again_returns_the_first_posting(self, unidentified: Unidentified, world):
        item = unidentified.item("50.00")
        lines = [to("23", "50.00", world.council_tax_account)]
        first = allocate([take(item)], lines)
        assert allocate([take(item)], lines) == first
        assert Entry.objects.filter(posting__kind="allocation").count() == 2

    def test_undoing_it_gives_the_money_back_to_the_item(self, unidentified: Unidentified, world):
        item = unidentified.item("50.00")
        posting = allocate([take(item)], [to("23", "50.00", world.council_tax_account)])
        ledger.reverse(actor=OFFICER, posting_id=posting.pk, reason="Wrong account")
        assert reread(item) == [("open", Decimal("50.00"))]
        latest = item.history.first()
        assert (latest.actor_name, latest.remaining) == ("Olu Officer", Decimal("50.00"))
        assert "Wrong account" in latest.history_change_reason
        assert list(checks.verify()) == []

    def test_a_journal_made_elsewhere_is_followed_too(self, unidentified: Unidentified, world):
        item = unidentified.item("50.00")
        ledger.post_journal(
            actor=OFFICER,
            entry_id=item.entry_id,
            targets=[to("23", "20.00", world.council_tax_account)],
            reason="Found",
            key="elsewhere",
        )
        assert reread(item) == [("open", Decimal("30.00"))]

    def test_it_is_audited_and_told_in_the_history(self, unidentified: Unidentified, world):
        item = unidentified.item("50.00")
        posting = allocate([take(item)], [to("23", "50.00", world.council_tax_account)])
        event = Event.objects.get(verb="suspense_allocated")
        assert (event.actor_name, event.reason, event.subject_label) == ("Olu Officer", "Identified", str(posting))
        assert [entry["what"] for entry in selectors.history(SET_UP, item)] == [
            "Fell into suspense",
            f"Moved by {posting}",
        ]


class TestRefusals:
    @pytest.mark.parametrize("amount", ["181.00", "179.99"])
    def test_lines_must_equal_what_is_taken(self, unidentified: Unidentified, world, amount):
        item = unidentified.item("180.00")
        with pytest.raises(ImsError, match="must be equal"):
            allocate([take(item)], [to("23", amount, world.council_tax_account)])

    def test_more_than_remains(self, unidentified: Unidentified, world):
        item = unidentified.item("180.00")
        with pytest.raises(ImsError, match=r"£180.01 is asked .* £180.00 remains"):
            allocate([take(item, "180.01")], [to("23", "180.01", world.council_tax_account)])

    def test_no_items(self, world):
        with pytest.raises(ImsError, match="at least one suspense item"):
            allocate([], [to("23", "1.00", world.council_tax_account)])

    def test_the_suspense_fund_whatever_its_code(self, unidentified: Unidentified, world):
        item = unidentified.item("10.00")
        with pytest.raises(ImsError, match="cannot be moved into suspense"):
            allocate([take(item)], [to(world.suspense, "10.00", "X")])

    def test_a_credit_note_on_a_fund_that_takes_none(self, unidentified: Unidentified, world):
        item = unidentified.item("180.00")
        assert not Fund.objects.get(pk="13").accepts_credit_notes
        with pytest.raises(ImsError, match="does not accept credit notes"):
            allocate(
                [take(item)],
                [to("23", "200.00", world.council_tax_account)],
                credit_notes=[to("13", "20.00", "ABC")],
            )

    def test_an_account_that_does_not_exist_is_refused_at_submit(self, unidentified: Unidentified):
        item = unidentified.item("10.00")
        with pytest.raises(ImsError):
            allocate([take(item)], [to("23", "10.00", "700123453")])
        assert reread(item) == [("open", Decimal("10.00"))]

    def test_without_the_permission(self, unidentified: Unidentified, world):
        item = unidentified.item("10.00")
        nobody = replace(OFFICER, permissions=frozenset())
        with pytest.raises(NotAllowed):
            allocate([take(item)], [to("23", "10.00", world.council_tax_account)], actor=nobody)

    def test_out_of_scope(self, unidentified: Unidentified, world):
        item = unidentified.item("10.00")
        elsewhere = replace(OFFICER, funds=frozenset({"23"}))
        with pytest.raises(NotFound):
            allocate([take(item)], [to("23", "10.00", world.council_tax_account)], actor=elsewhere)

    def test_who_comes_second_is_told_who_took_it_and_what_remains(self, unidentified: Unidentified, world):
        item = unidentified.item("50.00")
        stale = SuspenseItem.objects.get(pk=item.pk)
        posting = allocate([take(item, "20.00")], [to("23", "20.00", world.council_tax_account)], actor=COLLEAGUE)
        with pytest.raises(ItemTaken) as told:
            allocate([take(stale, "20.00")], [to("23", "20.00", world.council_tax_account)], key="second")
        assert f"Cam Colleague moved £20.00 of it ({posting}" in told.value.message
        assert "£30.00 remains" in told.value.message
        assert reread(item) == [("open", Decimal("30.00"))]

    def test_so_is_one_who_is_overtaken_between_the_look_and_the_posting(
        self, unidentified: Unidentified, world, monkeypatch
    ):
        item, account = unidentified.item("50.00"), world.council_tax_account
        look = selectors.get_items

        def overtaken(actor, items):
            seen = look(actor, items)
            monkeypatch.undo()
            allocate([take(item)], [to("23", "50.00", account)], actor=COLLEAGUE)
            return seen

        monkeypatch.setattr(selectors, "get_items", overtaken)
        with pytest.raises(ItemTaken, match=r"Cam Colleague moved £50\.00 of it .* Nothing remains"):
            allocate([take(item)], [to("23", "50.00", account)], key="second")


class TestProposals:
    def test_each_is_posted_or_refused_on_its_own(self, unidentified: Unidentified, world):
        good, bad = unidentified.item("10.00"), unidentified.item("20.00")
        proposals = [
            Proposal(good.pk, "23", world.council_tax_account),
            Proposal(bad.pk, world.suspense, "X"),
        ]
        first, second = services.apply_proposals(actor=OFFICER, proposals=proposals, reason="New rule", key="rule-1")
        assert first.posting.startswith("ALC-")
        assert "cannot be moved into suspense" in second.refusal
        assert reread(good, bad) == [("allocated", Decimal("0.00")), ("open", Decimal("20.00"))]

    def test_what_is_over_the_limit_is_asked_for_and_the_rest_is_done(self, unidentified: Unidentified, world):
        limits.set_limit("ledger.allocation", alone="15.00", approves=None)
        small, large = unidentified.item("10.00"), unidentified.item("20.00")
        proposals = [Proposal(each.pk, "23", world.council_tax_account) for each in (small, large)]
        done, asked = services.apply_proposals(actor=OFFICER, proposals=proposals, reason="New rule", key="rule-1")
        assert (done.posting[:4], done.request, asked.posting, asked.refusal) == ("ALC-", "", "", "")
        request = Request.objects.get()
        assert (asked.request, request.amount, request.reason) == (str(request), Decimal("20.00"), "New rule")
        assert reread(small, large) == [("allocated", Decimal("0.00")), ("open", Decimal("20.00"))]
        again = services.apply_proposals(actor=OFFICER, proposals=proposals[1:], reason="New rule", key="rule-1")
        assert again == [asked]

    def test_again_with_the_same_key_posts_nothing_twice(self, unidentified: Unidentified, world):
        item = unidentified.item("10.00")
        proposals = [Proposal(item.pk, "23", world.council_tax_account)]
        [first] = services.apply_proposals(actor=OFFICER, proposals=proposals, reason="New rule", key="rule-1")
        [again] = services.apply_proposals(actor=OFFICER, proposals=proposals, reason="New rule", key="rule-1")
        assert again.posting == first.posting


class TestTwoAtOnce:
    def test_one_wins_and_the_other_is_told(self, unidentified_committed: Unidentified, world_committed):
        item = unidentified_committed.item("50.00")
        barrier = threading.Barrier(2)
        results: list[object] = []

        def attempt(key: str) -> None:
            try:
                barrier.wait()
                results.append(
                    allocate([take(item)], [to("23", "50.00", world_committed.council_tax_account)], key=key)
                )
            except ImsError as refusal:
                results.append(refusal)
            finally:
                connection.close()

        threads = [threading.Thread(target=attempt, args=(key,)) for key in ("first", "second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [refusal] = [result for result in results if isinstance(result, ImsError)]
        assert isinstance(refusal, ItemTaken)
        assert "Olu Officer moved £50.00" in refusal.message
        assert "Nothing remains" in refusal.message
        assert Posting.objects.filter(kind="allocation").count() == 1
        assert reread(item) == [("allocated", Decimal("0.00"))]
        assert list(checks.verify()) == []

    def test_an_allocation_and_the_undoing_of_another_are_both_counted(
        self, unidentified_committed: Unidentified, world_committed
    ):
        item = unidentified_committed.item("50.00")
        account = world_committed.council_tax_account
        first = allocate([take(item, "20.00")], [to("23", "20.00", account)], key="a")
        item.refresh_from_db()
        undoing = threading.Thread(target=self._reverse, args=(first.pk,))
        with transaction.atomic():
            allocate([take(item, "30.00")], [to("23", "30.00", account)], key="b")
            undoing.start()
            until_somebody_waits()
        undoing.join()
        assert reread(item) == [("open", Decimal("20.00"))]
        assert list(checks.verify()) == []

    @staticmethod
    def _reverse(posting_id: int) -> None:
        try:
            ledger.reverse(actor=OFFICER, posting_id=posting_id, reason="Not theirs")
        finally:
            connection.close()
