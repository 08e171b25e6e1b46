"""Reading the past: one search over everything, the story of a record, the story of a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q
from psycopg import sql

from ims.accounts.models import AccountHolder
from ims.assurance import search
from ims.assurance.differences import Difference, differences, of_event
from ims.assurance.errors import AssuranceRefusal
from ims.assurance.search import ACTS, EVENT, Criteria, Found, Position
from ims.assurance.trails import EVENTS, Trail, model_of, name_of, trail_of, trails
from ims.audit import personal
from ims.audit.actors import Actor, authorise
from ims.audit.models import Event
from ims.audit.scope import in_words
from ims.common.errors import NotAllowed, NotFound
from ims.common.identifiers import record_number
from ims.ledger.models import Posting
from ims.people.models import User

PERMISSION = "audit.view_event"
PAGE = 50
MOST_RECORDS = 500
"""Records one search may name. A word that fits more than these is too short to search by."""

LARGEST_KEY = 2**63 - 1
_NOTHING = personal.Personal("", {})

_POSTING = re.compile(r"([A-Za-z]{2,8})-?([0-9]{1,12})(?:/[0-9]+)?")


@dataclass(frozen=True)
class Act:
    """One thing somebody or something did, with what it changed."""

    label: str
    row: int
    moment: datetime
    act: str
    verb: str
    model: str
    key: str
    record: str
    actor_kind: str
    actor_name: str
    user: int | None
    address: str
    reason: str
    differences: Sequence[Difference]

    @property
    def what(self) -> str:
        """What was done, in words: “Changed”, or the event's name."""
        return self.verb.replace("_", " ").capitalize() if self.act == EVENT else ACTS[self.act]

    @property
    def kind_of_record(self) -> str:
        """What kind of record it was done to; empty for an event about none."""
        return name_of(self.model) if self.model else ""


@dataclass(frozen=True)
class Page:
    """One page of acts, latest first. `older` is where the next page begins, or ""."""

    acts: list[Act] = field(default_factory=list)
    older: str = ""


def require(actor: Actor, what: str = "search the audit trail") -> None:
    """Raise `NotAllowed` unless `actor` may read the whole past."""
    authorise(actor, PERMISSION, what=what)
    if actor.is_limited:
        raise NotAllowed(
            f"You may not {what}: it holds the records of every fund, and your account is limited to {in_words(actor)}."
        )


def page(actor: Actor, criteria: Criteria, *, cursor: str = "", size: int = PAGE) -> Page:
    """One page of what was done, latest first. The work does not grow with the past: pages are found by position."""
    require(actor)
    found = search.find(criteria, after=Position.read(cursor), limit=size + 1)
    shown = found[:size]
    older = str(shown[-1].position) if len(found) > size else ""
    return Page(told(actor, shown), older)


def all_of(actor: Actor, criteria: Criteria, *, limit: int, step: int = 500) -> Iterator[Act]:
    """Everything that meets `criteria`, latest first, up to `limit` acts, a page at a time."""
    require(actor)
    after: Position | None = None
    left = limit
    while left > 0:
        found = search.find(criteria, after=after, limit=min(step, left))
        yield from told(actor, found)
        if len(found) < min(step, left):
            return
        after, left = found[-1].position, left - len(found)


def of_record(actor: Actor, label: str, key: str, *, cursor: str = "", size: int = PAGE) -> Page:
    """What became of one record, deleted ones included. Raises `NotFound` for a kind of record there is none of."""
    model = model_of(label)
    return page(actor, Criteria(records=frozenset({(label, valid_key(model, key))})), cursor=cursor, size=size)


def of_person(actor: Actor, person: int, *, cursor: str = "", size: int = PAGE) -> Page:
    """What one person did."""
    return page(actor, Criteria(person=person), cursor=cursor, size=size)


def person(actor: Actor, key: int) -> User:
    """The person whose primary key is `key`, leavers included. Raises `NotFound`."""
    require(actor)
    found = User.objects.filter(pk=key).first()
    if found is None:
        raise NotFound("There is no such person.")
    return found


def people_named(actor: Actor, words: str) -> list[User]:
    """People whose name or username has `words` in it."""
    require(actor)
    return list(User.objects.filter(Q(display_name__icontains=words) | Q(username__icontains=words))[:20])


