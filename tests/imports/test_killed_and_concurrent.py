"""Two people at once, and processes killed at any moment: whole postings or none."""

from __future__ import annotations

import io
import random
import threading
import time

import pytest
from django.db import connection, transaction

from ims.imports import services
from ims.imports.errors import AlreadyReceived, BatchMoved, WorldMoved
from ims.imports.models import ImportBatch, ImportRow
from ims.imports.states import BatchState
from ims.imports.tasks import release
from ims.jobs.models import JobRun
from ims.jobs.sweep import sweep
from ims.jobs.worker import run_worker
from ims.ledger.models import Entry, NumberSeries, Posting
from ims.suspense.models import SuspenseItem
from tests.imports.files import checked, csv_of, line, posted, rule, simple_profile
from tests.support.processes import Process
from tests.support.waiting import until_somebody_waits

ROWS = 4000


@pytest.fixture
def profile(world_committed):
    return simple_profile()


def rows(count: int = ROWS) -> list[tuple[str, ...]]:
    return [line("1.00", narrative=f"ROW {n}", fund="23" if n % 100 else "", reference="700123452" if n % 100 else "")
            for n in range(count)]  # fmt: skip


def whole_or_nothing(batch: ImportBatch) -> bool:
    """True when the whole file is in the ledger, False when nothing is; anything else fails."""
    batch.refresh_from_db()
    entries, postings, items = Entry.objects.count(), Posting.objects.count(), SuspenseItem.objects.count()
    assert (entries, postings, items) in ((0, 0, 0), (ROWS, 1, ROWS // 100))
    assert (batch.state == BatchState.POSTED) == bool(entries)
    return bool(entries)


def in_threads(*calls) -> list[object]:
    """What each call returned or raised, all begun at the same moment."""
    results: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = calls[number]()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def process(code: str) -> Process:
    """A process of its own on the test's database, running `code`."""
    return Process(
        "from ims.audit.actors import command; from ims.imports import services; actor = command('killed');" + code
    )


def test_two_people_posting_the_same_file_one_wins_the_other_is_told(profile, actor):
    batch = checked(actor, rows())
    post = lambda: services.post(actor=actor, batch_id=batch.pk)  # noqa: E731
    results = in_threads(post, post, post)
    refused = [result for result in results if isinstance(result, BatchMoved)]
    assert len(refused) == 2
    assert all("being worked on" in str(r) or "“posted” now" in str(r) or "“being posted”" in str(r) for r in refused)
    assert whole_or_nothing(batch)


def test_two_people_bringing_in_the_same_file_one_wins_the_other_is_shown_it(profile, actor):
    content = csv_of(rows(50))

    def receive() -> ImportBatch:
        return services.receive(actor=actor, stream=io.BytesIO(content), name="a.csv", profile="simple")

    results = in_threads(receive, receive)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyReceived", "ImportBatch"]
    refused = next(result for result in results if isinstance(result, AlreadyReceived))
    assert refused.batch_id == ImportBatch.objects.get().pk


def test_two_overlapping_files_checked_before_either_was_posted(profile, actor):
    first = checked(actor, [line(), line(narrative="ONLY A")])
    ImportBatch.objects.filter(pk=first.pk).update(state=BatchState.CHECKING)
    second = checked(actor, [line(), line(narrative="ONLY B")], name="b.csv")
    ImportBatch.objects.filter(pk=first.pk).update(state=BatchState.CHECKED)
    services.post(actor=actor, batch_id=first.pk)
    with pytest.raises(WorldMoved, match="1 of the same lines was posted"):
        services.post(actor=actor, batch_id=second.pk)
    services.check(actor=actor, batch_id=second.pk)
    services.post(actor=actor, batch_id=second.pk)
    assert Entry.objects.count() == 3


def test_two_overlapping_files_checked_and_posted_at_the_same_moment(profile, actor):
    batches = [
        services.receive(actor=actor, stream=io.BytesIO(csv_of([*rows(500), line(extra)])), name=name, profile="simple")
        for name, extra in (("a.csv", "2.00"), ("b.csv", "3.00"))
    ]
    in_threads(*(lambda key=batch.pk: services.check(actor=actor, batch_id=key) for batch in batches))
    ready = [batch for batch in batches if ImportBatch.objects.get(pk=batch.pk).totals["to_post"]["count"] == 501]
    results = in_threads(*(lambda key=batch.pk: services.post(actor=actor, batch_id=key) for batch in batches))
    assert Entry.objects.filter(narrative="ROW 1").count() == 1
    if len(ready) == 2:  # neither check saw the other file
        assert sorted(type(result).__name__ for result in results) == ["ImportBatch", "WorldMoved"]


def test_a_row_corrected_while_others_are_posted_waits_for_its_own_posting(profile, actor):
    batch = checked(actor, [line(), line(fund="QQ"), line(fund="QQ", narrative="LATER")])
    services.post(actor=actor, batch_id=batch.pk)
    early, late = ImportRow.objects.filter(batch=batch, outcome="invalid").order_by("line")

    def correct(row: ImportRow) -> ImportRow:
        return services.correct_row(actor=actor, row_id=row.pk, changes={"fund": "23"}, reason="From the slip")

    correct(early)
    post = threading.Thread(target=in_threads, args=(lambda: services.post_corrected(actor=actor, batch_id=batch.pk),))
    with transaction.atomic():
        # The posting waits for its number while the other row is corrected.
        NumberSeries.objects.select_for_update().get(prefix="IMP")
        post.start()
        until_somebody_waits()
        [corrected] = in_threads(lambda: correct(late))
    post.join()
    assert getattr(corrected, "outcome", corrected) == "corrected"
    assert ImportRow.objects.get(pk=early.pk).outcome == "posted_separately"
    assert ImportRow.objects.get(pk=late.pk).outcome == "corrected"
    assert services.post_corrected(actor=actor, batch_id=batch.pk).entry_count == 1


def test_a_file_waits_for_its_number_as_long_as_another_file_takes(profile, actor):
    posted(actor, [line()])
    batch = checked(actor, [line("3.00")], name="b.csv")

    def post_impatiently() -> ImportBatch:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        return services.post(actor=actor, batch_id=batch.pk)

    results: list[object] = []
    second = threading.Thread(target=lambda: results.extend(in_threads(post_impatiently)))
    with transaction.atomic():
        NumberSeries.objects.select_for_update().get(prefix="IMP")
        second.start()
        until_somebody_waits()
        time.sleep(0.5)
    second.join()
    assert [result.state for result in results] == [BatchState.POSTED]


def test_a_file_checked_under_one_profile_is_not_posted_under_another(profile, actor):
    simple_profile("other", fund_id="5")
    batch = checked(actor, [line()])
    changed = services.change_profile(actor=actor, batch_id=batch.pk, profile="other")
    assert (changed.state, changed.profile.code) == (BatchState.RECEIVED, "other")
    with pytest.raises(BatchMoved, match="“received” now"):
        services.post(actor=actor, batch_id=batch.pk)
    services.check(actor=actor, batch_id=batch.pk)
    assert services.post(actor=actor, batch_id=batch.pk).state == BatchState.POSTED


def test_a_change_of_rules_after_the_check_asks_for_another(profile, actor):
    batch = checked(actor, [line()])
    rule("New", [], {"fund": "5"})
    with pytest.raises(WorldMoved, match="routing rules changed"):
        services.post(actor=actor, batch_id=batch.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert not Entry.objects.exists()


@pytest.mark.parametrize("attempt", range(6))
def test_a_process_killed_while_posting_leaves_all_or_nothing_and_the_file_can_be_posted(profile, actor, attempt):
    batch = checked(actor, rows())
    killed = process(f"print('ready', flush=True); services.post(actor=actor, batch_id={batch.pk})")
    killed.said()
    time.sleep(random.Random(attempt).uniform(0.0, 0.8))
    killed.kill()
    _wait_until_free(batch)
    if not whole_or_nothing(batch):
        services.post(actor=actor, batch_id=batch.pk)
    assert whole_or_nothing(batch)


def test_a_process_killed_while_checking_leaves_no_rows_and_the_check_begins_again(profile, actor):
    batch = services.receive(actor=actor, stream=io.BytesIO(csv_of(rows())), name="a.csv", profile="simple")
    killed = process(
        "from ims.imports.services import checking;"
        "checking._finish = lambda *a: (print('deciding', flush=True), __import__('time').sleep(60));"
        f"services.check(actor=actor, batch_id={batch.pk})"
    )
    killed.said()
    killed.kill()
    _wait_until_free(batch)
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKING
    assert not ImportRow.objects.exists()
    assert release() == [batch.pk]
    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED
    assert "Check it again" in batch.error
    services.check(actor=actor, batch_id=batch.pk)
    assert ImportRow.objects.count() == ROWS


def test_a_posting_job_whose_worker_was_killed_is_taken_up_by_the_next(profile, actor):
    batch = checked(actor, rows())
    run = services.post_later(actor=actor, batch_id=batch.pk)
    killed = process(
        "from ims.imports.services import posting;"
        "posting._finish = lambda *a: (print('posting', flush=True), __import__('time').sleep(60));"
        "from ims.jobs.worker import run_worker; run_worker()"
    )
    killed.said()
    batch.refresh_from_db()
    assert batch.state == BatchState.POSTING
    assert release() == []
    killed.kill()
    _wait_until_free(batch)
    assert not Entry.objects.exists()
    assert sweep() == [run.pk]
    run_worker(wait=False)
    assert whole_or_nothing(batch)
    assert JobRun.objects.get(pk=run.pk).state == "succeeded"


def test_a_file_brought_in_through_the_queue_is_checked_and_posted_by_the_worker(profile, actor):
    batch = services.receive_and_check(actor=actor, stream=io.BytesIO(csv_of(rows())), name="a.csv", profile="simple")
    run_worker(wait=False)
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    services.post_later(actor=actor, batch_id=batch.pk)
    run_worker(wait=False)
    assert whole_or_nothing(batch)
    assert JobRun.objects.filter(state="succeeded").count() == 2


def _wait_until_free(batch: ImportBatch) -> None:
    """The server notices a client's death when it next looks at the connection."""
    from ims.imports.moving import is_claimed

    deadline = time.monotonic() + 60
    while is_claimed(batch.pk):
        assert time.monotonic() < deadline, "the lock of the dead process was not let go"
        time.sleep(0.1)
