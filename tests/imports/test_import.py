"""A file from its bytes to the ledger."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ims.audit.actors import command
from ims.audit.models import Event
from ims.common.errors import NotAllowed
from ims.imports import selectors, services
from ims.imports.errors import AlreadyReceived, BatchMoved, ImportRefusal
from ims.imports.models import BatchStep, ImportBatch, ImportRow
from ims.imports.states import BatchState
from ims.ledger.models import Entry
from ims.suspense.models import SuspenseItem
from tests.imports.files import checked, csv_of, line, outcomes, posted, received
from tests.support.world import person


def test_good_rows_reach_their_accounts_and_the_rest_is_told_apart(profile, actor):
    batch = checked(
        actor,
        [
            line("10.00"),
            line("20.00", fund="", reference=""),
            line("30.00", fund="99X"),
            line("-5.00", narrative="TO SUPPLIER"),
            line("40.00", reference="700000000"),
            line("50.00", fund="5", reference="45006789013"),
        ],
    )
    assert batch.state == BatchState.CHECKED
    assert outcomes(batch) == ["to_post", "to_suspense", "invalid", "ignored", "to_suspense", "to_post"]
    assert not Entry.objects.exists()

    batch = services.post(actor=actor, batch_id=batch.pk)
    assert batch.state == BatchState.POSTED
    entries = list(Entry.objects.order_by("line").values_list("fund_id", "amount", "source_line"))
    assert entries == [
        ("23", Decimal("10.00"), 1),
        ("1", Decimal("20.00"), 2),
        ("1", Decimal("40.00"), 5),
        ("5", Decimal("50.00"), 6),
    ]
    assert batch.posting.total == Decimal("120.00")
    reasons = SuspenseItem.objects.order_by("entry__line").values_list("reason", flat=True)
    assert [reason.split(":")[0] for reason in reasons] == ["Line 2", "Line 5"]
    assert "700000000" in reasons[1]


def test_plan_shows_what_posting_will_do(profile, actor):
    batch = checked(
        actor,
        [line("10.00"), line("20.00", narrative="B"), line("5.00", fund="", reference=""), line("1.00", fund="QQ")],
    )
    plan = selectors.whole_plan(batch)
    assert plan.to_post == selectors.Tally(3, Decimal("35.00"))
    assert plan.waiting == selectors.Tally(1, Decimal("1.00"))
    assert [(found.fund, found.tally.amount) for found in plan.lines] == [
        ("1", Decimal("5.00")),
        ("23", Decimal("30.00")),
    ]
    assert {reason.code for reason in plan.reasons} == {"no_fund", "unknown_fund"}
    assert batch.totals["to_post"] == {"count": 3, "amount": "35.00"}


def test_every_sentence_names_the_line_the_value_and_what_to_do(profile, actor):
    batch = checked(actor, [line(), line(fund="QQ")])
    row = ImportRow.objects.get(batch=batch, line=2)
    assert row.reason == "Line 2: there is no fund “QQ”. Choose the fund, or leave it blank to post to suspense."
    assert row.field == "fund"


def test_the_same_bytes_are_refused_and_the_first_import_named(profile, actor):
    first = checked(actor, [line()])
    with pytest.raises(AlreadyReceived, match=f"import {first.pk}") as refusal:
        received(actor, csv_of([line()]), name="again.csv")
    assert refusal.value.batch_id == first.pk
    assert ImportBatch.objects.count() == 1


def test_posting_twice_finds_it_posted(profile, actor):
    batch = posted(actor, [line()])
    with pytest.raises(BatchMoved, match="posted"):
        services.post(actor=actor, batch_id=batch.pk)
    assert Entry.objects.count() == 1


def test_twins_in_one_file_are_two_receipts(profile, actor):
    batch = posted(actor, [line(), line(), line()])
    assert outcomes(batch) == ["to_post"] * 3
    assert len({row.fingerprint for row in batch.rows.all()}) == 3


def test_a_line_of_an_earlier_file_is_held_but_a_further_twin_is_not(profile, actor):
    posted(actor, [line(), line(narrative="OTHER")])
    overlapping = checked(actor, [line(), line(), line(narrative="NEW")], name="b.csv")
    assert outcomes(overlapping) == ["suspected_duplicate", "to_post", "to_post"]
    held = overlapping.rows.get(line=1)
    assert "a.csv" in held.reason


def test_the_same_line_under_another_profile_is_no_duplicate(profile, actor):
    from tests.imports.files import simple_profile

    simple_profile("other")
    posted(actor, [line()])
    assert outcomes(checked(actor, [line(), line(narrative="X")], profile="other")) == ["to_post", "to_post"]


def test_permissions_are_asked_for_at_every_step(profile, actor):
    nobody = person("Nobody")
    with pytest.raises(NotAllowed, match="bring in files"):
        received(nobody, csv_of([line()]))
    batch = received(actor, csv_of([line()]))
    with pytest.raises(NotAllowed, match="check files"):
        services.check(actor=nobody, batch_id=batch.pk)
    services.check(actor=actor, batch_id=batch.pk)
    with pytest.raises(NotAllowed, match="post imported files"):
        services.post(actor=person("Clerk", "imports.receive_file"), batch_id=batch.pk)
    services.post(actor=actor, batch_id=batch.pk)
    with pytest.raises(NotAllowed, match="reverse posted files"):
        services.reverse_batch(actor=nobody, batch_id=batch.pk, reason="x")


def test_every_step_is_kept_with_who_took_it(profile, actor):
    batch = posted(actor, [line()])
    steps = BatchStep.objects.filter(batch=batch).values_list("to_state", "actor_name")
    assert [state for state, _ in steps] == ["received", "checking", "checked", "posting", "posted"]
    assert {name for _, name in steps} == {actor.name}
    verbs = Event.objects.filter(subject_type="imports.importbatch").values_list("verb", flat=True)
    assert {"file_received", "import_checked", "import_posted"} <= set(verbs)


def test_reversal_mirrors_everything_and_lets_the_file_come_again(profile, actor):
    batch = posted(actor, [line("10.00"), line("20.00", fund="", reference="")])
    with pytest.raises(ImportRefusal, match="reason"):
        services.reverse_batch(actor=actor, batch_id=batch.pk, reason=" ")
    services.reverse_batch(actor=actor, batch_id=batch.pk, reason="Wrong day's file")
    batch.refresh_from_db()
    assert batch.state == BatchState.REVERSED
    assert sum(Entry.objects.values_list("amount", flat=True)) == 0
    assert SuspenseItem.objects.get().remaining == 0

    again = checked(actor, [line("10.00"), line("20.00", fund="", reference="")])
    assert again.attempt == 2
    assert outcomes(again) == ["to_post", "to_suspense"]
    assert services.post(actor=actor, batch_id=again.pk).posting != batch.posting


def test_an_abandoned_file_may_come_again(profile, actor):
    batch = checked(actor, [line()])
    services.abandon(actor=actor, batch_id=batch.pk, reason="Meant for tomorrow")
    assert checked(actor, [line()]).attempt == 2


def test_a_file_of_nothing_but_bad_rows_posts_nothing_and_waits(profile, actor):
    batch = posted(actor, [line(fund="QQ"), line(fund="RR")])
    assert batch.state == BatchState.POSTED
    assert batch.posting is None
    assert not Entry.objects.exists()
    assert batch in selectors.needing_attention(command("tests"))
