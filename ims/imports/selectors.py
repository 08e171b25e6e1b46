"""Reading imports: lists, totals, rows, late files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from ims.audit.actors import Actor
from ims.audit.scope import scoped
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.money import ZERO
from ims.funds.models import BankHoliday
from ims.imports import shares
from ims.imports.models import BatchShare, FileProfile, ImportBatch, ImportRow, RoutingRule
from ims.imports.states import NEEDS_A_PERSON, POSTS_WITH_THE_FILE, BatchState, Outcome

REASONS_SHOWN = 50
_IN_POUNDS = Q(currency="GBP")


@dataclass(frozen=True)
class Tally:
    """A count of rows and the sum of their amounts in pounds."""

    count: int = 0
    amount: Decimal = ZERO

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.count + other.count, self.amount + other.amount)


@dataclass(frozen=True)
class FundLine:
    """What one fund gets by one method of payment."""

    fund: str
    method_of_payment: str
    tally: Tally


@dataclass(frozen=True)
class ReasonLine:
    """How many rows have the same reason for not going straight to an account."""

    outcome: str
    code: str
    example: str
    tally: Tally


@dataclass(frozen=True)
class Plan:
    """What posting a checked batch would do: shown before it is done."""

    by_outcome: dict[str, Tally]
    lines: list[FundLine]
    reasons: list[ReasonLine]

    @property
    def to_post(self) -> Tally:
        """Everything the posting would hold, suspense included."""
        return sum((self.by_outcome.get(outcome, Tally()) for outcome in POSTS_WITH_THE_FILE), Tally())

    @property
    def waiting(self) -> Tally:
        """What a person still has to decide."""
        return sum((self.by_outcome.get(outcome, Tally()) for outcome in NEEDS_A_PERSON), Tally())

    def as_json(self) -> dict[str, Any]:
        """Plain values, amounts as text, for the command line and for keeping."""
        return {
            "by_outcome": {name: _plain(tally) for name, tally in self.by_outcome.items()},
            "lines": [
                {"fund": line.fund, "method_of_payment": line.method_of_payment, **_plain(line.tally)}
                for line in self.lines
            ],
            "reasons": [
                {"outcome": line.outcome, "code": line.code, "example": line.example, **_plain(line.tally)}
                for line in self.reasons
            ],
            "to_post": _plain(self.to_post),
            "waiting": _plain(self.waiting),
        }


@dataclass(frozen=True)
class LateFile:
    """A file that was expected by now and has not come."""

    profile: FileProfile
    expected_at: datetime
    last_received_at: datetime | None


def batches(
    actor: Actor,
    *,
    state: str = "",
    profile: str = "",
    name: str = "",
    first: date | None = None,
    last: date | None = None,
) -> QuerySet[ImportBatch]:
    """Batches the actor may see, latest first, by state, profile code, part of the file name, and day received.

    Days are both included.
    """
    found = shares.batches_visible_to(actor).select_related("file", "profile", "posting")
    if state:
        found = found.filter(state=state)
    if profile:
        found = found.filter(profile__code=profile)
    if name:
        found = found.filter(file_name__icontains=name)
    if first:
        found = found.filter(received_at__gte=_start_of(first))
    if last:
        found = found.filter(received_at__lt=_start_of(last + timedelta(days=1)))
    return found


def batch(actor: Actor, batch_id: int) -> ImportBatch:
    """One batch with its file and profile. Raises `NotFound` when there is none the actor may see."""
    found = batches(actor).filter(pk=batch_id).first()
    if found is None:
        raise NotFound(f"There is no import {batch_id}, or nothing in it is yours to see.")
    return found


def needing_attention(actor: Actor) -> QuerySet[ImportBatch]:
    """Batches that wait for somebody: ready to post, refused, failed, or posted with rows still held."""
    waiting = ImportRow.objects.filter(outcome__in=[*NEEDS_A_PERSON, Outcome.CORRECTED])
    held = waiting.filter(shares.rows_in_scope(actor)).values("batch_id")
    unfinished = Q(state__in=[BatchState.RECEIVED, BatchState.CHECKED, BatchState.REFUSED, BatchState.FAILED])
    return batches(actor).filter(unfinished | Q(state=BatchState.POSTED, pk__in=held))


def outcome_counts(actor: Actor, of: Iterable[ImportBatch]) -> dict[int, dict[str, Tally]]:
    """How many rows of each batch, of those in the actor's scope, have which outcome."""
    found: dict[int, dict[str, Tally]] = {}
    mine = scoped(actor, BatchShare.objects.filter(batch__in=of))
    for share in mine.values("batch", "outcome").order_by().annotate(n=Sum("count"), total=Sum("amount")):
        found.setdefault(share["batch"], {})[share["outcome"]] = Tally(share["n"], share["total"])
    return found


