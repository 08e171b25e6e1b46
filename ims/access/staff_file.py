"""Starters, changes and leavers from a file of the human resources system: first what it would do, then the doing.

A CSV file with a heading line. `username` says who; the other columns may be missing, and an empty cell says nothing:

    username,name,email,office,roles,last_day
    amoss,Ada Moss,ada.moss@council.example,WP,Income officer,
    bhill,,,,,30/11/2026

`roles` (several with semicolons) count for starters alone: what people who are there may do changes on their page.
Where roles are granted by two people, a starter with roles is asked for and waits under Approvals; the rest is done.
People who are not in the file are named and left as they are, because a file may cover one department.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction

from ims.approvals import services as approvals
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.models import Request
from ims.approvals.states import RequestState
from ims.audit.actors import Actor, authorise, require_reason
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import Conflict, ImsError, InvalidInput, NotAllowed
from ims.funds.models import Office
from ims.people import granting
from ims.people import services as people
from ims.people.models import User
from ims.people.selectors import known_roles

PERMISSION = "people.change_user"
COLUMNS = ("username", "name", "email", "office", "roles", "last_day")
MOST_ROWS = 5_000
LARGEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    line: int
    username: str
    name: str = ""
    email: str = ""
    office: str = ""
    roles: tuple[str, ...] = ()
    last_day: date | None = None


@dataclass(frozen=True)
class Change:
    """What one line would do, in words."""

    line: int
    username: str
    kind: str
    what: str


@dataclass(frozen=True)
class Waiting:
    """A starter who was asked for, and waits for a second person."""

    change: Change
    request: Request


@dataclass(frozen=True)
class StaffPlan:
    """What a file would do; `problems` stop all of it. `fingerprint` tells this plan from another.

    `asked_already` are starters of the file who wait under Approvals from an earlier time, and are not asked for again.
    `waiting` is filled once the plan was done: who of its starters waits now.
    """

    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unchanged: int = 0
    absent: list[str] = field(default_factory=list)
    asked_already: list[str] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def done(self) -> list[Change]:
        """The changes that were made, those left out that wait."""
        waits = {each.change for each in self.waiting}
        return [change for change in self.changes if change not in waits]

    @property
    def fingerprint(self) -> str:
        """The same for the same plan."""
        return hashlib.sha256(repr((self.changes, self.problems)).encode()).hexdigest()[:24]


def plan(actor: Actor, text: str) -> StaffPlan:
    """What the file would do. Raises `InvalidInput` for a file that is no such list."""
    authorise(actor, PERMISSION, what="bring in starters and leavers")
    rows, problems = _read(text)
    known = {person.username.casefold(): person for person in User.objects.all()}
    named = {row.username.casefold() for row in rows}
    asked, waits = _asked_for(), granting.takes_two(actor)
    changes: list[Change] = []
    asked_already: list[str] = []
    unchanged = 0
    for row in rows:
        key = row.username.casefold()
        if key in asked and key not in known:
            asked_already.append(f"{row.username} ({asked[key]})")
            continue
        found = [change for change, _ in _acts(actor, row, known.get(key), "", waits=waits)]
        changes += found
        unchanged += not found
    active = [person for key, person in known.items() if person.is_active and key not in named]
    return StaffPlan(changes, problems, unchanged, sorted(str(person) for person in active), asked_already)


@transaction.atomic
def apply(*, actor: Actor, text: str, fingerprint: str, reason: str) -> StaffPlan:
    """Do what the plan with `fingerprint` showed: all of it or nothing. What needs a second person is asked for.

    Raises `Conflict` when people have changed since, so that something else would be done, and `InvalidInput` for a
    file with problems.
    """
    authorise(actor, PERMISSION, what="bring in starters and leavers")
    require_reason(reason)
    planned = plan(actor, text)
    if planned.problems:
        raise InvalidInput("The file has problems; nothing was changed.", details=planned.problems)
    if planned.fingerprint != fingerprint:
        raise Conflict("People have changed since this file was checked. Look at what it would do now.")
    rows, _ = _read(text)
    asked, waits = _asked_for(), granting.takes_two(actor)
    for row in rows:
        person = User.objects.filter(username__iexact=row.username).first()
        if person is None and row.username.casefold() in asked:
            continue
        for change, act in _acts(actor, row, person, reason, waits=waits):
            try:
                if request := _done_or_asked(actor, act, reason):
                    planned.waiting.append(Waiting(change, request))
            except ImsError as refusal:
                worst = NotAllowed if isinstance(refusal, NotAllowed) else InvalidInput
                raise worst(f"Line {change.line}, {change.username}: {refusal} Nothing was changed.") from refusal
    counts = {kind: sum(change.kind == kind for change in planned.done) for kind in ("starter", "leaver", "change")}
    if planned.waiting:
        counts["asked"] = len(planned.waiting)
    record("staff_file_applied", actor=actor, reason=reason, data=counts)
    return planned


def _done_or_asked(actor: Actor, act: Callable[[], object], reason: str) -> Request | None:
    """Do `act`; where a second person is needed, ask, and return the request."""
    try:
        act()
    except ApprovalNeeded as needed:
        return approvals.request(actor=actor, kind=needed.kind, payload=needed.payload, key=needed.key, reason=reason)
    return None


def _asked_for() -> dict[str, Request]:
    """The starters who wait for a second person, by username."""
    waiting = Request.objects.filter(kind=granting.ROLES, state=RequestState.WAITING, payload__act="create")
    return {request.payload["arguments"]["username"].casefold(): request for request in waiting}


def _acts(
    actor: Actor, row: Row, person: User | None, reason: str, *, waits: bool
) -> Iterator[tuple[Change, Callable[[], object]]]:
    """What a line asks for, each with the service call that does it. `waits`: roles are granted by two people."""
    if person is None:
        roles = ", ".join(row.roles) or "no role yet"
        until = f", until {row.last_day:%-d %b %Y}" if row.last_day else ""
        if row.roles and waits:
            until += ". Waits for a second person under Approvals"
        yield (
            Change(row.line, row.username, "starter", f"Added: {row.name}, {row.email or 'no e-mail'}, {roles}{until}"),
            lambda: people.create_person(
                actor=actor,
                username=row.username,
                display_name=row.name,
                email=row.email,
                office_code=row.office,
                roles=row.roles,
                access_ends_on=row.last_day,
                reason=reason,
            ),
        )
        return
    if not person.is_active:
        return
    wanted = {
        "display_name": row.name or person.display_name,
        "email": row.email or person.email,
        "office_code": row.office or person.office_code,
    }
    different = [f"{getattr(person, key) or 'empty'} → {value}" for key, value in wanted.items()
                 if value != getattr(person, key)]  # fmt: skip
    if different:
        yield (
            Change(row.line, row.username, "change", "; ".join(different)),
            lambda: people.change_details(actor=actor, person=person, reason=reason, **wanted),
        )
    if row.last_day is None or row.last_day == person.access_ends_on:
        return
    if row.last_day < clock.today():
        yield (
            Change(row.line, row.username, "leaver", f"Access ends now: left on {row.last_day:%-d %b %Y}"),
            lambda: people.deactivate(
                actor=actor, person=person, reason=f"{reason} (left on {row.last_day:%-d %b %Y})"
            ),
        )
        return
    yield (
        Change(row.line, row.username, "leaver", f"Last day of access: {row.last_day:%-d %b %Y}"),
        lambda: people.set_access_term(
            actor=actor, person=person, kind=person.access_kind, ends_on=row.last_day, reason=reason
        ),
    )


def _read(text: str) -> tuple[list[Row], list[str]]:
    if len(text) > LARGEST_BYTES:
        raise InvalidInput("The file is larger than 1 MB. Bring in one department at a time.")
    if "\0" in text:
        raise InvalidInput("This is not a CSV file: it holds characters no list of people has.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise InvalidInput(f"The file cannot be read as CSV ({error}).") from error
    if not lines:
        raise InvalidInput("The file is empty.")
    heading = [cell.strip().casefold().replace(" ", "_") for cell in lines[0]]
    unknown = [name for name in heading if name and name not in COLUMNS]
    if "username" not in heading or unknown:
        wrong = f"It has a column “{unknown[0]}”. " if unknown else "It has no column “username”. "
        raise InvalidInput(f"{wrong}The first line must name the columns: {', '.join(COLUMNS)}.")
    if len(lines) - 1 > MOST_ROWS:
        raise InvalidInput(f"The file has more than {MOST_ROWS:,} people.")
    return _rows(heading, lines[1:])


def _rows(heading: list[str], lines: list[list[str]]) -> tuple[list[Row], list[str]]:
    roles = {role.name.casefold(): role.name for role in known_roles()}
    offices = set(Office.objects.values_list("code", flat=True))
    known = set(User.objects.values_list("username", flat=True))
    rows: list[Row] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=2):
        cells = dict(zip(heading, (cell.strip() for cell in line), strict=False))
        row, wrong = _row(number, cells, roles, offices, known)
        if row.username.casefold() in seen:
            wrong.append(f"{row.username} stands on line {seen[row.username.casefold()]} already")
        seen.setdefault(row.username.casefold(), number)
        problems += [f"Line {number}: {each}." for each in wrong]
        if not wrong:
            rows.append(row)
    return rows, problems


def _row(
    number: int, cells: dict[str, str], roles: dict[str, str], offices: set[str], known: set[str]
) -> tuple[Row, list[str]]:
    wrong = []
    given = [name.strip() for name in cells.get("roles", "").split(";") if name.strip()]
    wrong += [f"“{name}” is not a role" for name in given if name.casefold() not in roles]
    office = cells.get("office", "").upper()
    if office and office not in offices:
        wrong.append(f"there is no office “{office}”")
    username = cells.get("username", "")
    if not username:
        wrong.append("no username")
    elif username.casefold() not in {each.casefold() for each in known} and not cells.get("name"):
        wrong.append(f"{username} would be new and needs a name")
    last_day = None
    if text := cells.get("last_day", ""):
        try:
            last_day = _date(text)
        except ValueError:
            wrong.append(f"“{text}” is not a date; write it like 30/11/2026")
    found = tuple(roles[name.casefold()] for name in given if name.casefold() in roles)
    row = Row(number, username, cells.get("name", ""), cells.get("email", ""), office, found, last_day)
    return row, wrong


def _date(text: str) -> date:
    for shape in ("%d/%m/%Y", "%Y-%m-%d", "%d %b %Y"):
        try:
            return datetime.strptime(text, shape).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError(text)
