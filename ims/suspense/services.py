"""What may be done about suspense. Each function authorises, decides, writes and records, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from ims.approvals import services as approvals
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.kinds import Approval
from ims.approvals.models import Request
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import ImsError, NotAllowed
from ims.common.money import format_pounds
from ims.funds.models import Fund
from ims.jobs.queue import enqueue
from ims.ledger import services as ledger
from ims.ledger.errors import NOT_ENOUGH_LEFT, LedgerRefusal
from ims.ledger.lines import Line
from ims.ledger.models import Posting
from ims.ledger.selectors import remaining
from ims.suspense import matching, selectors
from ims.suspense.allocation import Allocation, ItemTake, Proposal, ProposalOutcome
from ims.suspense.errors import ItemTaken, SuspenseRefusal
from ims.suspense.models import SuspenseItem, SuspenseNote

ALLOCATION_KIND = "suspense.allocation"
WRITE_OFF = "suspense.write_off"
LONGEST_NOTE = 4000
MATCH_JOB = "suspense.match"
MATCH_ALL_JOB = "suspense.match_all_now"
MOST_AT_ONCE = 500
"""How many open items are matched while somebody waits for the page."""

_NO_REASONS = sql.SQL("SELECT NULL::integer AS source_line, NULL::text AS reason WHERE false")

_OPEN = """
WITH reasons AS ({reasons}),
     opened AS (
       INSERT INTO suspense_suspenseitem
         (entry_id, amount, remaining, received_on, opened_on, state, reason, payer_key)
       SELECT id, amount, remaining, received_on, %(today)s, 'open', reason, payer_key
       FROM (
         SELECT e.id, e.amount, e.received_on, ims_payer_key(e.payer_name, e.narrative) AS payer_key,
           coalesce(r.reason, '') AS reason,
           -- Nothing can have been taken from what was posted a moment ago in this very transaction.
           CASE WHEN e.posted_at = transaction_timestamp() THEN e.amount
                ELSE ims_entry_remaining(e.id, e.amount) END AS remaining
         FROM ledger_entry e
         JOIN funds_fund f ON f.code = e.fund_id AND f.is_suspense
         LEFT JOIN reasons r ON r.source_line = e.source_line
         WHERE e.posting_id = %(posting)s AND e.corrects_id IS NULL
       ) AS unidentified
       WHERE remaining <> 0
       ON CONFLICT (entry_id) DO NOTHING
       RETURNING *),
     kept AS (
       INSERT INTO suspense_historicalsuspenseitem
         (id, entry_id, amount, remaining, received_on, opened_on, state, reason, payer_key,
          history_date, history_type, history_change_reason, history_user_id, actor_kind, actor_name, actor_address)
       SELECT id, entry_id, amount, remaining, received_on, opened_on, state, reason, payer_key,
              transaction_timestamp(), '+', %(why)s, %(user)s, %(actor_kind)s, %(actor_name)s, %(address)s
       FROM opened)
