"""Items: opened with the posting, given to people, noted, listed, counted by age."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from psycopg import sql

from ims.common import clock
from ims.common.errors import NotAllowed, NotFound
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.people.roles import AUDITOR
from ims.suspense import checks, selectors, services
from ims.suspense.errors import SuspenseRefusal
from ims.suspense.models import SuspenseItem, SuspenseNote
from tests.people.people_world import member
from tests.suspense.conftest import COLLEAGUE, OFFICER, Unidentified


def mixed_posting(world):
    lines = [
        Line(fund=fund, amount=Decimal(amount), method_of_payment="28", narrative=text, source_line=line)
        for line, (fund, amount, text) in enumerate(
            [("1", "10.00", "FIRST"), ("23", "20.00", "KNOWN"), ("1", "-3.00", "RETURNED"), ("1", "30.00", "THIRD")], 1
        )
    ]
    return ledger.post_receipts(actor=OFFICER, lines=lines, source_kind="test", source_key="mixed").posting


class TestOpening:
    def test_every_suspense_entry_of_the_posting_gets_an_item_and_no_other(self, world):
        posting = mixed_posting(world)
        reasons = sql.SQL("SELECT 4 AS source_line, 'No such account' AS reason")
        assert services.open_items(actor=OFFICER, posting=posting, reasons=reasons) == 3
        items = list(SuspenseItem.objects.order_by("entry__line"))
        assert [item.remaining for item in items] == [Decimal("10.00"), Decimal("-3.00"), Decimal("30.00")]
        assert [item.reason for item in items] == ["", "", "No such account"]
        assert [item.opened_on for item in items] == [clock.today()] * 3

    def test_a_second_call_opens_nothing(self, world):
        posting = mixed_posting(world)
        services.open_items(actor=OFFICER, posting=posting)
        assert services.open_items(actor=OFFICER, posting=posting) == 0

    def test_the_history_of_an_item_begins_with_who_posted_it(self, unidentified: Unidentified):
        first = unidentified.item("10.00").history.get()
        assert (first.history_type, first.actor_name) == ("+", "Olu Officer")

    def test_reversing_the_receipts_closes_their_items(self, world):
        posting = mixed_posting(world)
        services.open_items(actor=OFFICER, posting=posting)
        ledger.reverse(actor=OFFICER, posting_id=posting.pk, reason="Wrong file")
        assert set(SuspenseItem.objects.values_list("state", "remaining")) == {("reversed", Decimal("0.00"))}
        assert list(checks.verify()) == []

    def test_money_in_suspense_without_an_item_is_found(self, world):
        posting = mixed_posting(world)
        found = [finding.message for finding in checks.verify()]
        assert found[0].startswith(f"Receipt {posting}/1 of £10.00 is in suspense")
        assert len(found) == 4
        assert "holds £37.00" in found[3]

    def test_an_item_that_strays_from_the_ledger_is_found(self, unidentified: Unidentified):
        item = unidentified.item("10.00")
        SuspenseItem.objects.filter(pk=item.pk).update(remaining=Decimal("9.00"))
        assert "suspense.remaining" in {finding.check for finding in checks.verify()}

    def test_the_database_refuses_an_open_item_of_which_nothing_remains(self, unidentified: Unidentified):
        item = unidentified.item("10.00")
        with pytest.raises(IntegrityError), transaction.atomic():
            SuspenseItem.objects.filter(pk=item.pk).update(remaining=0)


class TestPeople:
    def test_an_item_is_given_to_a_person_with_history(self, unidentified: Unidentified, jo):
        item = unidentified.item("10.00")
        assert services.assign(actor=OFFICER, items=[item.pk], owner_id=jo.pk, reason="Knows the payer") == 1
        item.refresh_from_db()
        latest = item.history.first()
        assert item.owner == jo
        assert (latest.actor_name, latest.history_change_reason) == ("Olu Officer", "Knows the payer")
        assert services.assign(actor=OFFICER, items=[item.pk], owner_id=jo.pk) == 0

    def test_who_may_allocate_may_take_an_item_but_not_give_it(self, unidentified: Unidentified, jo):
        item = unidentified.item("10.00")
        with pytest.raises(NotAllowed):
            services.assign(actor=COLLEAGUE, items=[item.pk], owner_id=jo.pk)
        themselves = replace(COLLEAGUE, identifier=str(jo.pk))
        assert services.assign(actor=themselves, items=[item.pk], owner_id=jo.pk) == 1

    def test_an_item_is_given_only_to_who_can_work_on_it(self, unidentified: Unidentified, jo):
        item, auditor = unidentified.item("10.00"), member("ruth", AUDITOR)
        assert list(selectors.possible_owners()) == [jo]
        with pytest.raises(SuspenseRefusal, match="may not allocate suspense"):
            services.assign(actor=OFFICER, items=[item.pk], owner_id=auditor.pk)

    def test_a_due_date_cannot_be_past(self, unidentified: Unidentified):
        item = unidentified.item("10.00")
        with pytest.raises(SuspenseRefusal, match="is past"):
            services.set_due(actor=OFFICER, items=[item.pk], due_on=clock.today() - timedelta(days=1))
        assert services.set_due(actor=OFFICER, items=[item.pk], due_on=clock.today()) == 1

    def test_notes_are_added_and_never_changed(self, unidentified: Unidentified):
        item = unidentified.item("10.00")
        note = services.add_note(actor=OFFICER, item_id=item.pk, text="  Rang the bank.  ")
        assert (note.text, note.actor_name) == ("Rang the bank.", "Olu Officer")
        with pytest.raises(SuspenseRefusal, match="empty"):
            services.add_note(actor=OFFICER, item_id=item.pk, text=" ")
        with pytest.raises(IntegrityError), transaction.atomic():
            SuspenseNote.objects.update(text="Something else")

    def test_a_person_whose_funds_leave_out_suspense_sees_no_item(self, unidentified: Unidentified):
        item = unidentified.item("10.00")
        elsewhere = replace(OFFICER, funds=frozenset({"23"}))
        with pytest.raises(NotFound):
            services.add_note(actor=elsewhere, item_id=item.pk, text="?")
        assert selectors.list_items(elsewhere, selectors.Criteria()).items == []
        assert sum(row.count for row in selectors.ageing(elsewhere)) == 0


class TestLists:
    def test_ageing_counts_and_adds_by_days_since_the_money_came(self, unidentified: Unidentified):
        for days, amount in ((0, "1.00"), (7, "2.00"), (8, "4.00"), (30, "8.00"), (31, "16.00"), (91, "32.00")):
            unidentified.item(amount, received_on=clock.today() - timedelta(days=days))
        assert [(row.band.label, row.count, row.value) for row in selectors.ageing(OFFICER)] == [
            ("0–7 days", 2, Decimal("3.00")),
            ("8–30 days", 2, Decimal("12.00")),
            ("31–90 days", 1, Decimal("16.00")),
            ("Over 90 days", 1, Decimal("32.00")),
        ]

    def test_pages_follow_one_another_oldest_first(self, unidentified: Unidentified):
        days = [date(2026, 6, 3), date(2026, 6, 1), date(2026, 6, 1), date(2026, 6, 2)]
        made = [unidentified.item("5.00", received_on=day) for day in days]
        first = selectors.list_items(OFFICER, selectors.Criteria(), size=3)
        second = selectors.list_items(OFFICER, selectors.Criteria(), after=first.after, size=3)
        assert [item.pk for item in [*first.items, *second.items]] == [made[n].pk for n in (1, 2, 3, 0)]
        assert second.after == ""

    @pytest.mark.parametrize(
        ("criteria", "expected"),
        [
            (selectors.Criteria(words="heron"), ["200.00"]),
            (selectors.Criteria(amount_from=Decimal("150")), ["200.00"]),
            (selectors.Criteria(amount_to=Decimal("150")), ["100.00"]),
            (selectors.Criteria(age="older"), ["200.00"]),
            (selectors.Criteria(received_from=date(2026, 1, 1)), ["100.00"]),
            (selectors.Criteria(reference="7700"), ["100.00"]),
            (selectors.Criteria(owner="none"), ["200.00", "100.00"]),
            (selectors.Criteria(state="allocated"), []),
        ],
    )
    def test_each_filter_restricts(self, unidentified: Unidentified, criteria, expected):
        unidentified.item("200.00", "HERON HOUSING", received_on=date(2025, 6, 1))
        unidentified.item("100.00", "SWAN", account_reference="77001", received_on=clock.today())
        found = selectors.list_items(OFFICER, criteria).items
        assert [str(item.remaining) for item in found] == expected

    def test_the_next_open_item_follows_and_wraps_round(self, unidentified: Unidentified):
        first = unidentified.item("1.00", received_on=date(2026, 6, 1))
        second = unidentified.item("2.00", received_on=date(2026, 6, 2))
        assert selectors.next_open(OFFICER, selectors.Criteria(), first) == second.pk
        assert selectors.next_open(OFFICER, selectors.Criteria(), second) == first.pk

    def test_a_list_costs_the_same_queries_however_long(self, unidentified: Unidentified, django_assert_num_queries):
        unidentified.many([f"PAYER {letter}" for letter in "ABCDEFGH"])
        with django_assert_num_queries(2):
            for item in selectors.list_items(OFFICER, selectors.Criteria()).items:
                assert item.entry.narrative
                assert item.likeliest == []
