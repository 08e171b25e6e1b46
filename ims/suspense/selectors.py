"""Reading the work on suspense. Every function honours the funds the actor may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from ims.accounts.models import AccountHolder
from ims.audit import personal
from ims.audit.actors import Actor
from ims.audit.scope import scoped
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.money import ZERO
from ims.ledger.models import Entry, Posting
from ims.ledger.selectors import WORDS
from ims.people.models import User
from ims.people.selectors import who_may
from ims.suspense import matching
from ims.suspense.matching import Suggestion
from ims.suspense.models import MatchSuggestion, SuspenseItem, SuspenseNote


@dataclass(frozen=True)
class AgeBand:
    """A span of days since the money was received; `last` None means without end."""

    name: str
    first: int
    last: int | None

    @property
    def label(self) -> str:
        """The band in words, like “8–30 days”."""
        return f"{self.first}–{self.last} days" if self.last is not None else f"Over {self.first - 1} days"


AGE_BANDS = (
    AgeBand("week", 0, 7),
    AgeBand("month", 8, 30),
    AgeBand("quarter", 31, 90),
    AgeBand("older", 91, None),
)


@dataclass(frozen=True)
class Criteria:
    """Which items to list. Empty fields do not restrict; dates and amounts are both included; amounts in pounds.

    `owner` is a person's primary key as text, or ``none`` for items nobody has.
    """

    state: str = SuspenseItem.State.OPEN
    age: str = ""
    owner: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    received_from: date | None = None
    received_to: date | None = None
    due_by: date | None = None
    words: str = ""
    reference: str = ""
    suggested_fund: str = ""
    payer_key: str = ""


@dataclass(frozen=True)
class Page:
    """One page of items, oldest first. `after` is the cursor of the next page, or ""."""

    items: list[SuspenseItem] = field(default_factory=list)
    after: str = ""


@dataclass(frozen=True)
class Ageing:
    """Open items of one age band: how many, and what remains of them in pounds."""

    band: AgeBand
    count: int
    value: Decimal


@dataclass(frozen=True)
class Movement:
    """Money that left an item's receipt, or came back: by which posting, who, when. Positive pounds left."""

    posting: Posting
    amount: Decimal
    actor_name: str
    posted_at: datetime
    undone: bool
    targets: Sequence[Entry] = ()


def items_for(actor: Actor) -> QuerySet[SuspenseItem]:
    """Every item the actor may see, with its entry."""
    return scoped(actor, SuspenseItem.objects.select_related("entry", "entry__posting", "owner"))


def get_item(actor: Actor, item_id: int) -> SuspenseItem:
    """The item. Raises `NotFound` when there is none the actor may see."""
    return get_items(actor, [item_id])[item_id]


def get_items(actor: Actor, item_ids: Sequence[int]) -> dict[int, SuspenseItem]:
    """The items by primary key. Raises `NotFound` naming the first that the actor may not see or that is not there."""
    found = items_for(actor).in_bulk(list(item_ids))
    for item_id in item_ids:
        if item_id not in found:
            raise NotFound(f"There is no suspense item {item_id}, or it is not one of yours.")
    return found


def items_matching(actor: Actor, criteria: Criteria) -> QuerySet[SuspenseItem]:
    """The items that meet every criterion, oldest first. Not evaluated yet."""
    items = items_for(actor).order_by("received_on", "id")
    exact = {"state": criteria.state, "payer_key": criteria.payer_key}
    items = items.filter(**{name: value for name, value in exact.items() if value})
    bounds = {
        "remaining__gte": criteria.amount_from,
        "remaining__lte": criteria.amount_to,
        "received_on__gte": criteria.received_from,
        "received_on__lte": criteria.received_to,
        "due_on__lte": criteria.due_by,
    }
    items = items.filter(**{name: value for name, value in bounds.items() if value is not None})
    if criteria.owner:
        items = items.filter(owner=None if criteria.owner == "none" else criteria.owner)
    if criteria.age:
        items = items.filter(_of_age(criteria.age))
    if criteria.words:
        personal.require(actor, Entry, "search by payer or narrative")
        found = Entry.objects.annotate(found=WORDS).filter(found=SearchQuery(criteria.words, config="simple"))
        items = items.filter(entry__in=found.values("pk"))
    if criteria.reference:
        items = items.filter(entry__account_reference__startswith=criteria.reference)
    if criteria.suggested_fund:
        likeliest = MatchSuggestion.objects.filter(item=OuterRef("pk"), rank=1, fund=criteria.suggested_fund)
        items = items.filter(Exists(likeliest))
    return items