def rows(actor: Actor, batch: ImportBatch, *, outcome: str = "", reason_code: str = "") -> QuerySet[ImportRow]:
    """The rows of a batch in file order, within the actor's scope. What is shown goes through `personal.veil`."""
    found = ImportRow.objects.filter(shares.rows_in_scope(actor), batch=batch).order_by("line")
    if outcome:
        found = found.filter(outcome=outcome)
    if reason_code:
        found = found.filter(reason_code=reason_code)
    return found


def row(actor: Actor, row_id: int) -> ImportRow:
    """One row with its batch. Raises `NotFound`, also for one outside the actor's scope."""
    found = ImportRow.objects.select_related("batch__file", "batch__profile").filter(pk=row_id).first()
    if found is None or not rows(actor, found.batch).filter(pk=row_id).exists():
        raise NotFound("That row does not exist, or it is not one of yours to see.")
    return found


def whole_plan(batch: ImportBatch) -> Plan:
    """What posting would do with all of the file, whoever asks."""
    return _plan(ImportRow.objects.filter(batch=batch))


def plan(actor: Actor, batch: ImportBatch) -> Plan:
    """What posting would do with the rows in the actor's scope, as they stand."""
    return _plan(ImportRow.objects.filter(shares.rows_in_scope(actor), batch=batch))


def _plan(mine: QuerySet[ImportRow]) -> Plan:
    """Sums are of pounds; other money is only counted."""
    in_pounds = Sum("amount", filter=_IN_POUNDS)
    by_outcome = {
        found["outcome"]: Tally(found["n"], found["total"] or ZERO)
        for found in mine.values("outcome").order_by("outcome").annotate(n=Count("line"), total=in_pounds)
    }
    lines = [
        FundLine(found["posting_fund"], found["method_of_payment"], Tally(found["n"], found["total"] or ZERO))
        for found in mine.filter(outcome__in=POSTS_WITH_THE_FILE)
        .values("posting_fund", "method_of_payment")
        .order_by("posting_fund", "method_of_payment")
        .annotate(n=Count("line"), total=in_pounds)
    ]
    return Plan(by_outcome, lines, _reasons(mine))


def _reasons(mine: QuerySet[ImportRow]) -> list[ReasonLine]:
    found = (
        mine.exclude(outcome=Outcome.TO_POST)
        .order_by()
        .values("outcome", "reason_code")
        .annotate(first=Min("line"), n=Count("line"), total=Coalesce(Sum("amount", filter=_IN_POUNDS), ZERO))
        .order_by("-n", "outcome", "reason_code")[:REASONS_SHOWN]
    )
    lines = list(found)
    examples = dict(mine.filter(line__in=[each["first"] for each in lines]).values_list("line", "reason"))
    return [
        ReasonLine(each["outcome"], each["reason_code"], examples[each["first"]], Tally(each["n"], each["total"]))
        for each in lines
    ]


def hit_counts(actor: Actor) -> dict[int, tuple[int | None, datetime | None]]:
    """For each routing rule, on how many rows it fired and when it last did; None for whoever sees only some rows."""
    if actor.is_limited:
        return dict.fromkeys(RoutingRule.objects.values_list("pk", flat=True), (None, None))
    found = RoutingRule.objects.annotate(n=Sum("hits__count"), latest=Max("hits__batch__checked_at"))
    return {rule.pk: (rule.n or 0, rule.latest) for rule in found}


def late_files(moment: datetime | None = None) -> list[LateFile]:
    """Profiles whose file was expected by now, on the last day it was due, and has not come since that day began.

    Looks back a week, so that Friday's missing file still shows on Monday until it comes. Bank holidays are left out.
    """
    moment = moment or clock.now()
    found = []
    profiles = FileProfile.objects.filter(is_active=True, expected_by__isnull=False).exclude(expected_days=[])
    for profile in profiles.annotate(latest=Max("batches__received_at", filter=~Q(batches__state="abandoned"))):
        due = last_due(profile.expected_days, profile.expected_by, moment)
        if due and (profile.latest is None or profile.latest < _start_of(timezone.localdate(due))):
            found.append(LateFile(profile, due, profile.latest))
    return sorted(found, key=lambda late: late.expected_at)


def last_due(days: list[int], by: time, moment: datetime) -> datetime | None:
    """The last moment up to `moment` at which a file was due; None when there was none within a week."""
    today = timezone.localdate(moment)
    span = [today - timedelta(days=back) for back in range(8)]
    holidays = set(BankHoliday.objects.filter(day__in=span).values_list("day", flat=True))
    for day in span:
        due = timezone.make_aware(datetime.combine(day, by))
        if day.weekday() in days and day not in holidays and due <= moment:
            return due
    return None


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _plain(tally: Tally) -> dict[str, Any]:
    return {"count": tally.count, "amount": f"{tally.amount:.2f}"}
