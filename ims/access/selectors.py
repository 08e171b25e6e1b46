"""Reading people's access: what they may see, whose access wants attention, how a review stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet

from ims.access.models import AccessReview, PersonScope, ReviewLine
from ims.audit.actors import Actor, authorise
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.findings import Finding
from ims.people.models import User
from ims.people.selectors import actor_for

VIEW_PEOPLE = "people.view_user"
VIEW_REVIEWS = "access.view_accessreview"
DECIDE = "access.decide_review"
OPEN = "access.open_review"
WARNED_DAYS = 14
"""How long before an unused account closes it is named."""
REVIEW_EVERY_DAYS = 92
LINE_HEADINGS = (
    "Name",
    "Username",
    "Kind of access",
    "Roles when opened",
    "Scope when opened",
    "Last day of access",
    "Last signed in",
    "Decision",
    "Reason",
    "Decided by",
)
"""What a review says of each person, before the moment it was decided."""


def offices_of(user: User) -> frozenset[str] | None:
    """The offices a person is limited to; None for all."""
    return _codes(user, "offices")


def methods_of(user: User) -> frozenset[str] | None:
    """The methods of payment a person is limited to; None for all."""
    return _codes(user, "methods")


def _codes(user: User, side: str) -> frozenset[str] | None:
    scope = _scope_of(user)
    codes = getattr(scope, side) if scope else None
    return None if codes is None else frozenset(codes)


def _scope_of(user: User) -> PersonScope | None:
    """The person's scope, read once for each time the person is."""
    if not hasattr(user, "_read_scope"):
        user._read_scope = PersonScope.objects.filter(person=user.pk).first()
    return user._read_scope


def scope_in_words(user: User) -> str:
    """A person's whole scope, as histories and reviews keep it: “All money”, or what it is limited to."""
    person = actor_for(User.objects.get(pk=user.pk))
    groups = ", ".join(user.fund_groups.order_by("name").values_list("name", flat=True))
    parts = [
        f"Fund groups: {groups}" if person.funds is not None else "",
        f"Offices: {', '.join(sorted(person.offices))}" if person.offices is not None else "",
        f"Methods: {', '.join(sorted(person.methods))}" if person.methods is not None else "",
    ]
    return ". ".join(filter(None, parts)) or "All money"


def get_person(actor: Actor, person_id: int) -> User:
    """A person, leavers included. Raises `NotFound`."""
    authorise(actor, VIEW_PEOPLE, what="see people")
    found = User.objects.filter(pk=person_id).first()
    if found is None:
        raise NotFound("There is no such person.")
    return found


# --- whose access wants attention -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unused:
    """An account nobody has signed in to for long, and the day it closes by itself."""

    person: User
    last_used_on: date
    closes_on: date


def unused_accounts(*, within_days: int = WARNED_DAYS) -> list[Unused]:
    """Active accounts that close within `within_days` for want of use, the soonest first. Break-glass ones never do."""
    found = []
    today = clock.today()
    active = User.objects.filter(is_active=True, break_glass__isnull=True)
    for person in active:
        used = clock.day_of(person.last_used_at)
        closes = used + timedelta(days=settings.DORMANT_DAYS)
        if closes <= today + timedelta(days=within_days):
            found.append(Unused(person, used, closes))
    return sorted(found, key=lambda unused: (unused.closes_on, str(unused.person)))


def ending_soon(*, within_days: int = WARNED_DAYS) -> QuerySet[User]:
    """Active people whose last day of access is within `within_days`, or past; the soonest first."""
    last = clock.today() + timedelta(days=within_days)
    return User.objects.filter(is_active=True, access_ends_on__lte=last).order_by("access_ends_on", "display_name")


def findings(actor: Actor) -> list[Finding]:
    """What whoever looks after access should see to today. Nothing for others."""
    found = []
    if actor.may(DECIDE) or actor.may(OPEN):
        found += review_findings()
    if actor.may("people.change_user"):
        found += unused_findings()
    return found


def unused_findings() -> list[Finding]:
    """That accounts close within days because nobody uses them."""
    unused = len(unused_accounts())
    if not unused:
        return []
    accounts = "One account nobody uses closes" if unused == 1 else f"{unused} accounts nobody uses close"
    return [Finding("access.unused", "information", f"{accounts} within {WARNED_DAYS} days. Look under Access.")]


def review_findings() -> list[Finding]:
    """That an access review is due, open or overdue. The first is due a quarter after the first person was added."""
    review = AccessReview.objects.filter(signed_off_at=None).first()
    if review is None:
        last = AccessReview.objects.order_by("-opened_at").first()
        began = last.opened_at if last else User.objects.aggregate(first=Min("date_joined"))["first"]
        if began is None or clock.day_of(began) + timedelta(days=REVIEW_EVERY_DAYS) > clock.today():
            return []
        since = f"The last one was opened on {clock.day_of(last.opened_at):%-d %b %Y}." if last else "None was held."
        message = f"An access review is due: everybody's access is looked at every quarter. {since}"
        return [Finding("access.review_due", "warning", message)]
    waiting = review.lines.filter(decision="").count()
    what = f"{waiting} {'person is' if waiting == 1 else 'people are'} not decided about"
    if not waiting:
        what = "it waits to be signed off"
    if review.due_on < clock.today():
        message = f"The access review “{review}” is overdue since {review.due_on:%-d %b %Y}: {what}."
        return [Finding("access.review_overdue", "error", message)]
    return [Finding("access.review_open", "information", f"The access review “{review}” is open: {what}.")]


# --- reviews --------------------------------------------------------------------------------------------------------


def reviews(actor: Actor) -> QuerySet[AccessReview]:
    """Every access review, newest first, with how many people are in it and how many are decided about."""
    if not (actor.may(DECIDE) or actor.may(OPEN)):
        authorise(actor, VIEW_REVIEWS, what="see access reviews")
    decided = Count("lines", filter=~Q(lines__decision=""))
    return AccessReview.objects.annotate(people=Count("lines"), decided=decided)


def line_as_row(line: ReviewLine) -> tuple[Any, ...]:
    """A line of a review in the order of `LINE_HEADINGS`, and when it was decided; None where there is nothing."""
    return (
        line.name,
        line.username,
        line.kind,
        line.roles,
        line.scope,
        line.ends_on,
        line.last_signed_in_at,
        line.get_decision_display(),
        line.reason,
        str(line.decided_by or ""),
        line.decided_at,
    )


def get_review(actor: Actor, review_id: int) -> AccessReview:
    """One review. Raises `NotFound`."""
    found = reviews(actor).filter(pk=review_id).first()
    if found is None:
        raise NotFound("There is no such access review.")
    return found


def lines_of(review: AccessReview, *, waiting_only: bool = False) -> list[ReviewLine]:
    """The people in a review, those not decided about first."""
    lines = review.lines.select_related("person", "decided_by")
    if waiting_only:
        lines = lines.filter(decision="")
    return sorted(lines, key=lambda line: (bool(line.decision), line.name.casefold(), line.pk))
