"""Journals, transfers, allocations and reversals: what moves must balance, and never more than there is."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ims.common.errors import NotAllowed
from ims.funds.errors import FundsRefusal
from ims.funds.models import Fund, MethodOfPayment
from ims.ledger import services
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line, Take
from ims.ledger.models import Entry, Posting
from ims.ledger.selectors import entry_chain, remaining, remaining_vat
from tests.support.world import SET_UP, World, person

MANAGER = person(
    "Mina Manager",
    "ledger.post_receipt",
    "ledger.post_journal",
    "ledger.post_transfer",
    "ledger.reverse_posting",
    "suspense.allocate",
)


def received(fund: str, amount: str, reference: str = "700123452", key: str = "r", **more) -> Entry:
    posted = services.post_receipts(
        actor=MANAGER,
        lines=[Line(fund=fund, amount=Decimal(amount), method_of_payment="28", account_reference=reference, **more)],
        source_kind="test",
        source_key=key,
    )
    return posted.posting.entries.get()


def to(fund: str, amount: str, reference: str) -> Line:
    return Line(fund=fund, amount=Decimal(amount), account_reference=reference)


def journal(entry: Entry, *targets: Line, key: str = "j") -> Posting:
    return services.post_journal(actor=MANAGER, entry_id=entry.pk, targets=targets, reason="Wrong fund", key=key)


def amounts(posting: Posting) -> list[tuple[str, Decimal]]:
    return list(posting.entries.order_by("line").values_list("fund_id", "amount"))


def left(entry: Entry) -> Decimal:
    return remaining([entry.pk])[entry.pk]


class TestJournals:
    def test_a_split_posts_a_pair_for_each_target_and_keeps_the_day_received(self, world: World):
        entry = received("23", "200.00", received_on=date(2026, 6, 1))
        posting = journal(entry, to("5", "120.00", world.rents_account), to("11", "80.00", "BJ12345673"))
        assert amounts(posting) == [
            ("23", Decimal("-120.00")),
            ("5", Decimal("120.00")),
            ("23", Decimal("-80.00")),
            ("11", Decimal("80.00")),
        ]
        assert set(posting.entries.values_list("received_on", flat=True)) == {date(2026, 6, 1)}
        assert left(entry) == 0

    def test_never_more_than_remains(self, world: World):
        entry = received("23", "200.00")
        journal(entry, to("5", "150.00", world.rents_account), key="a")
        with pytest.raises(LedgerRefusal, match=r"only £50\.00 remains"):
            journal(entry, to("5", "50.01", world.rents_account), key="b")
        journal(entry, to("5", "50.00", world.rents_account), key="c")
        assert left(entry) == 0

    @pytest.mark.parametrize("amount", ["0.00", "-5.00", "1.005"])
    def test_amounts_that_make_no_sense_are_refused(self, world: World, amount: str):
        with pytest.raises(LedgerRefusal):
            journal(received("23", "200.00"), to("5", amount, world.rents_account))

    def test_not_into_suspense_whatever_its_code(self, world: World):
        with pytest.raises(LedgerRefusal, match="into suspense"):
            journal(received("23", "10.00"), to(world.suspense, "10.00", ""))

    def test_a_reason_and_the_permission_are_needed(self, world: World):
        entry = received("23", "10.00")
        with pytest.raises(LedgerRefusal, match="reason"):
            services.post_journal(
                actor=MANAGER, entry_id=entry.pk, targets=[to("5", "10.00", world.rents_account)], reason=" ", key="k"
            )
        with pytest.raises(NotAllowed):
            services.post_journal(actor=person(), entry_id=entry.pk, targets=[], reason="x", key="k")

    def test_submitting_twice_posts_once(self, world: World):
        entry = received("23", "10.00")
        first = journal(entry, to("5", "4.00", world.rents_account))
        assert journal(entry, to("5", "4.00", world.rents_account)) == first
        assert left(entry) == Decimal("6.00")

    def test_out_of_scope_is_not_found(self, world: World):
        entry = received("23", "10.00")
        narrow = person("Nia Narrow", "ledger.post_journal", funds=frozenset({"5"}))
        with pytest.raises(LedgerRefusal, match="not one of yours"):
            services.post_journal(actor=narrow, entry_id=entry.pk, targets=[], reason="x", key="k")

    def test_the_last_of_the_money_takes_the_last_of_its_vat(self, world: World):
        entry = received("31", "10.00", "BC/1")
        for number, amount in enumerate(("3.33", "3.33", "3.34")):
            journal(entry, to("13", amount, "X1"), key=str(number))
        assert remaining_vat([entry.pk])[entry.pk] == 0
        assert sum(Entry.objects.filter(fund="31").values_list("vat_amount", flat=True)) == 0

    def test_the_database_refuses_to_overdraw_a_receipt_when_services_are_bypassed(self, world: World):
        entry = received("23", "10.00")
        with pytest.raises(IntegrityError, match="more is taken from it than remains"), transaction.atomic():
            posting = Posting.objects.create(
                kind="journal", series="JNL", number=900, source_kind="x", source_key="y", entry_count=2, total=0
            )
            for line, amount in ((1, "-10.01"), (2, "10.01")):
                Entry.objects.create(
                    posting=posting,
                    line=line,
                    fund_id="23",
                    method_of_payment_id="JN",
                    office_id="99",
                    amount=Decimal(amount),
                    vat_code_id="N0",
                    vat_rate=0,
                    vat_amount=0,
                    received_on=date.today(),
                    accounting_date=date.today(),
                    corrects=entry if line == 1 else None,
                )

    def test_every_line_that_breaks_its_funds_rules_is_named(self, world: World):
        entry = received("23", "30.00")
        with pytest.raises(LedgerRefusal) as refused:
            journal(
                entry,
                to("5", "10.00", "nobody"),
                to("11", "10.00", "BJ12345674"),
                to("23", "10.00", world.stopped_account),
            )
        assert len(refused.value.details) == 3
        assert "has no account “nobody”" in refused.value.details[0]
        assert "With the bailiffs" in refused.value.details[2]
        assert left(entry) == Decimal("30.00")

    def test_who_may_pay_stopped_accounts_is_not_refused(self, world: World):
        entry = received("23", "30.00")
        finance = person("Fin Ance", "ledger.post_journal", "accounts.pay_stopped_account")
        services.post_journal(
            actor=finance,
            entry_id=entry.pk,
            targets=[to("23", "30.00", world.stopped_account)],
            reason="Court",
            key="s",
        )
        assert left(entry) == 0

    def test_a_reference_is_kept_as_the_account_spells_it(self, world: World):
        entry = received("23", "30.00")
        posting = journal(entry, to("11", "30.00", " BJ12345673 "))
        assert posting.entries.get(fund="11").account_reference == "BJ12345673"

    def test_no_method_marked_for_journals_is_a_sentence_not_a_crash(self, world: World):
        MethodOfPayment.objects.filter(is_journal=True).update(is_journal=False)
        with pytest.raises(FundsRefusal, match="No method of payment takes money out in a journal"):
            journal(received("23", "10.00"), to("5", "10.00", world.rents_account))


class TestTransfers:
    def transfer(self, sources: list[Line], targets: list[Line]) -> Posting:
        return services.post_transfer(actor=MANAGER, sources=sources, targets=targets, reason="Moved house", key="t")

    def test_one_to_three_sums_to_zero(self, world: World):
        account = world.rents_account
        posting = self.transfer([to("23", "90.00", "700123452")], [to("5", "30.00", account)] * 3)
        assert posting.total == 0
        assert [amount for _, amount in amounts(posting)] == [Decimal(-90), 30, 30, 30]

    @pytest.mark.parametrize(
        ("sources", "targets"),
        [
            (["90.00"], ["89.99"]),
            (["100.00"], ["10.00"]),
            (["40.00", "60.00"], ["60.00", "40.00"]),
            (["40.00", "60.00"], ["100.00"]),
            ([], ["1.00"]),
        ],
    )
    def test_what_does_not_balance_is_refused(self, world: World, sources, targets):
        with pytest.raises(LedgerRefusal):
            self.transfer(
                [to("23", amount, "700123452") for amount in sources],
                [to("5", amount, world.rents_account) for amount in targets],
            )
        assert Posting.objects.count() == 0

    def test_pairs_of_equal_amounts_are_posted(self, world: World):
        account = world.rents_account
        self.transfer(
            [to("23", "40.00", "700123452"), to("23", "60.00", "456789124")],
            [to("5", "40.00", account), to("5", "60.00", account)],
        )
        assert sum(Entry.objects.values_list("amount", flat=True)) == 0


class TestAllocations:
    def allocate(self, takes, lines, notes=(), key="a") -> Posting:
        return services.post_allocation(
            actor=MANAGER, takes=takes, lines=lines, credit_notes=notes, reason="Identified", key=key
        )

    def test_one_item_to_two_accounts(self, world: World):
        item = received(world.suspense, "250.00", "")
        posting = self.allocate(
            [Take(item.pk, Decimal("250.00"))],
            [to("23", "100.00", world.council_tax_account), to("5", "150.00", world.rents_account)],
        )
        assert amounts(posting) == [("1", Decimal(-250)), ("23", Decimal(100)), ("5", Decimal(150))]
        assert left(item) == 0

    def test_a_credit_note_makes_up_the_difference(self, world: World):
        item = received(world.suspense, "180.00", "")
        posting = self.allocate(
            [Take(item.pk, Decimal("180.00"))],
            [to("23", "200.00", world.council_tax_account)],
            [to("5", "20.00", world.rents_account)],
        )
        assert amounts(posting) == [("1", Decimal(-180)), ("23", Decimal(200)), ("5", Decimal(-20))]

    def test_each_of_several_items_is_debited_exactly(self, world: World):
        first, second = received(world.suspense, "70.00", "", "1"), received(world.suspense, "30.00", "", "2")
        self.allocate(
            [Take(first.pk, Decimal(70)), Take(second.pk, Decimal(30))], [to("23", "100.00", world.council_tax_account)]
        )
        assert (left(first), left(second)) == (0, 0)

    def test_money_that_left_is_taken_from_the_account_it_belongs_to(self, world: World):
        item = received(world.suspense, "-60.00", "")
        posting = self.allocate([Take(item.pk, Decimal(-60))], [to("23", "-60.00", world.council_tax_account)])
        assert amounts(posting) == [("1", Decimal(60)), ("23", Decimal(-60))]
        assert left(item) == 0

    def test_signs_must_agree(self, world: World):
        inward, outward = received(world.suspense, "60.00", "", "1"), received(world.suspense, "-60.00", "", "2")
        for takes, amount in (
            ([Take(outward.pk, Decimal(60))], "60.00"),
            ([Take(inward.pk, Decimal(-60))], "-60.00"),
            ([Take(outward.pk, Decimal(-60))], "60.00"),
            ([Take(outward.pk, Decimal(-61))], "-61.00"),
            ([Take(inward.pk, Decimal(60)), Take(outward.pk, Decimal(-60))], "0.01"),
        ):
            with pytest.raises(LedgerRefusal):
                self.allocate(takes, [to("23", amount, world.council_tax_account)])
        assert (left(inward), left(outward)) == (Decimal(60), Decimal(-60))

    def test_part_now_part_later(self, world: World):
        item = received(world.suspense, "250.00", "")
        self.allocate([Take(item.pk, Decimal(100))], [to("23", "100.00", world.council_tax_account)])
        assert left(item) == Decimal(150)
        with pytest.raises(LedgerRefusal, match=r"£150\.00 remains"):
            self.allocate([Take(item.pk, Decimal(151))], [to("23", "151.00", world.council_tax_account)], key="b")

    def test_refusals(self, world: World):
        item = received(world.suspense, "180.00", "")
        take = [Take(item.pk, Decimal(180))]
        target = to("23", "180.00", world.council_tax_account)
        with pytest.raises(LedgerRefusal, match="must be equal"):
            self.allocate(take, [to("23", "181.00", world.council_tax_account)])
        with pytest.raises(LedgerRefusal, match="at least one suspense item"):
            self.allocate([], [target])
        with pytest.raises(LedgerRefusal, match="into suspense"):
            self.allocate(take, [to(world.suspense, "180.00", "")])
        with pytest.raises(LedgerRefusal, match="does not accept credit notes"):
            self.allocate(take, [to("23", "190.00", world.council_tax_account)], [to("31", "10.00", "BC/1")])
        with pytest.raises(LedgerRefusal, match="named twice"):
            self.allocate([Take(item.pk, Decimal(90))] * 2, [target])
        with pytest.raises(LedgerRefusal, match="not in suspense"):
            self.allocate([Take(received("23", "180.00", key="z").pk, Decimal(180))], [target])


class TestReversals:
    def test_a_reversal_mirrors_and_restores(self, world: World):
        entry = received("23", "120.00")
        moved = journal(entry, to("5", "120.00", world.rents_account))
        services.reverse(actor=MANAGER, posting_id=moved.pk, reason="Mistake")
        assert left(entry) == Decimal("120.00")
        assert sum(Entry.objects.filter(fund="5").values_list("amount", flat=True)) == 0

    def test_a_second_reversal_and_the_reversal_of_a_reversal_are_refused(self, world: World):
        entry = received("23", "120.00")
        reversal = services.reverse(actor=MANAGER, posting_id=entry.posting_id, reason="Bounced")
        with pytest.raises(LedgerRefusal, match="reversed already"):
            services.reverse(actor=MANAGER, posting_id=entry.posting_id, reason="Again")
        with pytest.raises(LedgerRefusal, match="itself a reversal"):
            services.reverse(actor=MANAGER, posting_id=reversal.pk, reason="Back")

    def test_what_was_moved_on_must_be_undone_first(self, world: World):
        entry = received("23", "120.00")
        moved = journal(entry, to("5", "20.00", world.rents_account))
        with pytest.raises(LedgerRefusal, match=r"line 1 by JNL-000001"):
            services.reverse(actor=MANAGER, posting_id=entry.posting_id, reason="Bounced")
        services.reverse(actor=MANAGER, posting_id=moved.pk, reason="First")
        services.reverse(actor=MANAGER, posting_id=entry.posting_id, reason="Bounced")
        assert left(entry) == 0

    def test_the_database_refuses_a_reversal_that_does_not_mirror(self, world: World):
        entry = received("23", "120.00")
        with pytest.raises(IntegrityError, match="does not mirror"), transaction.atomic():
            posting = Posting.objects.create(
                kind="reversal",
                series="REV",
                number=900,
                source_kind="x",
                source_key="y",
                entry_count=1,
                total=Decimal(-100),
                reverses=entry.posting,
            )
            Entry.objects.create(
                posting=posting,
                line=1,
                fund_id="23",
                method_of_payment_id="28",
                office_id="99",
                amount=Decimal(-100),
                vat_code_id="N0",
                vat_rate=0,
                vat_amount=0,
                received_on=date.today(),
                accounting_date=date.today(),
                corrects=entry,
            )
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_the_chain_tells_the_whole_story(self, world: World):
        entry = received("23", "120.00")
        moved = journal(entry, to("5", "20.00", world.rents_account))
        undone = services.reverse(actor=MANAGER, posting_id=moved.pk, reason="Mistake")
        chain = entry_chain(SET_UP, entry)
        assert [line.posting for line in chain.corrections] == [moved, undone]
        assert chain.remaining == Decimal(120)
        credit = moved.entries.get(fund="5")
        assert entry_chain(SET_UP, credit).siblings == [moved.entries.get(fund="23")]
        assert entry_chain(SET_UP, moved.entries.get(fund="23")).origins == [entry]


@pytest.mark.django_db(transaction=True)
def test_two_people_journalling_the_same_receipt_never_take_more_than_it_holds(world_committed):
    world = world_committed
    entry = received("23", "100.00")
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def attempt(key: str) -> None:
        barrier.wait()
        try:
            journal(entry, to("5", "60.00", world.rents_account), key=key)
            outcomes.append("posted")
        except LedgerRefusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=(key,)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("posted") == 1
    assert left(entry) == Decimal("40.00")


def test_the_suspense_fund_flag_is_one(world: World):
    with pytest.raises(IntegrityError, match="one_suspense_fund"), transaction.atomic():
        Fund.objects.filter(pk="23").update(is_suspense=True)


class TestMoneyGivenBack:
    """What a reversal gives back belongs to the receipt again: it can be moved once, from there."""

    def test_the_line_of_a_reversal_cannot_be_journalled_beside_its_receipt(self, world: World):
        entry = received("23", "200.00")
        moved = journal(entry, to("5", "200.00", world.rents_account), key="a")
        undone = services.reverse(actor=MANAGER, posting_id=moved.pk, reason="Wrong account")
        given_back = undone.entries.get(amount=Decimal("200.00"))
        with pytest.raises(LedgerRefusal, match="Move it from there"):
            journal(given_back, to("11", "200.00", "BJ12345673"), key="b")
        journal(entry, to("11", "200.00", "BJ12345673"), key="c")
        assert left(entry) == 0

    def test_a_line_that_takes_from_suspense_is_no_suspense_item(self, world: World):
        entry = received(world.suspense, "50.00", reference="")
        taken = services.post_allocation(
            actor=MANAGER,
            takes=[Take(entry.pk, Decimal("50.00"))],
            lines=[to("5", "50.00", world.rents_account)],
            reason="Found",
            key="a",
        ).entries.get(corrects=entry)
        with pytest.raises(LedgerRefusal, match="not in suspense"):
            services.post_allocation(
                actor=MANAGER,
                takes=[Take(taken.pk, Decimal("-50.00"))],
                lines=[to("5", "-50.00", world.rents_account)],
                reason="Backwards",
                key="b",
            )

    def test_the_database_takes_such_a_line_from_nobody(self, world: World):
        entry = received("23", "200.00")
        moved = journal(entry, to("5", "200.00", world.rents_account), key="a")
        undone = services.reverse(actor=MANAGER, posting_id=moved.pk, reason="Wrong account")
        given_back = undone.entries.get(amount=Decimal("200.00"))
        lines = [
            Line(fund="23", amount=Decimal("-200.00"), corrects=given_back.pk, method_of_payment="28"),
            Line(fund="11", amount=Decimal("200.00"), method_of_payment="28"),
        ]
        with pytest.raises(LedgerRefusal, match="taken from the receipt itself"):
            services.post_receipts(actor=MANAGER, lines=lines, source_kind="test", source_key="slipped")
