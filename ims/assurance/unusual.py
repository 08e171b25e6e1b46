"""What is worth a question. A finding here is not a fault: it is where an auditor would look first.

Each check is data: a name, why it matters in plain words, and a query. Every query gives the same columns: moment,
posting, entry (or nothing), who, amount, and what it saw; it is bound by `first` and `last`, days of posting, both
included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection

from ims.assurance.errors import AssuranceRefusal
from ims.assurance.search import start_of
from ims.assurance.selectors import require
from ims.audit.actors import Actor
from ims.common.errors import NotFound

SHOWN = 100
LONGEST_DAYS = 366

OPENS, CLOSES = 7, 19
"""Hours of the council's wall clock between which work is expected, Monday to Friday, bank holidays excepted."""
ROUND = 1_000
LARGE = 5_000
NEAR_LIMIT = Decimal("0.95")
LATE_DAYS = 31

_BOUNDS = {
    "opens": OPENS,
    "closes": CLOSES,
    "round": ROUND,
    "large": LARGE,
    "near": NEAR_LIMIT,
    "late": LATE_DAYS,
}


@dataclass(frozen=True)
class Check:
    """One kind of unusual thing."""

    name: str
    title: str
    why: str
    query: str


@dataclass(frozen=True)
class Unusual:
    """One thing found. `entry` is None where it is about a posting as a whole."""

    moment: datetime
    posting: int
    reference: str
    entry: int | None
    who: str
    amount: Decimal
    detail: str


@dataclass(frozen=True)
class Result:
    """What a check found, latest first; `is_cut` when there is more than is shown."""

    check: Check
    found: Sequence[Unusual]
    is_cut: bool


