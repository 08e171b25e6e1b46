"""What happened to a receipt, in order, for its timeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.urls import NoReverseMatch, reverse

from ims.audit.actors import Actor
from ims.audit.scope import scoped
from ims.exports.models import ExportedEntry
from ims.imports.models import ImportBatch, ImportRow
from ims.ledger.models import Entry, Posting
from ims.ledger.selectors import Chain
from ims.suspense import selectors as suspense
from ims.suspense.models import SuspenseItem


@dataclass(frozen=True)
class Move:
    """Money of the receipt on its way: a line of another posting."""

    label: str
    amount: Decimal
    url: str


@dataclass(frozen=True)
class Event:
    """One thing that happened. `tone` is ``good``, ``bad`` or empty."""

    title: str
    at: datetime
    by: str = ""
    text: str = ""
    tone: str = ""
    moves: list[Move] = field(default_factory=list)
    link: str = ""
    link_text: str = ""


def story(actor: Actor, chain: Chain) -> list[Event]:
    """Everything that happened to the receipt, oldest first. Lines outside the actor's scope are left out."""
    events = [_origin(origin) for origin in chain.origins]
    events.append(_posted(chain))
    events.extend(_corrections(chain, actor))
    if chain.reversal is not None:
        events.append(_reversed(chain.reversal))
    if chain.seal is not None:
        events.append(Event(f"Covered by seal {chain.seal.pk}", chain.seal.sealed_at, tone="good", text=_SEALED))
    events.extend(_suspense(actor, chain.entry))
    if actor.may("exports.view_exportbatch"):
        events.extend(_exports(chain.entry))
    return sorted(events, key=lambda event: event.at)


_SEALED = "Its content can no longer be altered without the proof showing it."
_VERBS = {
    Posting.Kind.RECEIPT: "Received",
    Posting.Kind.IMPORT: "Received in a file",
    Posting.Kind.JOURNAL: "Journal",
    Posting.Kind.TRANSFER: "Transfer",
    Posting.Kind.ALLOCATION: "Allocation from suspense",
    Posting.Kind.REVERSAL: "Reversal",
}


def _origin(entry: Entry) -> Event:
    return Event(
        f"{_VERBS[entry.posting.kind]}: {entry.receipt_number}",
        entry.posting.posted_at,
        by=entry.posting.actor_name,
        text=entry.posting.reason,
        moves=[_move(entry)],
    )


def _posted(chain: Chain) -> Event:
    posting = chain.entry.posting
    link, link_text = _source(posting)
    seen = [_move(sibling) for sibling in chain.siblings]
    return Event(
        f"{_VERBS[posting.kind]}, posted as {posting.reference}",
        posting.posted_at,
        by=posting.actor_name,
        text=posting.reason,
        moves=seen,
        link=link,
        link_text=link_text,
    )


def _corrections(chain: Chain, actor: Actor) -> list[Event]:
    """One event for each posting that moved money out of the receipt, or back into it."""
    by_posting: dict[int, list[Entry]] = {}
    for entry in chain.corrections:
        by_posting.setdefault(entry.posting_id, []).append(entry)
    own_reversal = chain.reversal.pk if chain.reversal else None
    events = []
    for posting_id, entries in by_posting.items():
        posting = entries[0].posting
        if posting_id == own_reversal:
            continue
        others = scoped(actor, Entry.objects.filter(posting=posting_id)).exclude(pk__in=[e.pk for e in entries])
        beside = others.select_related("posting", "fund").order_by("line")[:20]
        shown = [_move(entry) for entry in (*entries, *beside)]
        events.append(
            Event(
                f"{_VERBS[posting.kind]} {posting.reference}",
                posting.posted_at,
                by=posting.actor_name,
                text=posting.reason,
                moves=shown,
                tone="bad" if posting.kind == Posting.Kind.REVERSAL else "",
            )
        )
    return events


def _reversed(reversal: Posting) -> Event:
    return Event(
        f"Reversed by {reversal.reference}",
        reversal.posted_at,
        by=reversal.actor_name,
        text=reversal.reason,
        tone="bad",
    )


def _suspense(actor: Actor, entry: Entry) -> list[Event]:
    """The work on the receipt while it was unidentified: notes, people, due dates."""
    item = SuspenseItem.objects.filter(entry=entry.pk).first()
    if item is None or not actor.may("suspense.view_suspenseitem"):
        return []
    link = _address("suspense:item", item.pk)
    return [
        Event(
            event["what"],
            event["at"],
            by=event["who"],
            text=event["text"],
            link=link,
            link_text="Open the suspense item" if link else "",
        )
        for event in suspense.history(actor, item)
        if "movement" not in event
    ]


def _source(posting: Posting) -> tuple[str, str]:
    """Where the posting came from, as a link: the imported file."""
    address = import_address(posting)
    return address, "Open the file it came in" if address else ""


def import_address(posting: Posting) -> str:
    """The page of the imported file that a posting came from; empty for postings that came from none."""
    batch = import_batch(posting)
    return _address("imports:batch", batch.pk) if batch else ""


def import_batch(posting: Posting) -> ImportBatch | None:
    """The file a posting came from: as a whole, or as rows corrected and posted later."""
    if posting.kind != Posting.Kind.IMPORT:
        return None
    batch = ImportBatch.objects.filter(posting=posting).first()
    if batch is None:
        row = ImportRow.objects.select_related("batch").filter(posting=posting).first()
        batch = row.batch if row else None
    return batch


def _exports(entry: Entry) -> list[Event]:
    """When the receipt went out to the general ledger."""
    sent = ExportedEntry.objects.filter(entry=entry.pk).select_related("batch", "profile").defer("batch__content")
    return [
        Event(
            f"Exported by {exported.profile}",
            exported.batch.built_at,
            by=exported.batch.actor_name,
            text=f"In {exported.batch}.",
            link=address,
            link_text="Open the export",
            tone="good",
        )
        for exported in sent
        for address in [_address("exports:batch", exported.batch_id)]
    ]


def _move(entry: Entry) -> Move:
    account = f", {entry.account_reference}" if entry.account_reference else ""
    return Move(f"{entry.fund}{account}", entry.amount, reverse("receipts:receipt", args=[entry.pk]))


def _address(name: str, *arguments: object) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
