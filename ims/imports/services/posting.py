"""Posting a checked file: one posting, one transaction, suspense items with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from zlib import crc32

from django.db import connection, transaction
from psycopg import sql

from ims.audit.actors import Actor, authorise
from ims.audit.scope import in_words
from ims.audit.services import record
from ims.common import clock
from ims.common.sql import read
from ims.imports import duplicates, elsewhere, shares, world
from ims.imports.errors import ImportRefusal, WorldMoved
from ims.imports.models import FileProfile, ImportBatch
from ims.imports.moving import claimed, move
from ims.imports.selectors import Tally, whole_plan
from ims.imports.selectors import batch as find_visible
from ims.imports.services.checking import _silent
from ims.imports.staging import Report
from ims.imports.states import POSTS_WITH_THE_FILE, BatchState
from ims.ledger import services as ledger
from ims.ledger.models import AccountingPeriod, Posting
from ims.suspense import services as suspense

logger = logging.getLogger(__name__)

POST = "imports.post_batch"
SOURCE = "import"
_DRAWERS = 64
"""Bank accounts are locked by drawers of several, so that a file of thousands of accounts takes few locks."""
_WITH_THE_FILE = sql.SQL("r.outcome IN ('to_post', 'to_suspense')")


def post(*, actor: Actor, batch_id: int, report: Report = _silent) -> ImportBatch:
    """Post the rows of a checked batch that are ready, as one posting; rows that need a person stay held.

    All or nothing, also when the process is killed: a batch left “being posted” by a process that died is simply
    posted again. Raises `WorldMoved` when what the check relied on has changed (check again), `ImportRefusal` for money
    in a closed period, `BatchMoved` while somebody else posts it or once it is posted.

    A receipt is accounted for on the day it was received while that day's period is open; otherwise today, unless the
    profile says to refuse the file.
    """
    authorise(actor, POST, what="post imported files")
    find_visible(actor, batch_id)
    with claimed(batch_id) as batch:
        move(batch, "start_posting", actor=actor)
        try:
            with transaction.atomic():
                report(0, batch.row_count, f"Posting {batch.row_count:,} rows")
                _wait_for_other_files(batch)
                _refuse_if_the_world_moved(batch)
                posting = _post_rows(actor, batch)
                _finish(actor, batch, posting)
        except Exception as error:
            note = str(error) if isinstance(error, ImportRefusal) else "The posting was stopped; nothing was posted."
            batch.refresh_from_db()
            move(batch, "stop_posting", actor=actor, note=note)
            raise
        return batch


def post_set_of(
    actor: Actor, batch: ImportBatch, *, which: sql.Composable, parameters: Mapping[str, Any], key: str
) -> Posting | None:
    """One posting of the rows of `batch` that `which` picks, with its suspense items; None when it picks none.

    Must run inside a transaction. Raises `ImportRefusal` when a period is closed.
    """
    values = {"batch": batch.pk, **parameters}
    days = _days(values, which)
    if not days:
        return None
    values |= {"today": clock.today(), "late": _late_days(batch.profile, days)}
    with connection.cursor() as cursor:
        # Numbers have no gaps, so whoever posts a file holds the next one: a second file waits for the first's end.
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL lock_timeout = '15min'")
    posting = ledger.post_set(
        actor=actor,
        select=sql.SQL(read("ims.imports", "post.sql")).format(which=which),
        parameters=values,
        source_kind=SOURCE,
        source_key=key,
        reason=f"{batch.file_name}, import {batch.pk}",
    )
    suspense.open_items(
        actor=actor,
        posting=posting,
        reasons=sql.SQL(
            "SELECT r.line AS source_line, r.reason FROM imports_importrow r"
            " WHERE r.batch_id = %(batch)s AND r.outcome <> 'to_post' AND {}"
        ).format(which),
        parameters=values,
    )
    return posting


def refuse_outside(actor: Actor, batch: ImportBatch, outcomes: Iterable[str]) -> None:
    """Raise `ImportRefusal` when rows of these outcomes are outside the actor's scope: a file is posted whole."""
    line = shares.line_outside(actor, batch, [str(outcome) for outcome in outcomes])
    if line is not None:
        raise ImportRefusal(
            f"{batch.file_name} holds money that is not yours to post (line {line} is the first): your account is "
            f"limited to {in_words(actor)}. Ask somebody who sees all of the file to post it.",
            code="outside_scope",
        )