def list_items(actor: Actor, criteria: Criteria, *, after: str = "", size: int = 50) -> Page:
    """One page of the items that meet `criteria`, oldest first, each with its latest notes and likeliest suggestion.

    `after` is the cursor of the page before. Pages are found by position, never by counting.
    """
    items = items_matching(actor, criteria)
    position = _read_cursor(after)
    if position is not None:
        day, item_id = position
        items = items.filter(received_on__gte=day).filter(Q(received_on__gt=day) | Q(pk__gt=item_id))
    likeliest = MatchSuggestion.objects.filter(rank=1).select_related("fund")
    # Counted for the rows of this page only; a join would group the whole list first.
    written = SuspenseNote.objects.filter(item=OuterRef("pk")).order_by().values("item").annotate(n=Count("pk"))
    items = items.annotate(note_count=Coalesce(Subquery(written.values("n")), 0)).prefetch_related(
        Prefetch("suggestions", queryset=likeliest, to_attr="likeliest")
    )
    found = list(items[: size + 1])
    more = len(found) > size
    found = found[:size]
    personal.veil(actor, [item.entry for item in found])
    _veil_names(actor, [match for item in found for match in item.likeliest])
    return Page(items=found, after=f"{found[-1].received_on.isoformat()}.{found[-1].pk}" if more else "")


def _veil_names(actor: Actor, matches: Sequence[MatchSuggestion]) -> None:
    for match in matches:
        match.name = personal.veiled_value(actor, AccountHolder, "name", match.name)


def next_open(actor: Actor, criteria: Criteria, item: SuspenseItem) -> int | None:
    """The open item that follows `item` in the list that meets `criteria`; the first of the list after the last."""
    items = items_matching(actor, criteria).filter(state=SuspenseItem.State.OPEN).exclude(pk=item.pk)
    later = items.filter(received_on__gte=item.received_on).filter(
        Q(received_on__gt=item.received_on) | Q(pk__gt=item.pk)
    )
    return later.values_list("pk", flat=True).first() or items.values_list("pk", flat=True).first()


def ageing(actor: Actor, *, on: date | None = None, owner: str = "") -> list[Ageing]:
    """Open items by age on the day `on` (today unless told): every band, even the empty ones."""
    day = on or clock.today()
    items = items_matching(actor, Criteria(owner=owner)).order_by()
    sums: dict[str, Any] = {}
    for band in AGE_BANDS:
        sums[f"{band.name}_count"] = Count("pk", filter=_in_band(band, day))
        sums[f"{band.name}_value"] = Sum("remaining", filter=_in_band(band, day), default=ZERO)
    totals = items.aggregate(**sums)
    return [Ageing(band, totals[f"{band.name}_count"], totals[f"{band.name}_value"]) for band in AGE_BANDS]


def possible_owners() -> QuerySet[User]:
    """Whom an item can be given to: everybody active who may allocate suspense, by name."""
    return who_may("suspense.allocate").order_by("display_name", "username")


def owners(actor: Actor) -> list[tuple[str, str, int]]:
    """Who has open items: primary key as text (``none``), name and number of items; most first."""
    counted = (
        items_for(actor)
        .filter(state=SuspenseItem.State.OPEN)
        .order_by()
        .values_list("owner", "owner__display_name", "owner__username")
        .annotate(items=Count("pk"))
        .order_by("-items")
    )
    return [
        (str(key) if key else "none", (name or username) if key else "Nobody", count)
        for key, name, username, count in counted
    ]


def notes(item: SuspenseItem) -> list[SuspenseNote]:
    """What was written about the item, oldest first."""
    return list(item.notes.all())


def movements(actor: Actor, item: SuspenseItem) -> list[Movement]:
    """Everything that took money from the item's receipt or gave it back, oldest first, with where it went.

    Where it went is told as far as the actor's scope goes.
    """
    touching = (
        Entry.objects.filter(Q(corrects=item.entry_id) | Q(corrects__corrects=item.entry_id))
        .select_related("posting")
        .order_by("posting_id", "line")
    )
    found = list(touching)
    postings = {entry.posting_id for entry in found}
    undone = set(Posting.objects.filter(reverses__in=postings).values_list("reverses_id", flat=True))
    targets: dict[int, list[Entry]] = {}
    for entry in (
        scoped(actor, Entry.objects.filter(posting__in=postings, corrects=None))
        .exclude(posting__kind=Posting.Kind.REVERSAL)
        .select_related("fund")
        .order_by("line")
    ):
        targets.setdefault(entry.posting_id, []).append(entry)
    return [
        Movement(
            posting=entry.posting,
            amount=-entry.amount,
            actor_name=entry.posting.actor_name,
            posted_at=entry.posting.posted_at,
            undone=entry.posting_id in undone,
            targets=targets.get(entry.posting_id, []),
        )
        for entry in found
    ]


