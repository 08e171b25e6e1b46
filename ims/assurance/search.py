"""The one statement that searches all the past: a branch for each history table and one for the events.

Each branch brings no more than a page, already in order, from its own index; the statement merges them. The order is
moment, then table, then row, latest first, so that a position in it names one row and pages never overlap, even where
a load wrote half a million rows in one moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection
from django.utils.timezone import make_aware
from psycopg import sql

from ims.assurance.errors import AssuranceRefusal
from ims.assurance.trails import EVENTS, Trail, trails

ADDED, CHANGED, DELETED, EVENT = "+", "~", "-", "!"
_MOMENT = "%Y%m%dT%H%M%S%f"
ACTS = {ADDED: "Added", CHANGED: "Changed", DELETED: "Deleted", EVENT: "Event"}


@dataclass(frozen=True)
class Criteria:
    """What to look for. Empty fields do not restrict; days are both included.

    `records` are pairs of model label and primary key as text; None is every record, an empty set is none.
    `person` is a person's primary key, `actor` the name of whoever acted, exactly.
    """

    models: frozenset[str] = frozenset()
    acts: frozenset[str] = frozenset()
    records: frozenset[tuple[str, str]] | None = None
    person: int | None = None
    actor: str = ""
    actor_kind: str = ""
    address: str = ""
    reason: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Position:
    """A place in the order: the row it names has been shown."""

    moment: datetime
    label: str
    row: int

    def __str__(self) -> str:
        return f"{self.moment.astimezone(UTC):{_MOMENT}}-{self.label}-{self.row}"

    @classmethod
    def read(cls, text: str) -> Position | None:
        """The position written as `text`; None for none. Raises `AssuranceRefusal` for what never was one."""
        if not text:
            return None
        try:
            moment, label, row = text.split("-")
            found = cls(datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC), label, int(row))
        except ValueError as error:
            raise AssuranceRefusal("This page of the search cannot be found. Start the search again.") from error
        return found


@dataclass(frozen=True)
class Found:
    """One row of the past, as it stands in its table."""

    label: str
    row: int
    moment: datetime
    act: str
    verb: str
    record: str
    record_label: str
    user: int | None
    actor_kind: str
    actor_name: str
    address: str
    reason: str

    @property
    def position(self) -> Position:
        """Where it stands in the order."""
        return Position(self.moment, self.label, self.row)


@dataclass
class _Branch:
    """The conditions of one table, as they are put together."""

    conditions: list[sql.Composable] = field(default_factory=list)

    def add(self, text: str, *values: object) -> None:
        self.conditions.append(sql.SQL(text).format(*[sql.Literal(value) for value in values]))

    def where(self) -> sql.Composable:
        return sql.SQL(" AND ").join(self.conditions) if self.conditions else sql.SQL("TRUE")


def find(criteria: Criteria, *, after: Position | None = None, limit: int) -> list[Found]:
    """No more than `limit` rows that meet `criteria`, latest first, beyond the position `after`."""
    branches = _branches(criteria, after, limit)
    if not branches:
        return []
    statement = sql.SQL(
        'SELECT * FROM ({}) AS past ORDER BY moment DESC, label COLLATE "C" DESC, row DESC LIMIT {}'
    ).format(sql.SQL(" UNION ALL ").join(branches), sql.Literal(limit))
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [Found(*row) for row in cursor.fetchall()]


def _branches(criteria: Criteria, after: Position | None, limit: int) -> list[sql.Composable]:
    found = []
    if not criteria.acts or EVENT in criteria.acts:
        found.append(_events(criteria, after, limit))
    if criteria.acts == {EVENT}:
        return found
    for trail in trails():
        if criteria.models and trail.label not in criteria.models:
            continue
        keys = _keys(criteria.records, trail.label)
        if keys is not None and not keys:
            continue
        found.append(_history(trail, criteria, keys, after, limit))
    return found


def _keys(records: Collection[tuple[str, str]] | None, label: str) -> list[str] | None:
    return None if records is None else [key for model, key in records if model == label]


def _history(
    trail: Trail, criteria: Criteria, keys: Sequence[str] | None, after: Position | None, limit: int
) -> sql.Composable:
    branch = _Branch()
    if keys is not None:
        field_ = trail.history._meta.get_field(trail.model._meta.pk.attname)
        branch.conditions.append(
            sql.SQL("{} = ANY({})").format(
                sql.Identifier(trail.key), sql.Literal([field_.to_python(key) for key in keys])
            )
        )
    if criteria.acts:
        branch.add("history_type = ANY({})", sorted(criteria.acts - {EVENT}))
    if criteria.person is not None:
        branch.add("history_user_id = {}", criteria.person)
    _shared(branch, criteria, {"actor": "actor_name", "address": "actor_address", "reason": "history_change_reason"})
    _moments(branch, criteria, "history_date")
    _beyond(branch, after, trail.label, "history_date", "history_id")
    return sql.SQL(
        "(SELECT {label}::text AS label, history_id AS row, history_date AS moment, history_type::text AS act,"
        " ''::text AS verb, {key}::text AS record, ''::text AS record_label, history_user_id::bigint AS user_id,"
        " actor_kind, actor_name, actor_address AS address, coalesce(history_change_reason, '') AS reason"
        " FROM {table} WHERE {where} ORDER BY history_date DESC, history_id DESC LIMIT {limit})"
    ).format(
        label=sql.Literal(trail.label),
        key=sql.Identifier(trail.key),
        table=sql.Identifier(trail.table),
        where=branch.where(),
        limit=sql.Literal(limit),
    )


def _events(criteria: Criteria, after: Position | None, limit: int) -> sql.Composable:
    branch = _Branch()
    if criteria.records is not None:
        pairs = sorted(criteria.records)
        branch.add(
            "(subject_type, subject_id) IN (SELECT * FROM unnest({}::text[], {}::text[]))",
            [label for label, _ in pairs],
            [key for _, key in pairs],
        )
    if criteria.models and EVENTS not in criteria.models:
        branch.add("subject_type = ANY({})", sorted(criteria.models))
    if criteria.person is not None:
        branch.add("actor_kind = 'person' AND actor_id = {}", str(criteria.person))
    _shared(branch, criteria, {"actor": "actor_name", "address": "address", "reason": "reason"})
    _moments(branch, criteria, "occurred_at")
    _beyond(branch, after, EVENTS, "occurred_at", "id")
    return sql.SQL(
        "(SELECT {label}::text AS label, id AS row, occurred_at AS moment, '!'::text AS act, verb,"
        " subject_type || '|' || subject_id AS record, subject_label AS record_label,"
        " CASE WHEN actor_kind = 'person' AND actor_id ~ '^[0-9]{{1,18}}$' THEN actor_id::bigint END AS user_id,"
        " actor_kind, actor_name, address, reason"
        " FROM audit_event WHERE {where} ORDER BY occurred_at DESC, id DESC LIMIT {limit})"
    ).format(label=sql.Literal(EVENTS), where=branch.where(), limit=sql.Literal(limit))


def _shared(branch: _Branch, criteria: Criteria, columns: dict[str, str]) -> None:
    if criteria.actor:
        branch.add(f"{columns['actor']} = {{}}", criteria.actor)
    if criteria.actor_kind:
        branch.add("actor_kind = {}", criteria.actor_kind)
    if criteria.address:
        branch.add(f"{columns['address']} = {{}}", criteria.address)
    if criteria.reason:
        branch.add(f"position(lower({{}}) in lower({columns['reason']})) > 0", criteria.reason)


def _moments(branch: _Branch, criteria: Criteria, column: str) -> None:
    if criteria.first:
        branch.add(f"{column} >= {{}}", start_of(criteria.first))
    if criteria.last:
        branch.add(f"{column} < {{}}", start_of(criteria.last + timedelta(days=1)))


def _beyond(branch: _Branch, after: Position | None, label: str, moment: str, row: str) -> None:
    """Rows that come after the position, latest first; tables share a moment in the order of their labels."""
    if after is None:
        return
    if label == after.label:
        branch.add(f"({moment}, {row}) < ({{}}, {{}})", after.moment, after.row)
    else:
        branch.add(f"{moment} {'<=' if label < after.label else '<'} {{}}", after.moment)


def start_of(day: date) -> datetime:
    """The first moment of `day` on the council's wall clock."""
    return make_aware(datetime.combine(day, time.min))
