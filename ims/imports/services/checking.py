"""Reading a file and deciding about every row. Nothing is posted."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import connection, transaction

from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import ImsError
from ims.common.money import format_pounds
from ims.formats import profile_reading, registry
from ims.formats.records import Record, UnreadableFile
from ims.formats.summary import checked
from ims.imports import duplicates, selectors, shares, weighing, world
from ims.imports.content import FileStream
from ims.imports.models import FileProfile, ImportBatch, ImportStatement
from ims.imports.models.profiles import LAYOUT
from ims.imports.moving import claimed, move
from ims.imports.services.receiving import RECEIVE
from ims.imports.staging import Report, Staged, stage

logger = logging.getLogger(__name__)

UNEXPECTED = (
    "Something unexpected stopped the check; nothing was posted. Try again; if it happens again, tell support "
    "the number of the import, {batch}."
)


def _silent(done: int, total: int, message: str) -> None:
    """Report to nobody."""


def check(*, actor: Actor, batch_id: int, report: Report = _silent) -> ImportBatch:
    """Read the file and decide about every row; the batch is then “ready to post”, “refused” or “failed”.

    May be done again as long as nothing is posted. A file that is wrong as a whole (its layout, control totals,
    balances) is refused: that is a result, with `batch.error` saying why, not an exception. Raises `BatchMoved` while
    somebody else works on it or once it is posted.
    """
    authorise(actor, RECEIVE, what="check files")
    selectors.batch(actor, batch_id)
    with claimed(batch_id) as batch:
        move(batch, "start_check", actor=actor)
        try:
            with transaction.atomic():
                staged = _read_and_decide(batch, report)
                _finish(batch, actor, staged)
        except _Refused as refused:
            _refuse(batch, actor, refused.staged)
        except ImsError as error:
            problem = {"line": 0, "message": error.message, "code": error.code}
            _refuse(batch, actor, Staged(problems=[problem, *_details(error)], problem_count=1))
        except Exception:
            logger.exception("The check of import %s failed.", batch_id)
            move(batch, "fail", actor=actor, error=UNEXPECTED.format(batch=batch_id))
            raise
        return batch


class _Refused(Exception):
    """The file as a whole is wrong: carries what was read out of the transaction that is undone."""

    def __init__(self, staged: Staged) -> None:
        super().__init__()
        self.staged = staged


def open_records(profile: FileProfile, stream: FileStream) -> Iterator[Record]:
    """The records of a file as `profile` reads it, with the statements' own totals and balances verified."""
    if profile.format == LAYOUT:
        return checked(profile_reading.read(stream, profile.as_layout()))
    return checked(registry.read(stream, profile.format))


def _read_and_decide(batch: ImportBatch, report: Report) -> Staged:
    _forget_earlier_check(batch)
    settings = weighing.settings_for(batch.profile)
    stream = FileStream(batch.file)
    size = batch.file.size
    staged = stage(
        open_records(batch.profile, stream),
        profile_code=batch.profile.code,
        rules=settings.rules,
        report=report,
        progress=lambda: (stream.bytes_read, size),
    )
    if staged.problem_count:
        raise _Refused(staged)
    if not staged.rows and not staged.row_problems and not _is_quiet_day(staged):
        raise UnreadableFile(
            f"{batch.file_name} holds no entries under the profile {batch.profile}. If that is right, abandon this "
            "import; otherwise choose another profile.",
            code="no_entries",
        )
    report(size, size, f"Applying {len(settings.rules)} routing rules to {staged.rows:,} rows")
    weighing.route(settings)
    weighing.find_accounts(settings, report)
    duplicates.find_earlier(
        batch, {statement.account for statement in staged.statements}, hold=settings.holds_duplicates
    )
    report(size, size, "Deciding about every row")
    weighing.decide(settings, batch_id=batch.pk)
    _note_taken_elsewhere(batch, staged)
    return staged


def _note_taken_elsewhere(batch: ImportBatch, staged: Staged) -> None:
    count = batch.rows.filter(reason_code="taken_elsewhere").count()
    if count:
        rows = "1 row tells of a payment" if count == 1 else f"{count:,} rows tell of payments"
        staged.notices.insert(
            0,
            {
                "line": 0,
                "message": f"{rows} that IMS took itself. They are not posted from this file: their money would be "
                "counted twice. If all rows are such, the file need not be imported at all.",
                "code": "taken_elsewhere",
            },
        )


def _is_quiet_day(staged: Staged) -> bool:
    """A bank statement of a day without movements is whole: its balances say so."""
    return any(statement.closing is not None for statement in staged.statements)


def _forget_earlier_check(batch: ImportBatch) -> None:
    with connection.cursor() as cursor:
        for table in ("imports_importrow", "imports_importstatement", "imports_rulehit", "imports_batchshare"):
            cursor.execute(f"DELETE FROM {table} WHERE batch_id = %s", [batch.pk])  # noqa: S608


def _finish(batch: ImportBatch, actor: Actor, staged: Staged) -> None:
    for statement in staged.statements:
        _keep_statement(batch, statement, staged)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO imports_rulehit (rule_id, batch_id, count)"
            " SELECT rule, %s, count(*) FROM imports_importrow, unnest(rules) AS rule"
            " WHERE batch_id = %s AND rules IS NOT NULL GROUP BY rule",
            [batch.pk, batch.pk],
        )
    shares.reckon(batch.pk)
    plan = selectors.whole_plan(batch)
    move(
        batch,
        "finish_check",
        actor=actor,
        row_count=sum(tally.count for tally in plan.by_outcome.values()),
        totals=plan.as_json(),
        problems=[],
        notices=staged.notices,
        error="",
        world=world.stamp(),
        first_day=batch.first_day,
        last_day=batch.last_day,
        checked_at=clock.now(),
    )
    record("import_checked", actor=actor, subject=batch, data=batch.totals["by_outcome"])


def _keep_statement(batch: ImportBatch, statement, staged: Staged) -> None:
    before = (
        ImportStatement.objects.filter(
            account=statement.account, currency=statement.currency, closing__isnull=False, batch__state="posted"
        )
        .exclude(account="")
        .order_by("-closing_on", "-id")
        .first()
    )
    if before and statement.opening is not None and statement.opening != before.closing:
        closed = f" of {before.closing_on:%-d %b %Y}" if before.closing_on else ""
        staged.notices.append(
            {
                "line": 0,
                "message": f"Account {statement.account} opens at {format_pounds(statement.opening)}, but the last "
                f"statement posted{closed} closed at {format_pounds(before.closing)}. A statement between them may be "
                "missing.",
                "code": "gap",
            }
        )
    ImportStatement.objects.create(batch=batch, **vars(statement))


def _refuse(batch: ImportBatch, actor: Actor, staged: Staged) -> None:
    first = staged.problems[0]["message"]
    others = staged.problem_count - 1
    more = f" There {'is 1 more problem' if others == 1 else f'are {others:,} more problems'}." if others else ""
    with transaction.atomic():
        _forget_earlier_check(batch)
        move(
            batch,
            "refuse",
            actor=actor,
            error=first + more,
            problems=staged.problems,
            notices=staged.notices,
            row_count=staged.rows,
            totals={},
        )
        record("import_refused", actor=actor, subject=batch, reason=first)


def _details(error: ImsError) -> list[dict]:
    return [{"line": 0, "message": detail, "code": error.code} for detail in error.details]