SELECT count(*) FROM opened
"""


@transaction.atomic
def open_items(
    *,
    actor: Actor,
    posting: Posting,
    reasons: sql.Composable | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> int:
    """Open an item for every unidentified receipt of `posting`, by one statement; return how many were opened.

    Call it in the transaction that posts. `reasons` is a SELECT that yields `source_line` and `reason` (with its
    `parameters`): why each line could not be identified. A second call opens nothing. Whose they may be is looked for
    in the background once the transaction is committed.
    """
    authorise(actor, "ledger.post_receipt", what="open suspense items")
    statement = sql.SQL(_OPEN).format(reasons=reasons or _NO_REASONS)
    values = {
        **(parameters or {}),
        "posting": posting.pk,
        "today": clock.today(),
        "why": f"Posted as {posting}",
        "user": actor.person_key,
        "actor_kind": actor.kind,
        "actor_name": actor.name,
        "address": actor.address,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        opened = cursor.fetchone()[0]
    if opened:
        enqueue(MATCH_JOB, actor=actor, subject=posting, posting=posting.pk)
    return opened


@transaction.atomic
def assign(*, actor: Actor, items: Sequence[int], owner_id: int | None, reason: str = "") -> int:
    """Give open items to a person (None: to nobody); return how many changed hands.

    Who may allocate may take an item for themselves; giving it to others needs `suspense.assign`.
    """
    takes_it = actor.kind == "person" and str(owner_id) == actor.identifier
    authorise(actor, "suspense.allocate" if takes_it else "suspense.assign", what="give suspense items to people")
    if not (owner_id is None or takes_it or selectors.possible_owners().filter(pk=owner_id).exists()):
        raise SuspenseRefusal(
            "That person does not sign in here, or may not allocate suspense. Choose somebody else.",
            code="unknown_person",
        )
    return _change(actor, items, reason, owner_id=owner_id)


@transaction.atomic
def set_due(*, actor: Actor, items: Sequence[int], due_on: date | None, reason: str = "") -> int:
    """Say by when open items should be cleared (None: no date); return how many changed."""
    authorise(actor, "suspense.assign", what="set due dates of suspense items")
    if due_on is not None and due_on < clock.today():
        raise SuspenseRefusal(f"{due_on:%-d %b %Y} is past. Choose today or a later day.", code="due_in_the_past")
    return _change(actor, items, reason, due_on=due_on)


@transaction.atomic
def add_note(*, actor: Actor, item_id: int, text: str) -> SuspenseNote:
    """Write down what was found out about an item, open or closed. Notes stay as they were written."""
    authorise(actor, "suspense.add_note", what="add notes to suspense items")
    item = selectors.get_item(actor, item_id)
    written = text.strip()
    if not written:
        raise SuspenseRefusal("The note is empty. Write something, or leave the page.", code="empty_note")
    if len(written) > LONGEST_NOTE:
        raise SuspenseRefusal(
            f"The note has {len(written):,} characters; {LONGEST_NOTE:,} is the most.", code="long_note"
        )
    return SuspenseNote.objects.create(
        item=item, text=written, actor_kind=actor.kind, actor_id=actor.identifier, actor_name=actor.name
    )


@transaction.atomic
def allocate(
    *, actor: Actor, allocation: Allocation, reason: str, key: str, approval: Approval | None = None
) -> Posting:
    """Move money out of suspense to the accounts it belongs to.

    One posting: each item is debited by exactly what is taken from it, and lines = takes + credit notes. The same
    `key` again returns the posting made first. What is not taken stays open. Undo it by reversing the posting.

    Raises `ItemTaken` when somebody else moved money of an item since it was looked at; `LedgerRefusal` (or the
    accounts room's refusal, with a sentence for each line) when the money cannot go where it is sent; `ApprovalNeeded`
    over what the actor may allocate alone. Money sent to a fund for write-offs is written off: see `write_off`.
    """
    authorise(actor, "suspense.allocate", what="allocate suspense")
    if Fund.objects.filter(pk__in={line.fund for line in allocation.lines}, is_write_off=True).exists():
        authorise(actor, WRITE_OFF, what="write off suspense items")
    earlier = Posting.objects.filter(source_kind=Posting.Kind.ALLOCATION, source_key=key).first()
    if earlier is not None:
        return earlier
    items = selectors.get_items(actor, [take.item for take in allocation.takes])
    _refuse_what_is_gone(actor, allocation.takes, items)
    try:
        with transaction.atomic():
            posting = _post(actor, allocation, items, reason=reason, key=key, approval=approval)
    except ApprovalNeeded as needed:
        asked = {**allocation.as_data(), "reason": reason, "key": key}
        raise ApprovalNeeded(needed.message, kind=ALLOCATION_KIND, payload=asked, key=key) from needed
    except LedgerRefusal as refusal:
        if refusal.code == "posting_once_per_source":
            return Posting.objects.get(source_kind=Posting.Kind.ALLOCATION, source_key=key)
        if refusal.code == NOT_ENOUGH_LEFT:
            _refuse_what_is_gone(actor, allocation.takes, selectors.get_items(actor, list(items)))
        raise
    _refuse_surprises(actor, allocation.takes, items)
    return posting


@transaction.atomic
def write_off(
    *,
    actor: Actor,
    item_id: int,
    fund: str,
    reason: str,
    key: str,
    remaining_seen: Decimal | None = None,
    account_reference: str = "",
    approval: Approval | None = None,
) -> Posting:
    """Give up looking for whose an item is: move all that remains of it to `fund`, one that is for write-offs.

    It is an allocation like any other, so it is undone by reversing it should the payer come forward. Raises
    `SuspenseRefusal` for another kind of fund; otherwise like `allocate`.
    """
    authorise(actor, WRITE_OFF, what="write off suspense items")
    item = selectors.get_item(actor, item_id)
    if not Fund.objects.filter(pk=fund, is_write_off=True, is_active=True).exists():
        raise SuspenseRefusal(f"“{fund}” is no fund for write-offs. Choose one that is.", code="no_write_off_fund")
    if item.state != SuspenseItem.State.OPEN:
        raise SuspenseRefusal(f"Suspense item {item.pk} is closed already.", code="item_closed")
    line = Line(
        fund=fund,
        account_reference=account_reference or f"SUSPENSE {item.pk}",
        amount=item.remaining,
        narrative=f"Written off: suspense item {item.pk}",
        payer_name=item.entry.payer_name,
        received_on=item.entry.received_on,
    )
    seen = item.remaining if remaining_seen is None else remaining_seen
    posting = allocate(
        actor=actor,
        allocation=Allocation(takes=[ItemTake(item.pk, item.remaining, seen)], lines=[line]),
        reason=reason,
        key=key,
        approval=approval,
    )
    record("suspense_written_off", actor=actor, subject=item, reason=reason, data={"posting": str(posting)})
    return posting


def _post(
    actor: Actor,
    allocation: Allocation,
    items: Mapping[int, SuspenseItem],
    *,
    reason: str,
    key: str,
    approval: Approval | None,
) -> Posting:
    return ledger.post_allocation(
        actor=actor,
        takes=[ledger.Take(items[take.item].entry_id, take.amount) for take in allocation.takes],
        lines=allocation.lines,
        credit_notes=allocation.credit_notes,
        reason=reason,
        key=key,
        approval=approval,
    )


def _refuse_what_is_gone(actor: Actor, takes: Sequence[ItemTake], items: Mapping[int, SuspenseItem]) -> None:
    """Refuse when less remains of an item than is asked, or other than was seen."""
    for take in takes:
        item = items[take.item]
        seen_otherwise = take.remaining_seen is not None and take.remaining_seen != item.remaining
        is_short = abs(take.amount) > abs(item.remaining)
        if seen_otherwise or (is_short and abs(item.remaining) < abs(item.amount)):
            raise ItemTaken(_who_took(actor, item))


def _refuse_surprises(actor: Actor, takes: Sequence[ItemTake], items: Mapping[int, SuspenseItem]) -> None:
    """Refuse when another allocation slipped in between looking and posting.

    The ledger makes whoever corrects the same entry wait, so what remains now is final for this transaction.
    """
    left = remaining([item.entry_id for item in items.values()])
    for take in takes:
        item = items[take.item]
        if take.remaining_seen is not None and left[item.entry_id] != take.remaining_seen - take.amount:
            item.remaining = left[item.entry_id] + take.amount
            raise ItemTaken(_who_took(actor, item))


def _who_took(actor: Actor, item: SuspenseItem) -> str:
    movement = selectors.latest_movement(actor, item)
    took = "Somebody moved money of it"
    if movement is not None:
        when = timezone.localtime(movement.posted_at)
        took = (
            f"{movement.actor_name} moved {format_pounds(movement.amount)} of it "
            f"({movement.posting}, {when:%-d %b %Y at %H:%M})"
        )
    rest = f"{format_pounds(item.remaining)} remains" if item.remaining else "Nothing remains"
    return (
        f"Suspense item {item.pk} has changed since you looked at it. {took}. {rest}. "
        "Nothing of yours was posted: look at the item again."
    )


def apply_proposals(*, actor: Actor, proposals: Sequence[Proposal], reason: str, key: str) -> list[ProposalOutcome]:
    """Allocate the whole of each item to its proposed account, each in a posting of its own.

    One that is refused does not hold up the others, and one over what the actor may allocate alone is asked for: the
    outcome of each says what became of it. The same `key` again posts and asks nothing twice.
    """
    authorise(actor, "suspense.allocate", what="allocate suspense")
    items = selectors.get_items(actor, [proposal.item for proposal in proposals])
    outcomes = []
    for proposal in proposals:
        item = items[proposal.item]
        allocation = Allocation(
            takes=[ItemTake(item.pk, item.remaining, item.remaining)],
            lines=[_proposed_line(item, proposal)],
        )
        try:
            posting, request = _allocated_or_asked(actor, allocation, reason=reason, key=f"{key}:{item.pk}")
        except NotAllowed:
            raise
        except ImsError as refusal:
            outcomes.append(ProposalOutcome(proposal, refusal=" ".join([str(refusal), *refusal.details])))
        else:
            outcomes.append(ProposalOutcome(proposal, posting=str(posting or ""), request=str(request or "")))
    return outcomes


def _allocated_or_asked(
    actor: Actor, allocation: Allocation, *, reason: str, key: str
) -> tuple[Posting | None, Request | None]:
    """The posting; or, where a second person is needed, the request that waits for one."""
    try:
        return allocate(actor=actor, allocation=allocation, reason=reason, key=key), None
    except ApprovalNeeded as needed:
        asked = approvals.request(actor=actor, kind=needed.kind, payload=needed.payload, key=needed.key, reason=reason)
        return None, asked


def _proposed_line(item: SuspenseItem, proposal: Proposal) -> Line:
    return Line(
        fund=proposal.fund,
        account_reference=proposal.account_reference,
        amount=item.remaining,
        narrative=proposal.narrative or item.entry.narrative,
        payer_name=item.entry.payer_name,
        received_on=item.entry.received_on,
    )


def refresh_suggestions(*, actor: Actor, items: Sequence[int] | None = None) -> int:
    """Work out afresh whose the given open items may be (None: all of them); return how many have a suggestion.

    They are kept piece by piece, not in one transaction, so that nobody waits long for anybody. Set-based: a hundred
    thousand items against half a million accounts take seconds.
    """
    authorise(actor, "suspense.allocate", what="look for matches")
    return matching.remember(items)


@transaction.atomic
def look_for_matches(*, actor: Actor) -> int | None:
    """Work out afresh whose all open items may be: at once when they are few, in the background when they are many.

    Returns how many have a suggestion, None when the work was handed to a worker.
    """
    authorise(actor, "suspense.allocate", what="look for matches")
    if SuspenseItem.objects.filter(state=SuspenseItem.State.OPEN)[: MOST_AT_ONCE + 1].count() > MOST_AT_ONCE:
        enqueue(MATCH_ALL_JOB, actor=actor)
        return None
    return refresh_suggestions(actor=actor)


def _change(actor: Actor, items: Sequence[int], reason: str, **values: Any) -> int:
    """Set `values` on each of the open items, leaving a history row for each that changes."""
    selectors.get_items(actor, items)
    changed = 0
    with acting(actor, reason):
        for item in SuspenseItem.objects.select_for_update(of=("self",)).filter(pk__in=items).order_by("pk"):
            if item.state != SuspenseItem.State.OPEN:
                raise SuspenseRefusal(f"Suspense item {item.pk} is closed already.", code="item_closed")
            if all(getattr(item, name) == value for name, value in values.items()):
                continue
            for name, value in values.items():
                setattr(item, name, value)
            # Only these columns: what remains is the database's to write.
            item.save(update_fields=[name.removesuffix("_id") for name in values])
            changed += 1
    if changed:
        record(
            "suspense_changed",
            actor=actor,
            reason=reason,
            data={"items": list(items)[:100], **{name: str(value) for name, value in values.items()}},
        )
    return changed