def latest_movement(actor: Actor, item: SuspenseItem) -> Movement | None:
    """The last thing that moved money of the item's receipt, if anything did."""
    found = movements(actor, item)
    return found[-1] if found else None


def suggest(actor: Actor, item: SuspenseItem) -> list[Suggestion]:
    """Whose receipt an item may be, likeliest first, reckoned now, within the funds the actor may see."""
    found = matching.suggest_many([item.pk]).get(item.pk, [])
    return [
        replace(suggestion, name=personal.veiled_value(actor, AccountHolder, "name", suggestion.name))
        for suggestion in found
        if actor.may_see_fund(suggestion.fund)
    ]


def same_payer(actor: Actor, item: SuspenseItem, *, limit: int = 20) -> list[SuspenseItem]:
    """Other open items that look as if they came from the same payer, oldest first."""
    if not item.payer_key:
        return []
    alike = items_matching(actor, Criteria(payer_key=item.payer_key)).exclude(pk=item.pk)
    found = list(alike[:limit])
    personal.veil(actor, [other.entry for other in found])
    return found


def rule_draft(item: SuspenseItem) -> dict[str, Any]:
    """A routing rule that would have identified receipts like this one, for a person to finish.

    Its condition is what comes back every month: the payer, or the narrative without its digits. Its actions say where
    the likeliest account is. The shape (``name``, ``groups``, ``actions``) is that of the routing rules of imports.
    """
    entry = item.entry
    field_name, value = ("payer_name", entry.payer_name) if entry.payer_name else ("narrative", item.payer_key)
    likeliest = next(iter(matching.suggest_many([item.pk]).get(item.pk, [])), None)
    condition = {"field": field_name, "operator": "contains", "value": value, "ignore_case": True}
    return {
        "name": (value.title() or f"From suspense item {item.pk}")[:80],
        "groups": [{"match": "all", "conditions": [condition]}] if value else [],
        "actions": {"fund": likeliest.fund, "reference": likeliest.reference} if likeliest else {},
    }


def held_at(actor: Actor) -> Decimal:
    """What remains unidentified just now, in pounds."""
    return items_for(actor).order_by().aggregate(total=Sum("remaining", default=ZERO))["total"]


def _of_age(name: str) -> Q:
    band = next((band for band in AGE_BANDS if band.name == name), None)
    return _in_band(band, clock.today()) if band else Q()


def _in_band(band: AgeBand, day: date) -> Q:
    newest = day - timedelta(days=band.first)
    within = Q() if band.first == 0 else Q(received_on__lte=newest)
    if band.last is None:
        return within
    return within & Q(received_on__gte=day - timedelta(days=band.last))


def _read_cursor(cursor: str) -> tuple[date, int] | None:
    try:
        day, item_id = cursor.split(".")
        return date.fromisoformat(day), int(item_id)
    except ValueError:
        return None


def history(actor: Actor, item: SuspenseItem) -> list[dict[str, Any]]:
    """The whole story of an item, oldest first: opened, given to people, due dates, notes, money moved."""
    events: list[dict[str, Any]] = []
    previous = None
    for row in item.history.order_by("history_date", "history_id").select_related("owner"):
        events.extend(_changes(previous, row))
        previous = row
    events.extend(
        {"at": note.written_at, "who": note.actor_name, "what": "Note", "text": note.text} for note in notes(item)
    )
    for movement in movements(actor, item):
        verb = "Given back" if movement.amount < 0 else "Moved"
        events.append(
            {
                "at": movement.posted_at,
                "who": movement.actor_name,
                "what": f"{verb} by {movement.posting}",
                "amount": abs(movement.amount),
                "movement": movement,
                "text": movement.posting.reason,
            }
        )
    return sorted(events, key=lambda event: event["at"])


def _changes(previous: Any, row: Any) -> list[dict[str, Any]]:
    who = row.actor_name or "The system"
    base = {"at": row.history_date, "who": who, "text": ""}
    if previous is None:
        return [{**base, "what": "Fell into suspense", "amount": row.amount, "text": row.reason}]
    changes = []
    if previous.owner_id != row.owner_id:
        what = f"Given to {row.owner}" if row.owner_id else "Taken from its owner"
        changes.append({**base, "what": what, "text": row.history_change_reason or ""})
    if previous.due_on != row.due_on:
        what = f"Due on {row.due_on:%-d %b %Y}" if row.due_on else "Due date removed"
        changes.append({**base, "what": what, "text": row.history_change_reason or ""})
    return changes


def age_in_days(item: SuspenseItem) -> int:
    """Days since the money was received."""
    return (timezone.localdate() - item.received_on).days