def record_name(label: str, key: str) -> str:
    """The record as it calls itself today, or as its history last did; else its kind and key."""
    model = model_of(label)
    living = model._base_manager.filter(pk=valid_key(model, key)).first()
    if living is not None:
        return str(living)
    trail = trail_of(label)
    last = (
        trail.history.objects.filter(**{model._meta.pk.attname: key}).order_by("-history_id").first() if trail else None
    )
    return _name_in_history(trail, last) if trail and last else f"{name_of(label)} {key}"


def valid_key(model: type[models.Model], key: str) -> str:
    """`key`, if it may be a primary key of `model`. Raises `NotFound`."""
    try:
        value = model._meta.pk.to_python(key)
    except ValidationError as error:
        raise NotFound(f"“{key}” cannot be a {model._meta.verbose_name}.") from error
    if "\0" in key or (isinstance(value, int) and not 0 <= value <= LARGEST_KEY):
        raise NotFound(f"There is no such {model._meta.verbose_name}.")
    return key


# --- finding records by what people call them --------------------------------------------------------------------


def records_called(text: str, only: Iterable[str] = ()) -> frozenset[tuple[str, str]]:
    """Every record, living or deleted, that `text` names: by primary key, code, name, username, account reference or
    posting number. `only` limits the kinds of record.

    Raises `AssuranceRefusal` when it names more than `MOST_RECORDS`.
    """
    wanted = set(only)
    found: set[tuple[str, str]] = set()
    for trail in trails():
        if not wanted or trail.label in wanted:
            found |= {(trail.label, str(key)) for key in _keys_called(trail, text)}
    if (not wanted or "ledger.posting" in wanted) and (number := _POSTING.fullmatch(text)):
        postings = Posting.objects.filter(series=number[1].upper(), number=int(number[2]))
        found |= {("ledger.posting", str(key)) for key in postings.values_list("pk", flat=True)}
    if len(found) > MOST_RECORDS:
        raise AssuranceRefusal(f"“{text}” names more than {MOST_RECORDS} records. Choose what kind of record it is.")
    return frozenset(found)


def _keys_called(trail: Trail, text: str) -> set[Any]:
    if trail.model is AccountHolder:  # its history has no index on the reference; the living table has
        return set(_holders_called(text))
    key = trail.model._meta.pk
    condition = Q()
    for column in trail.history._meta.concrete_fields:
        is_key = column.name == key.attname
        if isinstance(column, models.CharField | models.TextField):
            if is_key or column.db_index:
                condition |= Q(**{column.name: text})
        elif is_key and (value := _as_key(column, text)) is not None:
            condition |= Q(**{column.name: value})
    if not condition:
        return set()
    keys = trail.history.objects.filter(condition).order_by().values_list(key.attname, flat=True).distinct()
    return set(keys[: MOST_RECORDS + 1])


def _as_key(column: models.Field, text: str) -> Any:
    """`text` as a value of `column`, None when it cannot be one."""
    if isinstance(column, models.IntegerField):
        return record_number(text)
    try:
        return column.to_python(text)
    except ValidationError:
        return None


def _holders_called(text: str) -> Iterator[int]:
    named = AccountHolder.objects.filter(reference__iexact=text)  # upper(reference), as its index has it
    yield from named.values_list("pk", flat=True)[: MOST_RECORDS + 1]


# --- telling what was found --------------------------------------------------------------------------------------


def told(actor: Actor, found: Sequence[Found]) -> list[Act]:
    """The rows with what they changed and whom they were about, a few queries for each kind of record on the page.

    Personal data is as the actor may see it.
    """
    rows_of: dict[str, list[int]] = {}
    for row in found:
        rows_of.setdefault(row.label, []).append(row.row)
    events = Event.objects.in_bulk(rows_of.pop(EVENTS, []))
    histories = {label: _History(trail_of(label), rows) for label, rows in rows_of.items()}
    naming = _Naming(history for told_ in histories.values() for history in told_.everything())
    acts = []
    for row in found:
        if row.label == EVENTS:
            acts.append(_event(row, events[row.row]))
        else:
            acts.append(histories[row.label].act(actor, row, naming))
    return acts


def _event(row: Found, event: Event) -> Act:
    record = event.subject_label or (f"{name_of(event.subject_type)} {event.subject_id}" if event.subject_type else "")
    return Act(
        label=row.label,
        row=row.row,
        moment=row.moment,
        act=row.act,
        verb=event.verb,
        model=event.subject_type,
        key=event.subject_id,
        record=record,
        actor_kind=row.actor_kind,
        actor_name=row.actor_name,
        user=row.user,
        address=row.address,
        reason=row.reason,
        differences=of_event(event.data if isinstance(event.data, Mapping) else {"value": event.data}),
    )


