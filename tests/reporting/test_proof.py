"""The daily proof: what ties, and what does not, by name."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ims.audit.actors import command
from ims.common import clock
from ims.common.errors import ImsError, InvalidInput
from ims.exports import services as exports
from ims.exports.seed import seed_profiles
from ims.imports import services as imports
from ims.imports.seed import seed_profiles as seed_file_profiles
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.seals import seal_pending
from ims.reporting import selectors
from ims.reporting.proof import Proof
from ims.suspense import services as suspense
from ims.suspense.models import SuspenseItem
from tests.imports.files import SAMPLES, csv_of, line, posted, received, sample, simple_profile
from tests.support.world import World, person

ACTOR = command("tests")
TODAY = clock.today()
YESTERDAY = TODAY - timedelta(days=1)


def receipt(fund: str, amount: str, *, day=YESTERDAY, method: str = "90", key: str = "r") -> None:
    lines = [
        Line(
            fund=fund,
            amount=Decimal(amount),
            method_of_payment=method,
            account_reference="700123452",
            received_on=day,
            accounting_date=day,
        )
    ]
    made = ledger.post_receipts(actor=ACTOR, lines=lines, source_kind="test", source_key=f"{key}-{fund}-{amount}-{day}")
    suspense.open_items(actor=ACTOR, posting=made.posting)


def balances(proof: Proof) -> dict[str, tuple[str, ...]]:
    return {
        row.code: tuple(str(getattr(row, column)) for column in ("opening", "received", "moved", "reversed", "closing"))
        for row in proof.funds
    }


def sentences(proof: Proof) -> list[str]:
    return [f"{difference.severity}: {difference.message}" for difference in proof.differences]


class TestBalances:
    def test_opening_and_what_happened_give_closing(self, world: World):
        receipt("23", "100.00", day=YESTERDAY)
        receipt("23", "40.00", day=TODAY)
        receipt("31", "12.00", day=TODAY)
        receipt("1", "30.00", day=TODAY, method="28")
        item = SuspenseItem.objects.get()
        moved = ledger.post_journal(
            actor=ACTOR,
            entry_id=item.entry_id,
            targets=[Line(fund="23", amount=Decimal("10.00"), account_reference="700123452")],
            reason="Found",
            key="j",
        )
        proof = selectors.proof(ACTOR, TODAY)
        assert balances(proof) == {
            "1": ("0.00", "30.00", "-10.00", "0.00", "20.00"),
            "23": ("100.00", "40.00", "10.00", "0.00", "150.00"),
            "31": ("0.00", "12.00", "0.00", "0.00", "12.00"),
        }
        assert proof.total.moved == 0
        assert proof.total.closing == sum(row.closing for row in proof.methods)
        assert proof.is_proven
        ledger.reverse(actor=ACTOR, posting_id=moved.pk, reason="Not theirs")
        assert balances(selectors.proof(ACTOR, TODAY))["1"] == ("0.00", "30.00", "-10.00", "10.00", "30.00")

    def test_sealing_changes_nothing(self, world: World):
        receipt("23", "100.00", day=YESTERDAY)
        receipt("23", "40.00", day=TODAY)
        before = selectors.proof(ACTOR, TODAY)
        seal_pending()
        after = selectors.proof(ACTOR, TODAY)
        assert balances(after) == balances(before)
        assert before.seal is None
        assert len(after.seal.hash) == 64
        assert after.seal.unsealed_postings == 0

    def test_tomorrow_opens_where_today_closed(self, world: World):
        receipt("23", "100.00", day=YESTERDAY)
        closed = {row.code: row.closing for row in selectors.proof(ACTOR, YESTERDAY).funds}
        opened = {row.code: row.opening for row in selectors.proof(ACTOR, TODAY).funds}
        assert opened == closed

    def test_a_person_sees_the_balances_of_their_funds_alone(self, world: World):
        receipt("23", "100.00")
        receipt("31", "12.00")
        some = replace(person("Some", "reporting.view_proof"), funds=frozenset({"31"}))
        proof = selectors.proof(some, YESTERDAY)
        assert [row.code for row in proof.funds] == ["31"]
        assert (proof.exports, proof.suspense, list(proof.differences)) == ([], None, [])

    def test_totals_of_a_period(self, world: World):
        receipt("31", "12.00", day=YESTERDAY)
        receipt("31", "60.00", day=TODAY)
        totals = selectors.period_totals(ACTOR, YESTERDAY, TODAY)
        [row] = totals.funds
        assert (row.received, row.vat, row.entry_count) == (Decimal("72.00"), Decimal("12.00"), 2)
        with pytest.raises(InvalidInput, match="before it starts"):
            selectors.period_totals(ACTOR, TODAY, YESTERDAY)


class TestFiles:
    @pytest.fixture(autouse=True)
    def _profile(self, world: World) -> None:
        simple_profile()

    def test_a_file_ties_to_what_was_posted_from_it(self, world: World):
        batch = posted(ACTOR, [line("10.00"), line("20.00", fund="", reference=""), line("-5.00", narrative="OUT")])
        proof = selectors.proof(ACTOR, batch.posting.entries.first().accounting_date)
        [row] = proof.files
        assert (row.file_name, row.posting) == (batch.file_name, str(batch.posting))
        assert (row.in_file, row.ledger, row.to_suspense, row.difference) == (
            Decimal("30.00"),
            Decimal("30.00"),
            Decimal("20.00"),
            Decimal("0.00"),
        )
        assert proof.is_proven

    def test_rows_that_wait_are_named(self, world: World):
        batch = posted(ACTOR, [line("10.00"), line("30.00", fund="99X")])
        proof = selectors.proof(ACTOR, batch.posting.entries.first().accounting_date)
        assert sentences(proof) == [
            f"warning: 1 row of {batch.file_name} (£30.00) waits for somebody to correct or decide it."
        ]
        assert proof.is_proven
        assert not proof.is_complete

    def test_a_file_of_which_every_row_waits_is_named(self, world: World):
        batch = posted(ACTOR, [line("30.00", fund="99X")])
        assert batch.posting is None
        proof = selectors.proof(ACTOR, TODAY)
        assert sentences(proof) == [
            f"warning: 1 row of {batch.file_name} (£30.00) waits for somebody to correct or decide it."
        ]
        assert not proof.is_complete

    def test_a_file_that_is_not_posted_is_named(self, world: World):
        received(ACTOR, csv_of([line("1.00")]), name="left.csv")
        said = sentences(selectors.proof(ACTOR, TODAY))
        assert said == ["warning: left.csv was received that day and is not posted (received)."]


class TestStatements:
    @pytest.mark.parametrize(
        "path", ["csv-uk/synthetic-lloyds.csv", "camt053/sebastienrousseau-camt053_no_namespace.xml"]
    )
    def test_the_banks_balances_tie_to_the_rows_read(self, world: World, path: str):
        seed_file_profiles(ACTOR)
        batch = imports.receive(actor=ACTOR, stream=io.BytesIO(sample(path)), name=path.rpartition("/")[2])
        imports.check(actor=ACTOR, batch_id=batch.pk)
        batch = imports.post(actor=ACTOR, batch_id=batch.pk)
        proof = selectors.proof(ACTOR, batch.posting.entries.first().accounting_date)
        [row] = proof.statements
        assert (row.opening + row.receipts + row.other, row.difference) == (row.closing, 0)
        batch.rows.filter(outcome="ignored").delete()
        batch.rows.filter(pk=batch.rows.exclude(outcome="ignored").first().pk).delete()
        lost = selectors.proof(ACTOR, batch.posting.entries.first().accounting_date)
        assert not lost.is_proven
        assert any(f"The balances of account {row.account}" in sentence for sentence in sentences(lost))

    def test_a_file_undone_and_posted_again_stands_once_among_the_accounts(self, world: World):
        seed_file_profiles(ACTOR)
        content = sample("csv-uk/synthetic-lloyds.csv")

        def bring_in():
            batch = imports.receive(actor=ACTOR, stream=io.BytesIO(content), name="lloyds.csv")
            imports.check(actor=ACTOR, batch_id=batch.pk)
            return imports.post(actor=ACTOR, batch_id=batch.pk)

        first = bring_in()
        day = first.posting.entries.first().accounting_date
        imports.reverse_batch(actor=ACTOR, batch_id=first.pk, reason="Wrong day")
        assert len(selectors.proof(ACTOR, day).statements) == 1  # the only sign of the account that there is
        bring_in()
        proof = selectors.proof(ACTOR, day)
        assert len(proof.statements) == 1
        assert [row.state for row in proof.files] == ["reversed", "posted"]
        assert "lloyds.csv (reversed)" in "\n".join(proof.lines())

    def test_every_sample_statement_ties(self, world: World):
        seed_file_profiles(ACTOR)
        found = sorted(path for kind in ("mt940", "camt053", "bai2") for path in (SAMPLES / kind).glob("*.*"))
        if not found:
            pytest.skip("the sample files are not beside the repository")
        tied = 0
        for path in found:
            try:
                batch = imports.receive(actor=ACTOR, stream=io.BytesIO(path.read_bytes()), name=path.name)
            except ImsError:
                continue  # an index, or a format nobody imports
            imports.check(actor=ACTOR, batch_id=batch.pk)
            for row in selectors.statement_rows([batch.pk]):
                assert row.difference == 0, path.name
                tied += 1
        assert tied > 15


class TestExports:
    def test_what_has_not_gone_out_is_named_until_it_has(self, world: World):
        profile = seed_profiles(ACTOR)[0]
        receipt("23", "100.00", day=YESTERDAY)
        waiting = selectors.proof(ACTOR, YESTERDAY)
        assert sentences(waiting) == [
            "warning: 1 entry of the day (£100.00) has not gone out by “General ledger journal”."
        ]
        exports.build(actor=ACTOR, profile=profile, first=YESTERDAY, key="k")
        done = selectors.proof(ACTOR, YESTERDAY)
        assert (done.exports[0].waiting_count, done.exports[0].batches) == (0, ["General ledger journal 1"])
        assert done.is_complete


class TestSuspense:
    def test_money_without_an_item_is_an_error(self, world: World):
        receipt("1", "30.00", method="28")
        SuspenseItem.objects.update(remaining=Decimal("29.00"))
        proof = selectors.proof(ACTOR, YESTERDAY)
        assert "error: The suspense fund holds £30.00, but its items add up to £29.00." in sentences(proof)
        assert not proof.is_proven


def test_it_is_read_as_of_one_moment(world_committed: World):
    receipt("23", "100.00")
    with CaptureQueriesContext(connection) as queries:
        assert selectors.proof(ACTOR, YESTERDAY).is_proven
    asked = [query["sql"] for query in queries.captured_queries]
    assert asked[1] == "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    assert [statement for statement in asked if statement in ("BEGIN", "COMMIT")] == ["BEGIN", "COMMIT"]


def test_it_is_plain_for_machines_and_for_paper(world: World):
    receipt("23", "100.00")
    proof = selectors.proof(ACTOR, YESTERDAY)
    plain = json.loads(json.dumps(proof.as_json()))
    assert plain["day"] == YESTERDAY.isoformat()
    assert (plain["proven"], plain["total"]["closing"]) == (True, "100.00")
    assert plain["funds"][0]["received"] == "100.00"
    printed = list(proof.lines())
    assert printed[0] == f"Daily proof of {YESTERDAY:%A %-d %B %Y}"
    assert any(text.startswith("23 Council Tax") and text.endswith("100.00") for text in printed)
    assert printed[-1] == "PROVEN: everything ties."
