"""What follows from what: decided without the database, the clock or the network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ims.common.money import ZERO, format_pounds
from ims.payments import states
from ims.payments.states import State
from ims.providers.card import Payment, Status

MOST_LINES = 10
MOST_METADATA = 100
LIFETIME = timedelta(minutes=90)
"""How long a payer has on the provider's page."""

LOST_AFTER = timedelta(seconds=30)
"""A creation without an answer for so long is not under way any more: look whether it happened."""

NEVER_MADE_AFTER = timedelta(minutes=15)
"""A provider's search may lag. What it does not show by then was never made."""

STUCK_AFTER = timedelta(hours=6)
CAPTURE_AWAITED = timedelta(hours=48)
SETTLEMENT_AWAITED = timedelta(days=30)

_FORBIDDEN = re.compile(r"[<>|\\\"]")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)


def pence(amount: Decimal) -> int:
    """Pounds as whole pence. Raises `ValueError` for a fraction of a penny."""
    scaled = amount * 100
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} is not a whole number of pence")
    return int(scaled)


def pounds(amount: int) -> Decimal:
    """Pence as pounds."""
    return Decimal(amount) / 100


def clean(text: str, length: int = 255) -> str:
    """`text` as providers take it: no angle brackets, bars, backslashes, quotation marks or addresses; cut to size."""
    return " ".join(_ADDRESS.sub("", _FORBIDDEN.sub(" ", text)).split())[:length].strip()


def describe(names: Sequence[str]) -> str:
    """What a payment is for, in the payer's words: the first thing, and how many more."""
    first = clean(names[0], 200) or "Payment"
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


@dataclass(frozen=True)
class Verdict:
    """What to make of a look at a payment.

    `state` is the attempt's next state; `post` says where its money goes (`lines`, `suspense` or nowhere); `undo`
    that what was posted must be reversed; `trouble` is the kind of exception to raise, with `sentence`.
    """

    state: State
    post: str = ""
    undo: bool = False
    trouble: str = ""
    sentence: str = ""


def judge(
    seen: Payment, *, state: State, expected: int, basket_is_paid: bool, strong: bool = True, reference: str
) -> Verdict:
    """What a look at the provider makes of an attempt in `state`.

    `expected` is in pence. `strong` is False for what a search said: it may lag, so nothing is undone on its word.
    """
    target = states.OF_PROVIDER[seen.status]
    if target is None:
        return Verdict(
            state,
            trouble="unknown_state",
            sentence=f"The provider says that payment {reference} is “{seen.said.get('status', '')}”, a state that IMS "
            "does not know. The payment is left as it was. Look at it in the provider's own pages and tell support.",
        )
    if target is State.PAID:
        return _paid(seen, state, expected, basket_is_paid, reference)
    if state in states.POSTED and target in states.NOT_PAID and strong:
        return Verdict(
            State.UNDONE,
            undo=True,
            trouble="undone",
            sentence=f"The provider had confirmed payment {reference} and now says that it failed "
            f"({seen.code or seen.status}). The receipt was reversed. Tell the payer that the money was not taken, and "
            "ask for it again.",
        )
    if state is State.HELD and not strong:
        return Verdict(state)
    return Verdict(target) if states.may_move(state, target) else Verdict(state)


def _paid(seen: Payment, state: State, expected: int, basket_is_paid: bool, reference: str) -> Verdict:
    furthest = State.SETTLED if seen.settled_on else State.CAPTURED if seen.captured_on else State.PAID
    if state in states.POSTED:
        return Verdict(furthest) if states.may_move(state, furthest) else Verdict(state)
    if state is State.UNDONE:
        return Verdict(
            state,
            trouble="not_postable",
            sentence=f"Payment {reference} failed after it had succeeded, and now the provider says again that it "
            "succeeded. It is not posted a second time by itself: look at it in the provider's own pages.",
        )
    if seen.currency != "GBP":
        return Verdict(
            State.HELD,
            trouble="held",
            sentence=f"Payment {reference} was made in {seen.currency}. Only pounds can be posted. Refund it at the "
            "provider.",
        )
    if seen.amount != expected or seen.total < expected:
        return Verdict(
            furthest,
            post="suspense",
            trouble="amount_differs",
            sentence=f"{format_pounds(pounds(expected))} was asked for payment {reference} and "
            f"{format_pounds(pounds(seen.total))} was paid. The money is in suspense: allocate it, or refund it.",
        )
    if basket_is_paid:
        return Verdict(
            furthest,
            post="suspense",
            trouble="duplicate",
            sentence=f"What payment {reference} pays was paid already by an earlier payment. "
            f"The {format_pounds(pounds(seen.total))} is in suspense: refund it.",
        )
    return Verdict(furthest, post="lines")


def paid_at(seen: Payment, now: datetime) -> datetime:
    """When the payer paid, as exactly as can be told: the provider's moment; else now, but no later than the page
    lasted.
    """
    if seen.confirmed_at:
        return seen.confirmed_at
    return min(now, seen.created_at + LIFETIME) if seen.created_at else now


def paid_on(moment: datetime, zone: str) -> date:
    """The council's calendar day of `moment`: 23:30 UTC in summer belongs to the next day."""
    return moment.astimezone(ZoneInfo(zone)).date()


def next_look(
    state: State, *, asked_at: datetime, now: datetime, settles: bool = True, captured: bool = False
) -> datetime | None:
    """When to look at a payment again; None when nothing more is expected of it.

    Every 2 minutes while the payer may be paying; at 90, 100 and 120 minutes, when it should have expired; then every
    hour, until it is captured or two days old; then once a day until it is paid out.
    """
    age = now - asked_at
    if state in (*states.UNFINISHED, State.HELD):
        if age < timedelta(minutes=88):
            return now + timedelta(minutes=2)
        for minutes in (90, 100, 120):
            if age < timedelta(minutes=minutes):
                return asked_at + timedelta(minutes=minutes, seconds=5)
        return now + (timedelta(hours=1) if age < SETTLEMENT_AWAITED else timedelta(days=1))
    if state in states.POSTED and state is not State.SETTLED:
        if not captured and age < CAPTURE_AWAITED:
            return now + timedelta(hours=1)
        if settles and age < SETTLEMENT_AWAITED:
            return now + timedelta(days=1)
    return None


def next_look_at_refund(state: str, *, sent_at: datetime, now: datetime) -> datetime | None:
    """When to look at a refund again: every few minutes at first, then every hour, then once a day for a month."""
    if state not in ("approved", "sending", "submitted"):
        return None
    age = now - sent_at
    if age < timedelta(minutes=30):
        return now + timedelta(minutes=2)
    return now + (timedelta(hours=1) if age < timedelta(days=2) else timedelta(days=1))


def back_off(failures: int) -> timedelta:
    """How long to leave a service alone that has failed `failures` times in a row: 10 seconds, doubled up to 10
    minutes.
    """
    return timedelta(seconds=min(600, 10 * 2 ** min(max(failures - 1, 0), 10)))


def share(amount: Decimal, remaining: Sequence[Decimal]) -> list[Decimal]:
    """Take `amount` from lines of which `remaining` is left, the first first. What no line has is left over."""
    taken, left = [], amount
    for line in remaining:
        part = max(ZERO, min(line, left))
        taken.append(part)
        left -= part
    return taken


def is_late(status: Status, asked_at: datetime, now: datetime) -> bool:
    """Whether an unfinished payment should have ended long ago."""
    unfinished = (Status.CREATED, Status.STARTED, Status.SUBMITTED, Status.CAPTURABLE, Status.UNKNOWN)
    return status in unfinished and now - asked_at > STUCK_AFTER