class _History:
    """The history rows of one kind of record on a page, each with the row before it."""

    def __init__(self, trail: Trail | None, rows: Sequence[int]) -> None:
        if trail is None:
            raise NotFound("This history is no longer kept.")
        self.trail = trail
        self.before = self._rows_before(rows)
        self.rows = trail.history.objects.in_bulk({*rows, *self.before.values()})

    def everything(self) -> Iterable[models.Model]:
        return self.rows.values()

    def _rows_before(self, rows: Sequence[int]) -> dict[int, int]:
        query = sql.SQL(
            "SELECT h.history_id, b.history_id FROM {table} h CROSS JOIN LATERAL ("
            " SELECT p.history_id FROM {table} p WHERE p.{key} = h.{key}"
            " AND (p.history_date, p.history_id) < (h.history_date, h.history_id)"
            " ORDER BY p.history_date DESC, p.history_id DESC LIMIT 1) AS b"
            " WHERE h.history_id = ANY({rows}) AND h.history_type = '~'"
        ).format(
            table=sql.Identifier(self.trail.table), key=sql.Identifier(self.trail.key), rows=sql.Literal(list(rows))
        )
        with connection.cursor() as cursor:
            cursor.execute(query)
            return dict(cursor.fetchall())

    def act(self, actor: Actor, row: Found, naming: _Naming) -> Act:
        history = _veiled(actor, self.trail, self.rows[row.row])
        _note_what_is_shown(actor, self.trail, history)
        before = _veiled(actor, self.trail, self.rows.get(self.before.get(row.row, 0)))
        changed = [] if row.act == search.DELETED else differences(history, before, naming)
        return Act(
            label=row.label,
            row=row.row,
            moment=row.moment,
            act=row.act,
            verb="",
            model=row.label,
            key=row.record,
            record=_name_in_history(self.trail, history),
            actor_kind=row.actor_kind,
            actor_name=row.actor_name or (naming.person(row.user) if row.user else ""),
            user=row.user,
            address=row.address,
            reason=row.reason,
            differences=changed,
        )


def _veiled(actor: Actor, trail: Trail, history: models.Model | None) -> models.Model | None:
    """A row of history with its personal fields masked in place, unless they are shown to the actor."""
    if history is not None:
        for name in getattr(trail.model, "personal", _NOTHING).masks:
            if name in history.__dict__:
                setattr(history, name, personal.veiled_value(actor, trail.model, name, getattr(history, name)))
    return history


def _note_what_is_shown(actor: Actor, trail: Trail, history: models.Model) -> None:
    """A row of history that names somebody is a look at personal data, as the record itself is."""
    masks = getattr(trail.model, "personal", _NOTHING).masks
    if masks and personal.reveals(actor, trail.model) and any(history.__dict__.get(name) for name in masks):
        personal.note(history.instance)


def _name_in_history(trail: Trail, history: models.Model) -> str:
    """The record as it called itself then."""
    values = {
        column.attname: getattr(history, column.attname)
        for column in trail.model._meta.concrete_fields
        if hasattr(history, column.attname)
    }
    try:
        return str(trail.model(**values))
    except (AttributeError, TypeError, ValueError, models.ObjectDoesNotExist):
        return f"{trail.name} {values[trail.model._meta.pk.attname]}"


class _Naming:
    """The names of what the histories of a page point at, fetched once for each kind."""

    def __init__(self, histories: Iterable[models.Model]) -> None:
        wanted: dict[type[models.Model], set[Any]] = {User: set()}
        for history in histories:
            for column in history._meta.concrete_fields:
                if isinstance(column, models.ForeignKey) and (value := getattr(history, column.attname)) is not None:
                    wanted.setdefault(column.related_model, set()).add(value)
        self._names = {
            model: {key: str(record) for key, record in model._base_manager.in_bulk(keys).items()}
            for model, keys in wanted.items()
            if keys
        }

    def __call__(self, column: models.ForeignKey, value: Any) -> str:
        return self._names.get(column.related_model, {}).get(value, str(value))

    def person(self, key: int) -> str:
        """A person's name, for history written before actors were named."""
        return self._names.get(User, {}).get(key, "")
