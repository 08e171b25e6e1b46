"""What people decide about rows that could not be posted with their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.db import connection, transaction
from psycopg import sql

from ims.approvals import gate
from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, authorise
from ims.audit.scope import in_words
from ims.audit.services import record
from ims.common.errors import InvalidInput
from ims.common.money import pounds
from ims.formats.records import Entry
from ims.imports import duplicates, elsewhere, selectors, shares, weighing
from ims.imports.errors import ImportRefusal
from ims.imports.models import ImportBatch, ImportRow, RowDecision
from ims.imports.moving import claimed, find_batch
from ims.imports.services.posting import post_set_of, refuse_outside
from ims.imports.staging import COLUMNS, create_stage, entry_line
from ims.imports.states import NEEDS_A_PERSON, BatchState, Outcome
from ims.interests.services import refuse_interested
from ims.ledger.models import Posting

CORRECT = "imports.correct_row"
DUPLICATE = "imports.duplicate"
CORRECTABLE = (
    "amount", "received_on", "fund", "account_reference", "method_of_payment", "office", "vat_code", "narrative",
    "payer_name",
)  # fmt: skip
_DECIDE = "decide about a row of"
KEPT = (*CORRECTABLE, "outcome", "reason", "posting_fund")


@transaction.atomic
def correct_row(*, actor: Actor, row_id: int, changes: Mapping[str, str], reason: str) -> ImportRow:
    """Set values of a held row and decide about it again; it is then “corrected”, to be posted by `post_corrected`.

    `changes` maps names of `CORRECTABLE` to text as a person writes it; an empty fund sends the row to suspense.
    Routing rules do not run again: what a person wrote stands. Raises `InvalidInput` for a value that cannot be read
    and `ImportRefusal`, with the sentence of the fault, while the row still cannot be posted.
    """
    authorise(actor, CORRECT, what="correct rows")
    row = _held_row(actor, row_id, NEEDS_A_PERSON | {Outcome.CORRECTED})
    _require_reason(reason)
    before = _snapshot(row)
    _apply(row, changes)
    if row.fund and not actor.may_see_fund(row.fund):
        raise InvalidInput(f"There is no fund “{row.fund}”, or it is not one of yours. Choose another.")
    accounts = [(before["fund"], before["account_reference"]), (row.fund, row.account_reference)]
    refuse_interested(actor=actor, accounts=accounts, what=_DECIDE)
    _decide_again(row)
    if not actor.may_see(fund=row.posting_fund, office=row.office, method=row.method_of_payment):
        raise InvalidInput(
            f"The row would be posted to fund {row.posting_fund}, office {row.office}, method {row.method_of_payment}, "
            f"and your account is limited to {in_words(actor)}. Choose among those, or ask a colleague."
        )
    _keep(actor, row, "corrected", before, reason)
    return row


@transaction.atomic
def decide_duplicate(
    *, actor: Actor, row_id: int, post: bool, reason: str, approval: Approval | None = None
) -> ImportRow:
    """Say whether a suspected duplicate is a second receipt (`post`) or the same money (it is then discarded).

    Raises `ApprovalNeeded` for a second receipt of more than the actor may accept alone.
    """
    authorise(actor, CORRECT, what="decide suspected duplicates")
    row = _held_row(actor, row_id, {Outcome.SUSPECTED_DUPLICATE})
    _require_reason(reason)
    _refuse_own(actor, row, approval)
    before = _snapshot(row)
    if post:
        gate.require(
            actor=actor,
            limit=DUPLICATE,
            amount=None if row.amount is None else abs(row.amount),
            approval=approval,
            ask=lambda: Asked(kind=DUPLICATE, payload={"row_id": row.pk, "reason": reason}),
        )
        _decide_again(row)
    else:
        row.outcome = Outcome.DISCARDED
    _keep(actor, row, "accepted as a further receipt" if post else "discarded as a duplicate", before, reason)
    return row


@transaction.atomic
def discard_row(*, actor: Actor, row_id: int, reason: str) -> ImportRow:
    """Say that a held row shall never be posted. It stays visible, with the reason."""
    authorise(actor, CORRECT, what="discard rows")
    row = _held_row(actor, row_id, NEEDS_A_PERSON | {Outcome.CORRECTED})
    _require_reason(reason)
    _refuse_own(actor, row)
    before = _snapshot(row)
    row.outcome = Outcome.DISCARDED
    _keep(actor, row, "discarded", before, reason)
    return row


def post_corrected(*, actor: Actor, batch_id: int) -> Posting:
    """Post the corrected rows of a batch, as a posting of their own. Raises `ImportRefusal` when there are none."""
    authorise(actor, CORRECT, what="post corrected rows")
    with claimed(batch_id) as batch, transaction.atomic():
        _require_posted(batch)
        refuse_outside(actor, batch, [Outcome.CORRECTED])
        mine = ImportRow.objects.filter(batch=batch)
        number = mine.filter(posting__isnull=False).values("posting").distinct().count() + 1
        # Held until the end: nobody corrects another row into this posting, or discards one out of it, meanwhile.
        corrected = mine.filter(outcome=Outcome.CORRECTED).order_by("line")
        ready = list(corrected.select_for_update(of=("self",)).values_list("pk", flat=True))
        _refuse_taken_elsewhere(batch)
        posting = post_set_of(
            actor,
            batch,
            which=sql.SQL("r.id = ANY(%(ready)s::bigint[])"),
            parameters={"ready": ready},
            key=f"{batch.source_key}+{number}",
        )
        if posting is None:
            raise ImportRefusal("No row of this import is corrected and waiting to be posted.", code="nothing_to_post")
        mine.filter(pk__in=ready).update(outcome=Outcome.POSTED_SEPARATELY, posting=posting)
        shares.reckon(batch.pk)
        record(
            "import_rows_posted",
            actor=actor,
            subject=batch,
            data={"posting": str(posting), "rows": posting.entry_count, "total": str(posting.total)},
        )
        return posting


def _held_row(actor: Actor, row_id: int, outcomes: frozenset | set) -> ImportRow:
    row = selectors.row(actor, row_id)
    row = ImportRow.objects.select_for_update().get(pk=row.pk)
    batch = find_batch(row.batch_id)
    _require_posted(batch)
    if row.outcome not in outcomes:
        raise ImportRefusal(
            f"Line {row.line} is “{Outcome(row.outcome).label.lower()}” now; somebody may have dealt with it. "
            "Look at it again.",
            code="conflict",
        )
    return row


def _refuse_taken_elsewhere(batch: ImportBatch) -> None:
    if count := elsewhere.count_to_post(batch, [Outcome.CORRECTED]):
        rows = "1 row is a payment" if count == 1 else f"{count:,} rows are payments"
        raise ImportRefusal(
            f"{rows} that IMS took itself, as it learned since the correction: the money would be counted twice. Save "
            "the corrected rows again to see which, and discard those.",
            code="taken_elsewhere",
        )


def _refuse_own(actor: Actor, row: ImportRow, approval: Approval | None = None) -> None:
    account = (row.fund, row.account_reference)
    refuse_interested(actor=actor, accounts=[account], what=_DECIDE, approval=approval)


def _require_posted(batch: ImportBatch) -> None:
    if batch.state != BatchState.POSTED:
        raise ImportRefusal(
            f"Import {batch.pk} is “{BatchState(batch.state).label.lower()}”. Held rows are dealt with once the file "
            "is posted: its good rows go first."
        )


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ImportRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")


def _apply(row: ImportRow, changes: Mapping[str, str]) -> None:
    if "vat_code" not in changes and changes.get("fund", row.fund).strip() != row.fund:
        row.vat_code = ""  # the new fund's own
    for name, given in changes.items():
        if name not in CORRECTABLE:
            raise InvalidInput(f"“{name}” cannot be corrected.")
        text = given.strip()
        if "\0" in text:
            raise InvalidInput("A value holds a character that cannot be kept. Type it again.")
        if name == "amount":
            row.amount = pounds(text)
            row.currency = "GBP"
        elif name == "received_on":
            row.received_on = _date(text)
        else:
            setattr(row, name, text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"“{text}” is not a date. Write it like 2026-11-20.") from error


def _decide_again(row: ImportRow) -> None:
    """Put the row through the same decisions as a file, without rules, search and the question of duplicates."""
    profile = find_batch(row.batch_id).profile
    settings = replace(weighing.settings_for(profile), rules=(), finds_references=False, holds_duplicates=False)
    profile.fund = None  # a person's empty fund means suspense, not the profile's fund
    settings = replace(settings, profile=profile)
    create_stage(profile.code, settings.rules)
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ims_stage ({}) FROM STDIN WITH (DELIMITER E'\\x1f')").format(names)) as copy,
    ):
        copy.write(entry_line(_as_entry(row), row.account).encode())
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE ims_decided (LIKE imports_importrow) ON COMMIT DROP")
        cursor.execute("ALTER TABLE ims_decided ALTER COLUMN id DROP NOT NULL")
        weighing.route(settings)
        weighing.find_accounts(settings, lambda *_: None)
        duplicates.none_yet()
        weighing.decide(settings, batch_id=row.batch_id, target="ims_decided")
        cursor.execute(
            "SELECT outcome, reason_code, reason, field, fund, account_reference, method_of_payment, office,"
            " vat_code, posting_fund FROM ims_decided"
        )
        outcome, *decided = cursor.fetchone()
    if outcome not in (Outcome.TO_POST, Outcome.TO_SUSPENSE):
        raise ImportRefusal(decided[1], code=decided[0])
    names = ("reason_code", "reason", "field", "fund", "account_reference", "method_of_payment", "office", "vat_code",
             "posting_fund")  # fmt: skip
    for name, value in zip(names, decided, strict=True):
        setattr(row, name, value)
    row.outcome = Outcome.CORRECTED


def _as_entry(row: ImportRow) -> Entry:
    if row.amount is None:
        raise InvalidInput(f"Line {row.line} has no amount yet. Enter it in pounds.")
    return Entry(
        line=row.line,
        amount=row.amount,
        kind=row.kind,
        currency=row.currency,
        booked_on=row.received_on,
        bank_reference=row.source_reference,
        reference=row.account_reference,
        end_to_end_reference=row.end_to_end,
        payer_name=row.payer_name,
        narrative=row.narrative,
        fund=row.fund,
        method_of_payment=row.method_of_payment,
        office=row.office,
        vat_code=row.vat_code,
    )


def _snapshot(row: ImportRow) -> dict[str, str]:
    return {name: _text(getattr(row, name)) for name in KEPT}


def _text(value: Decimal | date | str | None) -> str:
    return "" if value is None else str(value)


def _keep(actor: Actor, row: ImportRow, verb: str, before: dict[str, str], reason: str) -> None:
    row.save()
    shares.reckon(row.batch_id)
    RowDecision.objects.create(
        row=row,
        verb=verb,
        before=before,
        after=_snapshot(row),
        reason=reason,
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
    )
    record(
        "import_row_decided",
        actor=actor,
        subject=row,
        reason=reason,
        data={"batch": row.batch_id, "line": row.line, "decision": verb},
    )


def decisions(row: ImportRow) -> Sequence[RowDecision]:
    """What people decided about a row, first to last."""
    return list(row.decisions.order_by("id"))