def _post_rows(actor: Actor, batch: ImportBatch) -> Posting | None:
    refuse_outside(actor, batch, POSTS_WITH_THE_FILE)
    promised = whole_plan(batch)
    posting = post_set_of(actor, batch, which=_WITH_THE_FILE, parameters={}, key=batch.source_key)
    posted = Tally(posting.entry_count, posting.total) if posting else Tally()
    if posted != promised.to_post:
        raise WorldMoved(
            f"The plan promised {promised.to_post.count:,} entries of £{promised.to_post.amount:,.2f}, but "
            f"{posted.count:,} of £{posted.amount:,.2f} would be posted. Check the file again."
        )
    return posting


def _finish(actor: Actor, batch: ImportBatch, posting: Posting | None) -> None:
    move(
        batch,
        "finish_posting",
        actor=actor,
        posting=posting,
        posted_at=clock.now(),
        posted_by=actor.name,
    )
    record(
        "import_posted",
        actor=actor,
        subject=batch,
        data={"posting": str(posting) if posting else None, **batch.totals.get("to_post", {})},
    )


def _refuse_if_the_world_moved(batch: ImportBatch) -> None:
    moved = world.what_moved(batch.world)
    if moved:
        raise WorldMoved(
            f"Since this file was checked, {_listed(moved)} changed. Check it again, look at the plan, and post it."
        )
    if batch.profile.duplicates == FileProfile.Duplicates.HOLD and (count := _new_duplicates(batch)):
        raise WorldMoved(
            f"Since this file was checked, another file with {count:,} of the same lines was posted. Check it again."
        )
    if count := elsewhere.count_to_post(batch):
        raise WorldMoved(
            f"Since this file was checked, IMS learned that it took {count:,} of its payments itself. Check it again: "
            "they are then left out."
        )


def _wait_for_other_files(batch: ImportBatch) -> None:
    """Post the files of one profile, and those of one bank account, one after the other, so that each sees the lines
    of those before it."""
    locks = {f"ims.imports.profile:{batch.profile_id}"}
    locks |= {f"ims.imports.accounts:{crc32(account.encode()) % _DRAWERS}" for account in duplicates.accounts_of(batch)}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '15min'")
        # All in one order, so that two files never wait for each other.
        for lock in sorted(locks):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")


def _new_duplicates(batch: ImportBatch) -> int:
    """How many rows are the same as rows of files posted since this check began (before that, the check saw them)."""
    began = batch.steps.filter(to_state=BatchState.CHECKING).latest("id").occurred_at
    # A posting is dated a moment before it is there to be seen; the margin costs a wider search and finds no more.
    return duplicates.count_posted_since(batch, began - timedelta(hours=1))


def _days(values: Mapping[str, Any], which: sql.Composable) -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT DISTINCT r.received_on FROM imports_importrow r WHERE r.batch_id = %(batch)s AND {}"
            ).format(which),
            values,
        )
        return sorted(row[0] for row in cursor.fetchall())


def _late_days(profile: FileProfile, days: list[date]) -> list[date]:
    """The days whose period is not open: their money is accounted for today, if that may be."""
    periods = list(AccountingPeriod.objects.filter(is_open=True, ends_on__gte=days[0]))
    periods += list(
        AccountingPeriod.objects.filter(is_open=True, starts_on__lte=clock.today(), ends_on__gte=clock.today())
    )
    late = [day for day in days if not any(p.starts_on <= day <= p.ends_on for p in periods)]
    if not late:
        return []
    if profile.late_money == FileProfile.LateMoney.REFUSE:
        raise ImportRefusal(
            f"The file has money received on {late[0]:%-d %b %Y}, which is in no open accounting period, and the "
            f"profile {profile} says to refuse that. Reopen the period or change the profile. Nothing was posted.",
            code="period_is_open",
        )
    today = clock.today()
    if not any(p.starts_on <= today <= p.ends_on for p in periods):
        raise ImportRefusal(
            f"Neither {late[0]:%-d %b %Y}, when money in the file was received, nor today, {today:%-d %b %Y}, is in an "
            "open accounting period. Ask finance to open one. Nothing was posted.",
            code="period_is_open",
        )
    return late


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
