"""The Model Council's working day, from the first file to the seal, and a few light weeks before it.

Each step is done by the person whose work it is, through the services their screens use. Steps already done are left.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from ims.approvals import services as approvals
from ims.approvals.models import Request
from ims.audit.actors import Actor
from ims.audit.history_seals import seal_histories
from ims.common.money import format_pounds
from ims.demonstration import access, card_payments, cast, council
from ims.demonstration.agreeing import agree
from ims.demonstration.day import FULL, LIGHT, SLIP_MEANS, DayFile, file_to_try, files
from ims.demonstration.payers import receive_payers
from ims.demonstration.payments import Council
from ims.demonstration.telling import Event, Tell
from ims.exports.errors import NothingToExport
from ims.exports.models import ExportProfile
from ims.exports.services import build_or_reissue
from ims.funds.models import GeneralLedgerMapping
from ims.funds.selectors import next_working_day, previous_working_day
from ims.imports import services as imports
from ims.imports.errors import AlreadyReceived
from ims.imports.models import ImportBatch, ImportRow
from ims.imports.states import BatchState, Outcome
from ims.ledger.lines import Line
from ims.ledger.models import Entry, Posting
from ims.ledger.seals import seal_pending
from ims.ledger.services import post_journal
from ims.suspense import services as suspense
from ims.suspense.allocation import Allocation, ItemTake, Proposal
from ims.suspense.models import MatchSuggestion, SuspenseItem

WORKING_DAYS_BEFORE = 15
SURE_ENOUGH = 70
"""Confidence (of 100) from which the demonstration's officer accepts a suggestion."""
MOST_ALLOCATED = 10
MOST_WRITTEN_OFF = Decimal(1000)
"""What an income manager may have written off with somebody's approval, as a new installation begins."""
EXPORT = "General ledger journal"


def working_day(today: date) -> date:
    """Today, or the last day before it on which banks worked."""
    return previous_working_day(next_working_day(today))


def run(today: date, folder: Path, tell: Tell) -> date:
    """Set the council up and let it work one day. Returns that day. `folder` gets the files, to look at and to try."""
    council.lay_ground(tell)
    receive_payers(tell)
    day = working_day(today)
    model = council.set_up(day, tell)
    _weeks_before(day, model, tell)
    closed = council.close_earlier_periods(day)
    tell(Event("Month ends", f"{closed} earlier periods closed" if closed else "as they were", cast.FINANCIER.name))
    access.arrange(day, tell)
    card_payments.take_and_pay_out(day, model)
    paid_out = card_payments.in_the_bank(day)
    arrived = files(day, model, FULL, day_before=previous_working_day(day), paid_out=paid_out)
    _put_down([*arrived, file_to_try(day, model)], folder)
    for file in arrived:
        _take_in(file, tell)
    _send_again(arrived, tell)
    _correct_slips(day, tell)
    _clear_suspense(day, tell)
    _journal(day, model, tell)
    card_payments.take(day, model, tell)
    _ask_for_approvals(day, model, tell)
    _export(day, day, tell)
    _seal(tell)
    return day


def _weeks_before(day: date, model: Council, tell: Tell) -> None:
    if ImportBatch.objects.exists():
        tell(Event("Weeks before", "as they were"))
        return
    days = [day]
    for _ in range(WORKING_DAYS_BEFORE):
        days.append(previous_working_day(days[-1]))
    posted = 0
    for earlier in reversed(days[1:]):
        for file in files(earlier, model, LIGHT):
            posted += _receive_and_post(file).row_count
        _export(earlier, earlier, lambda event: None)
    seal_pending()
    tell(Event("Weeks before", f"{posted:,} receipts of {WORKING_DAYS_BEFORE} working days", cast.OFFICER.name))


def _receive_and_post(file: DayFile) -> ImportBatch:
    actor = cast.act_as(cast.OFFICER)
    batch = imports.receive(actor=actor, stream=io.BytesIO(file.content), name=file.name, profile=file.profile)
    batch = imports.check(actor=actor, batch_id=batch.pk)
    if batch.state != BatchState.CHECKED:
        raise RuntimeError(f"{file.name}: {batch.error}")
    return imports.post(actor=actor, batch_id=batch.pk)


def _take_in(file: DayFile, tell: Tell) -> None:
    try:
        batch = _receive_and_post(file)
    except AlreadyReceived as refusal:
        batch = ImportBatch.objects.get(pk=refusal.batch_id)
    tell(Event(file.name, f"{file.sender}: {_outcomes(batch)}", cast.OFFICER.name))


def _outcomes(batch: ImportBatch) -> str:
    words = {
        Outcome.TO_POST: "to accounts",
        Outcome.TO_SUSPENSE: "to suspense",
        Outcome.INVALID: "to correct",
        Outcome.SUSPECTED_DUPLICATE: "suspected duplicates",
        Outcome.IGNORED: "no receipts",
    }
    tallies = batch.totals.get("by_outcome", {})
    parts = [f"{tallies[outcome]['count']} {word}" for outcome, word in words.items() if outcome in tallies]
    total = f", {format_pounds(batch.posting.total)}" if batch.posting else ""
    return f"{', '.join(parts)}{total}"