CHECKS: tuple[Check, ...] = (
    Check(
        "out_of_hours",
        "Posted out of hours",
        f"A person posted money before {OPENS}:00 or after {CLOSES}:00, at a weekend or on a bank holiday. "
        "Most such work is a late close; some is work nobody was meant to see.",
        """
        SELECT p.posted_at, p.id, NULL::bigint, p.actor_name, p.total,
               p.kind || ' on ' || to_char(p.posted_at AT TIME ZONE %(zone)s, 'Dy FMDD Mon YYYY, HH24:MI')
        FROM ledger_posting p
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND p.actor_kind = 'person'
          AND (extract(hour FROM p.posted_at AT TIME ZONE %(zone)s) NOT BETWEEN %(opens)s AND %(closes)s - 1
            OR extract(isodow FROM p.posted_at AT TIME ZONE %(zone)s) > 5
            OR EXISTS (SELECT 1 FROM funds_bankholiday h WHERE h.day = (p.posted_at AT TIME ZONE %(zone)s)::date))
        """,
    ),
    Check(
        "round_sum",
        "Round sums moved by hand",
        f"A journal, transfer or allocation moved a whole number of thousands of pounds, £{ROUND:,} or more. "
        "Real debts are seldom round; estimates and inventions often are.",
        """
        SELECT p.posted_at, p.id, e.id, p.actor_name, e.amount, p.kind || ': ' || p.reason
        FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND p.kind IN ('journal', 'transfer', 'allocation')
          AND e.amount >= %(round)s AND e.amount %% %(round)s = 0
        """,
    ),
    Check(
        "own_file",
        "Moved money of a file they posted themselves",
        "The same person posted a receipt or a file and later moved money out of it. Two people would have been "
        "needed to hide something; here one would do.",
        """
        SELECT p.posted_at, p.id, e.id, p.actor_name, e.amount,
               p.kind || ' of ' || ims_posting_reference(o) || '/' || c.line || ', posted by the same person'
        FROM ledger_posting p
        JOIN ledger_entry e ON e.posting_id = p.id AND e.corrects_id IS NOT NULL
        JOIN ledger_entry c ON c.id = e.corrects_id
        JOIN ledger_posting o ON o.id = c.posting_id
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND p.kind IN ('journal', 'allocation') AND p.actor_kind = 'person'
          AND o.kind IN ('receipt', 'import') AND o.actor_kind = 'person' AND o.actor_id = p.actor_id
        """,
    ),
    Check(
        "under_limit",
        "Just under a limit",
        f"A receipt lies within {100 - NEAR_LIMIT * 100:.0f} per cent below the largest its fund or its method of "
        "payment takes. Amounts chosen to stay under a limit cluster here.",
        """
        SELECT p.posted_at, p.id, e.id, p.actor_name, e.amount,
               'limit ' || least(f.maximum_amount, m.maximum_amount) || ' of ' || f.name || ' by ' || m.name
        FROM ledger_posting p
        JOIN ledger_entry e ON e.posting_id = p.id
        JOIN funds_fund f ON f.code = e.fund_id
        JOIN funds_methodofpayment m ON m.code = e.method_of_payment_id
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND p.kind IN ('receipt', 'import') AND least(f.maximum_amount, m.maximum_amount) > 0
          AND e.amount <= least(f.maximum_amount, m.maximum_amount)
          AND e.amount > least(f.maximum_amount, m.maximum_amount) * %(near)s
        """,
    ),
    Check(
        "large_reversal",
        "Large reversals",
        f"A reversal took back £{LARGE:,} or more. Each should have a reason that the papers bear out.",
        """
        SELECT p.posted_at, p.id, NULL::bigint, p.actor_name, p.total,
               'of ' || ims_posting_reference(o) || ': ' || p.reason
        FROM ledger_posting p JOIN ledger_posting o ON o.id = p.reverses_id
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND p.kind = 'reversal'
          AND (abs(p.total) >= %(large)s
            OR EXISTS (SELECT 1 FROM ledger_entry e WHERE e.posting_id = p.id AND abs(e.amount) >= %(large)s))
        """,
    ),
    Check(
        "back_dated",
        "Accounted for long before it was posted",
        f"An entry's accounting date lies more than {LATE_DAYS} days before the day it was posted. "
        "It changes totals that have been read already.",
        """
        SELECT p.posted_at, p.id, e.id, p.actor_name, e.amount,
               p.kind || ' accounted for on ' || to_char(e.accounting_date, 'FMDD Mon YYYY')
        FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND e.accounting_date < (p.posted_at AT TIME ZONE %(zone)s)::date - %(late)s
        """,
    ),
    Check(
        "amount_corrected",
        "Amounts changed between the file and the ledger",
        "A person changed the amount of a held row before it was posted. The bank's own figure stands in the file.",
        """
        SELECT p.posted_at, p.id, e.id, d.actor_name, e.amount,
               'the file said ' || coalesce(nullif(d.before ->> 'amount', ''), 'nothing') || ': ' || d.reason
        FROM ledger_posting p
        JOIN imports_importrow r ON r.posting_id = p.id
        JOIN imports_rowdecision d ON d.row_id = r.id
        JOIN ledger_entry e ON e.posting_id = p.id AND e.source_line = r.line
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND d.before ->> 'amount' IS DISTINCT FROM d.after ->> 'amount'
        """,
    ),
)


def look(actor: Actor, first: date, last: date, *, only: str = "", most: int = SHOWN) -> list[Result]:
    """Run every check (or the one called `only`) over what was posted from `first` to `last`, both included.

    Each names the latest `most` things it found.
    """
    require(actor, "look for unusual things")
    if last < first:
        raise AssuranceRefusal("The last day is before the first.")
    if (last - first).days >= LONGEST_DAYS:
        raise AssuranceRefusal(f"Choose no more than {LONGEST_DAYS} days at a time.")
    checks = [check for check in CHECKS if only in ("", check.name)]
    if not checks:
        raise NotFound(f"There is no check called “{only}”.")
    return [_run(check, first, last, most) for check in checks]


def _run(check: Check, first: date, last: date, most: int) -> Result:
    query = f"""
        SELECT x.moment, x.posting, ims_posting_reference(p), x.entry, x.who, x.amount, x.detail
        FROM ({check.query}) AS x (moment, posting, entry, who, amount, detail)
        JOIN ledger_posting p ON p.id = x.posting
        ORDER BY x.moment DESC, x.posting DESC, x.entry DESC LIMIT {most + 1}
    """  # noqa: S608 - built of constants
    values = {
        "start": start_of(first),
        "finish": start_of(last + timedelta(days=1)),
        "zone": settings.TIME_ZONE,
        **_BOUNDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found = [Unusual(*row) for row in cursor.fetchall()]
    return Result(check, found[:most], len(found) > most)
