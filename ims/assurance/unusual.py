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
HASTY_SECONDS = 60
LET_IN_DAYS = 30
PAIR = 5
"""So many approvals between the same two people in the days looked at."""

_BOUNDS = {
    "opens": OPENS,
    "closes": CLOSES,
    "round": ROUND,
    "large": LARGE,
    "near": NEAR_LIMIT,
    "late": LATE_DAYS,
    "hasty": HASTY_SECONDS,
    "let_in": LET_IN_DAYS,
    "pair": PAIR,
}


@dataclass(frozen=True)
class Check:
    """One kind of unusual thing."""

    name: str
    title: str
    why: str
    query: str
    record: str = "ledger.posting"
    """What the second column of the query is the key of."""


@dataclass(frozen=True)
class Unusual:
    """One thing found. `entry` is None where it is about a posting as a whole, or about a request for approval.

    `posting` is the key of the posting; of the request, where the check is about requests.
    """

    moment: datetime
    posting: int
    reference: str
    entry: int | None
    who: str
    amount: Decimal | None
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
        "own_account",
        "Work on an account of one’s own",
        "A person posted a receipt, or worked on a file, with an account in which they declared an interest. Moving "
        "such money by itself is refused; taking a payment and whole files are not, and are listed here.",
        r"""
        SELECT p.posted_at, p.id, e.id, p.actor_name, e.amount, p.kind || ': interest declared on '
               || to_char(i.declared_on, 'FMDD Mon YYYY')
        FROM interests_interest i
        JOIN ledger_posting p ON p.actor_kind = 'person' AND p.actor_id = i.person_id::text
        JOIN ledger_entry e ON e.posting_id = p.id
         AND upper(regexp_replace(e.account_reference, '[^[:alnum:]]', '', 'g'))
             = upper(regexp_replace(i.account_reference, '[^[:alnum:]]', '', 'g'))
         AND (i.fund_id IS NULL OR i.fund_id = e.fund_id)
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND (i.ended_on IS NULL OR i.ended_on >= (p.posted_at AT TIME ZONE %(zone)s)::date)
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
    Check(
        "hasty_approval",
        "Approved within a minute",
        f"A request was approved within {HASTY_SECONDS} seconds of being made. Nobody reads a plan and its papers so "
        "fast: the second pair of eyes may have been shut.",
        """
        SELECT r.decided_at, r.id, NULL::bigint, r.decided_by_name, r.amount,
               round(extract(epoch FROM r.decided_at - r.requested_at)) || ' seconds after ' || r.requested_by_name
               || ' asked: ' || r.summary
        FROM approvals_request r
        WHERE r.state = 'approved' AND r.decided_at >= %(start)s AND r.decided_at < %(finish)s
          AND r.decided_at < r.requested_at + make_interval(secs => %(hasty)s)
        """,
        record="approvals.request",
    ),
    Check(
        "same_pair",
        "The same two people approving each other",
        f"Two people approved for each other, both ways, {PAIR} times or more in these days. A second person who is "
        "always the same, and is repaid in kind, is hardly a second opinion.",
        """
        WITH approved AS (
          SELECT r.*, least(r.requested_by_id, r.decided_by_id) AS one,
                 greatest(r.requested_by_id, r.decided_by_id) AS two
          FROM approvals_request r
          WHERE r.state = 'approved' AND r.decided_at >= %(start)s AND r.decided_at < %(finish)s
            AND r.requested_by_kind = 'person' AND r.decided_by_kind = 'person'),
        pairs AS (
          SELECT one, two, count(*) AS times FROM approved
          GROUP BY one, two HAVING count(*) >= %(pair)s AND count(DISTINCT requested_by_id) = 2)
        SELECT a.decided_at, a.id, NULL::bigint, a.decided_by_name, a.amount,
               'for ' || a.requested_by_name || ', one of ' || p.times || ' between the two: ' || a.summary
        FROM approved a JOIN pairs p USING (one, two)
        """,
        record="approvals.request",
    ),
    Check(
        "under_own_limit",
        "Just under what one may do alone",
        f"A person moved money alone, within {100 - NEAR_LIMIT * 100:.0f} per cent below the limit over which a second "
        "person would have been needed (as limits and roles stand today). Amounts split to stay below cluster here.",
        """
        SELECT p.posted_at, p.id, NULL::bigint, p.actor_name, m.moved,
               p.kind || ', limit ' || l.alone || ': ' || p.reason
        FROM ledger_posting p
        CROSS JOIN LATERAL (SELECT ims_moved(p.id, false) AS moved) m
        CROSS JOIN LATERAL (
          SELECT max(x.alone_up_to) AS alone, bool_or(x.alone_up_to IS NULL) AS any_amount
          FROM approvals_limit x
          WHERE x.kind = 'ledger.' || p.kind AND (x.role = '' OR x.role IN (
            SELECT g.name FROM people_user_groups ug JOIN auth_group g ON g.id = ug.group_id
            WHERE ug.user_id::text = p.actor_id))) l
        WHERE p.posted_at >= %(start)s AND p.posted_at < %(finish)s
          AND p.kind IN ('journal', 'transfer', 'allocation', 'reversal') AND p.actor_kind = 'person'
          AND p.approval_id IS NULL AND NOT l.any_amount
          AND m.moved <= l.alone AND m.moved > l.alone * %(near)s
        """,
    ),
    Check(
        "let_in",
        "Asked and approved by accounts of which one opened the other",
        f"In the {LET_IN_DAYS} days before, one of the two had given the other's account a new way in: a one-time "
        "link, a second factor taken away, another identity in the directory. They could have been both people.",
        """
        SELECT DISTINCT ON (r.id) r.decided_at, r.id, NULL::bigint, r.decided_by_name, r.amount,
               e.verb || ' by ' || e.actor_name || ' on '
               || to_char(e.occurred_at AT TIME ZONE %(zone)s, 'FMDD Mon YYYY') || ': ' || r.summary
        FROM approvals_request r
        JOIN audit_event e ON e.subject_type = 'people.user' AND e.actor_kind = 'person'
         AND (e.actor_id, e.subject_id) IN ((r.requested_by_id, r.decided_by_id), (r.decided_by_id, r.requested_by_id))
         AND e.verb IN ('one_time_link_made', 'second_factor_removed', 'directory_connected')
         AND e.occurred_at > r.decided_at - make_interval(days => %(let_in)s)
         AND e.occurred_at < r.decided_at + interval '1 minute' -- it bears the moment its transaction began
        WHERE r.state = 'approved' AND r.requested_by_kind = 'person' AND r.decided_by_kind = 'person'
          AND r.decided_at >= %(start)s AND r.decided_at < %(finish)s
        ORDER BY r.id, e.occurred_at DESC
        """,
        record="approvals.request",
    ),
    Check(
        "granted_alone",
        "Rights granted without a second person",
        "Somebody gave a person roles while nobody else could have approved it. Right for the first hours of an "
        "installation; later it means that approvers were made to disappear.",
        """
        SELECT e.occurred_at, e.id, NULL::bigint, e.actor_name, NULL::numeric,
               'roles ' || coalesce(e.data ->> 'roles', '') || ' for '
               || coalesce(e.data ->> 'display_name', 'person ' || (e.data ->> 'person'))
        FROM audit_event e
        WHERE e.verb = 'roles_granted_alone' AND e.occurred_at >= %(start)s AND e.occurred_at < %(finish)s
        """,
        record="audit.event",
    ),
)
"""What is looked for."""

_REFERENCES = {
    "ledger.posting": ("ledger_posting", "ims_posting_reference(p)"),
    "approvals.request": ("approvals_request", "'Request ' || p.id"),
    "audit.event": ("audit_event", "'Event ' || p.id"),
}


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
    table, reference = _REFERENCES[check.record]
    query = f"""
        SELECT x.moment, x.posting, {reference}, x.entry, x.who, x.amount, x.detail
        FROM ({check.query}) AS x (moment, posting, entry, who, amount, detail)
        JOIN {table} p ON p.id = x.posting
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