def _send_again(arrived: Sequence[DayFile], tell: Tell) -> None:
    """The bank withdraws a report and sends it once more: it is reversed, and taken in a second time."""
    file = next(each for each in arrived if each.profile == "bai2")
    batch = ImportBatch.objects.filter(file__name=file.name).order_by("-attempt").first()
    if batch is None or batch.attempt > 1 or batch.state != BatchState.POSTED:
        tell(Event("Reversal", "as it was"))
        return
    reason = "The bank withdrew the report and sends it again"
    asked = approvals.request(
        actor=cast.act_as(cast.MANAGER),
        kind="imports.reversal",
        payload={"batch_id": batch.pk, "reason": reason},
        reason=reason,
    )
    agree(asked, cast.FINANCIER, "The bank's e-mail is filed with the statement")
    batch.refresh_from_db()
    again = _receive_and_post(file)
    undone = f"{batch.posting} undone, approved by {cast.FINANCIER.name}"
    detail = f"{undone}; {file.name} posted again as {again.posting}"
    tell(Event("Reversal", detail, cast.MANAGER.name))


def _correct_slips(day: date, tell: Tell) -> None:
    """The letter O for a nought is put right; one of the lines sent twice is told apart."""
    actor = cast.act_as(cast.OFFICER)
    today = ImportRow.objects.filter(batch__file__name__contains=f"{day:%Y%m%d}", batch__state=BatchState.POSTED)
    slips = list(today.filter(outcome=Outcome.INVALID, batch__profile__code="receipts15"))
    for slip in slips:
        imports.correct_row(
            actor=actor, row_id=slip.pk, changes=_as_the_slip_says(slip, day), reason="The till roll shows £45.50"
        )
        imports.post_corrected(actor=actor, batch_id=slip.batch_id)
    twice = list(today.filter(outcome=Outcome.SUSPECTED_DUPLICATE).order_by("line"))
    if len(twice) > 1:
        imports.decide_duplicate(
            actor=actor, row_id=twice[0].pk, post=False, reason="allpay confirms that the line was sent twice"
        )
    if not slips and len(twice) < 2:
        tell(Event("Held rows", "as they were", cast.OFFICER.name))
        return
    tell(Event("Held rows", "a clerk's slip corrected and posted, a line sent twice discarded", cast.OFFICER.name))


def _as_the_slip_says(row: ImportRow, day: date) -> dict[str, str]:
    """What the officer types: a line that could not be read has only its bytes."""
    cells = next(csv.reader([row.raw]))
    return {
        "amount": SLIP_MEANS,
        "received_on": day.isoformat(),
        "account_reference": cells[6],
        "fund": cells[8],
        "method_of_payment": cells[9],
        "office": cells[3],
        "narrative": cells[14],
    }


def _clear_suspense(day: date, tell: Tell) -> None:
    actor = cast.act_as(cast.OFFICER)
    key = f"demonstration {day.isoformat()}"
    if Posting.objects.filter(source_kind=Posting.Kind.ALLOCATION, source_key__startswith=key).exists():
        tell(Event("Suspense", "as it was", cast.OFFICER.name))
        return
    suspense.refresh_suggestions(actor=actor)
    likely = MatchSuggestion.objects.filter(
        rank=1, confidence__gte=SURE_ENOUGH, item__state=SuspenseItem.State.OPEN, item__received_on=day
    ).order_by("-confidence", "item")[:MOST_ALLOCATED]
    proposals = [
        Proposal(item=one.item_id, fund=one.fund_id, account_reference=one.account_reference) for one in likely
    ]
    outcomes = suspense.apply_proposals(
        actor=actor, proposals=proposals, reason="Suggestion checked with revenues", key=key
    )
    cleared = sum(bool(outcome.posting) for outcome in outcomes)
    _work_on_the_rest(actor)
    left = SuspenseItem.objects.filter(state=SuspenseItem.State.OPEN)
    tell(Event("Suspense", f"{cleared} items allocated on suggestions, {left.count()} left", cast.OFFICER.name))


def _work_on_the_rest(actor: Actor) -> None:
    """Some of the oldest items are taken by somebody, with a note of what was tried."""
    oldest = list(SuspenseItem.objects.filter(state=SuspenseItem.State.OPEN).order_by("received_on", "pk")[:5])
    suspense.assign(
        actor=actor, items=[item.pk for item in oldest], owner_id=int(actor.identifier), reason="Working through these"
    )
    for item, text in zip(
        oldest,
        ("Asked the bank for the remitter’s details.", "Rang the payer: no answer. Try again in the morning."),
        strict=False,
    ):
        suspense.add_note(actor=actor, item_id=item.pk, text=text)


def _journal(day: date, model: Council, tell: Tell) -> None:
    """One receipt went to the neighbour's account: the reference was theirs."""
    key = f"demonstration {day.isoformat()}"
    posting = Posting.objects.filter(source_kind=Posting.Kind.JOURNAL, source_key=key).first()
    if posting is None:
        entry = _to_move(day)
        if entry is None:
            tell(Event("Journal", "no receipt to move"))
            return
        neighbour = next(each for each in model.payable()[entry.fund_id] if each.reference != entry.account_reference)
        posting = post_journal(
            actor=cast.act_as(cast.MANAGER),
            entry_id=entry.pk,
            targets=[
                Line(
                    fund=entry.fund_id,
                    amount=entry.amount,
                    account_reference=neighbour.reference,
                    narrative="Paid to the neighbour's account by mistake",
                )
            ],
            reason="The payer quoted the neighbour's reference; confirmed by telephone",
            key=key,
        )
    tell(Event("Journal", f"{posting}: one receipt moved to the right account", cast.MANAGER.name))


def _ask_for_approvals(day: date, model: Council, tell: Tell) -> None:
    """One request is turned down and two are left to decide: a transfer for Priya, a ledger code for Margaret."""
    key = f"demonstration {day.isoformat()}"
    if Request.objects.filter(key=key).exists():
        tell(Event("Approvals", "as they were"))
        return
    _write_off_turned_down(key)
    giver, taker = model.payable()["23"][:2]
    amount = Decimal("2480.00")
    transfer = {
        "sources": [Line(fund="23", amount=amount, account_reference=giver.reference).as_data()],
        "targets": [Line(fund="23", amount=amount, account_reference=taker.reference).as_data()],
        "reason": "Two years' instalments were paid to the account of the house sold in March",
        "key": key,
    }
    approvals.request(
        actor=cast.act_as(cast.MANAGER), kind="ledger.transfer", payload=transfer, reason=transfer["reason"], key=key
    )
    mapping = GeneralLedgerMapping.objects.filter(side="income", fund="52", method_of_payment=None).first()
    if mapping is not None:
        changed = {
            "model": "funds.generalledgermapping",
            "act": "change",
            "pk": str(mapping.pk),
            "values": {"cost_centre": "72118"},
            "reason": "Markets moved to the town centre's cost centre",
        }
        approvals.request(
            actor=cast.act_as(cast.FINANCIER), kind="funds.mapping", payload=changed, reason=changed["reason"], key=key
        )
    tell(Event("Approvals", "a write-off rejected; a transfer and a ledger code wait for a second person"))


def _write_off_turned_down(key: str) -> None:
    """The oldest item that the manager may ask for at all: what a day's files leave is not the same every day."""
    small = SuspenseItem.objects.filter(state=SuspenseItem.State.OPEN, remaining__gt=0, remaining__lte=MOST_WRITTEN_OFF)
    item = small.order_by("received_on", "pk").first()
    if item is None:
        return
    reason = "Nobody has claimed it"
    write_off = Allocation(
        takes=[ItemTake(item.pk, item.remaining, item.remaining)],
        lines=[Line(fund="WO", amount=item.remaining, account_reference=f"SUSPENSE {item.pk}", narrative=reason)],
    )
    payload = {**write_off.as_data(), "reason": reason, "key": key}
    asked = approvals.request(
        actor=cast.act_as(cast.MANAGER), kind="suspense.allocation", payload=payload, reason=reason, key=key
    )
    approvals.reject(
        actor=cast.act_as(cast.FINANCIER),
        request_id=asked.pk,
        reason="Too early: the bank has not yet answered who the remitter is. Ask again after thirty days.",
    )


def _to_move(day: date) -> Entry | None:
    found = Entry.objects.filter(
        received_on=day, fund="23", posting__kind=Posting.Kind.IMPORT, corrects=None, amount__gt=0
    )
    return found.order_by("posting", "line").first()


def _export(first: date, last: date, tell: Tell) -> None:
    profile = ExportProfile.objects.get(name=EXPORT)
    try:
        built = build_or_reissue(
            actor=cast.act_as(cast.FINANCIER),
            profile=profile,
            first=first,
            last=last,
            key=f"demonstration {first.isoformat()}",
            reason="Daily ledger journal",
        )
    except NothingToExport as refusal:
        tell(Event("Ledger journal", refusal.message, cast.FINANCIER.name))
        return
    batch = built.batch
    detail = f"{batch.file_name}: {batch.line_count} lines, debits and credits {format_pounds(batch.debit_total)}"
    tell(Event("Ledger journal", detail, cast.FINANCIER.name))


def _seal(tell: Tell) -> None:
    seal = seal_pending()
    seal_histories()
    if seal is None:
        tell(Event("Seal", "nothing new to seal"))
        return
    tell(Event("Seal", f"seal {seal.pk} over {seal.posting_count} postings and {seal.entry_count:,} entries"))


def _put_down(arrived: Sequence[DayFile], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in arrived:
        (folder / file.name).write_bytes(file.content)
