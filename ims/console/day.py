"""How a day stands: what “Today” shows, gathered from the rooms below, each part only for those who may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ims.access import selectors as access
from ims.approvals.models import Request
from ims.approvals.selectors import waiting_for
from ims.audit.actors import Actor
from ims.common.findings import Finding
from ims.common.money import ZERO
from ims.console.charts import Bar, columns_chart, rows_chart
from ims.evidence import selectors as evidence
from ims.funds.models import Fund, MethodOfPayment
from ims.funds.modulus import modulus_state
from ims.funds.selectors import previous_working_day
from ims.imports import selectors as imports
from ims.jobs import selectors as jobs
from ims.ledger.models import Posting
from ims.ledger.selectors import TotalRow, totals_between
from ims.payments import lists as payments
from ims.payments import transit
from ims.reporting import selectors as reporting
from ims.suspense import selectors as suspense

INCOME = frozenset({Posting.Kind.RECEIPT, Posting.Kind.IMPORT, Posting.Kind.REVERSAL})
"""What counts as income of a day. Journals, transfers and allocations only move it about."""

DAYS_SHOWN = 14
MOST_BARS = 8
MOST_LISTED = 6


@dataclass(frozen=True)
class Comparison:
    """One fund or method: pounds on the day, and on the same weekday a week before."""

    code: str
    name: str
    now: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal:
        """How much more than a week before, in pounds."""
        return self.now - self.before


@dataclass(frozen=True)
class Income:
    """The income of a day, taken apart two ways, with its charts."""

    total: Decimal
    before: Decimal
    count: int
    by_fund: list[Comparison]
    by_method: list[Comparison]
    fund_chart: str
    days: list[tuple[date, Decimal]]
    days_chart: str

    @property
    def change(self) -> Decimal:
        """How much more than a week before, in pounds."""
        return self.total - self.before


@dataclass(frozen=True)
class Suspense:
    """What waits to be identified."""

    bands: list[suspense.Ageing]
    chart: str

    @property
    def count(self) -> int:
        return sum(band.count for band in self.bands)

    @property
    def value(self) -> Decimal:
        return sum((band.value for band in self.bands), ZERO)

    @property
    def is_old(self) -> bool:
        """Whether anything is older than a month."""
        return any(band.count for band in self.bands if band.band.first > 30)


@dataclass(frozen=True)
class Files:
    """Files that did not come, and imports that wait for somebody."""

    late: list[imports.LateFile]
    waiting: list[Any]
    more: bool


@dataclass(frozen=True)
class ProofState:
    """Whether the last working day ties together: `tone` as of figures, `note` the first thing to look at."""

    day: date
    label: str
    note: str
    tone: str


@dataclass(frozen=True)
class Day:
    """Everything “Today” shows. Parts the person may not see are None."""

    day: date
    week_before: date
    income: Income | None = None
    suspense: Suspense | None = None
    files: Files | None = None
    proof: ProofState | None = None
    payments: payments.Standing | None = None
    approvals: list[Request] = field(default_factory=list)
    """Requests that wait for this person's decision, the oldest first."""
    jobs: list[Any] = field(default_factory=list)
    settings: list[Finding] = field(default_factory=list)
    """What whoever looks after the settings should see to."""
    evidence: list[Finding] = field(default_factory=list)
    """What whoever keeps the evidence should see to."""
    access: list[Finding] = field(default_factory=list)
    """What whoever looks after people's access should see to."""


def day_of(actor: Actor, day: date) -> Day:
    """How `day` stands, for `actor`."""
    return Day(
        day=day,
        week_before=day - timedelta(days=7),
        income=income_of(actor, day) if actor.may("ledger.view_entry") else None,
        suspense=suspense_now(actor) if actor.may("suspense.view_suspenseitem") else None,
        files=files_now(actor) if actor.may("imports.view_importbatch") else None,
        proof=proof_before(actor, day) if actor.may("reporting.view_proof") else None,
        approvals=waiting_for(actor),
        jobs=list(jobs.in_trouble(actor)[:MOST_LISTED]) if actor.may("jobs.view_jobrun") else [],
        payments=payments.standing(actor) if actor.may("payments.view_paymentattempt") else None,
        evidence=evidence.to_see_to() if actor.may("evidence.view_sealpublication") else [],
        settings=settings_now() if actor.may("funds.load_modulus_tables") else [],
        access=access.findings(actor),
    )


def income_of(actor: Actor, day: date) -> Income:
    """The income with accounting date `day` against that of a week before, within the actor's funds."""
    # What the bank credits for a payout of card payments was income when they were paid.
    clearing = transit.clearing_funds()
    rows = [
        row
        for row in totals_between(actor, day - timedelta(days=DAYS_SHOWN - 1), day)
        if row.kind in INCOME and row.fund not in clearing
    ]
    today = [row for row in rows if row.accounting_date == day]
    before = [row for row in rows if row.accounting_date == day - timedelta(days=7)]
    funds = dict(Fund.objects.values_list("code", "name"))
    methods = dict(MethodOfPayment.objects.values_list("code", "name"))
    by_fund = _compared(today, before, lambda row: row.fund, funds)
    days = [(day - timedelta(days=back), ZERO) for back in range(DAYS_SHOWN - 1, -1, -1)]
    totals = {when: sum((row.amount for row in rows if row.accounting_date == when), ZERO) for when, _ in days}
    return Income(
        total=sum((row.amount for row in today), ZERO),
        before=sum((row.amount for row in before), ZERO),
        count=sum(row.entry_count for row in today if row.kind != Posting.Kind.REVERSAL),
        by_fund=by_fund,
        by_method=_compared(today, before, lambda row: row.method_of_payment, methods),
        fund_chart=rows_chart(
            "funds",
            f"Income by fund on {day:%-d %b %Y}, and a week before",
            [Bar(line.name, line.now, line.before) for line in by_fund[:MOST_BARS]],
        ),
        days=list(totals.items()),
        days_chart=columns_chart(
            "days",
            f"Income of the {DAYS_SHOWN} days to {day:%-d %b %Y}",
            [Bar(f"{when:%-d}", total, tone="" if when == day else "before") for when, total in totals.items()],
        ),
    )


def _compared(
    today: Iterable[TotalRow], before: Iterable[TotalRow], key: Callable[[TotalRow], str], names: dict[str, str]
) -> list[Comparison]:
    """Sums by `key`, the greatest of the day first."""
    now, then = _summed(today, key), _summed(before, key)
    lines = [
        Comparison(code, names.get(code, code), now.get(code, ZERO), then.get(code, ZERO)) for code in {*now, *then}
    ]
    return sorted(lines, key=lambda line: (-line.now, -line.before, line.code))


def _summed(rows: Iterable[TotalRow], key: Callable[[TotalRow], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[key(row)] = sums.get(key(row), ZERO) + row.amount
    return sums


def suspense_now(actor: Actor) -> Suspense:
    """Open suspense by age, just now."""
    bands = suspense.ageing(actor)
    tones = ("", "", "warning", "bad")
    bars = [Bar(line.band.label, line.value, tone=tone) for line, tone in zip(bands, tones, strict=True)]
    return Suspense(bands, rows_chart("ages", "Suspense by age", bars) if any(line.count for line in bands) else "")


def files_now(actor: Actor) -> Files:
    """Late files, and the latest imports that need attention."""
    waiting = list(imports.needing_attention(actor)[: MOST_LISTED + 1])
    return Files(imports.late_files(), waiting[:MOST_LISTED], len(waiting) > MOST_LISTED)


def settings_now() -> list[Finding]:
    """Settings that have grown old or were never made, just now."""
    modulus_tables = modulus_state().finding
    return [modulus_tables] if modulus_tables else []


def proof_before(actor: Actor, day: date) -> ProofState:
    """The proof of the working day before `day`, in a word and a sentence."""
    yesterday = previous_working_day(day)
    proof = reporting.proof(actor, yesterday)
    grave = [difference for difference in proof.differences if difference.severity in ("error", "warning")]
    if not proof.is_proven:
        label, tone = "Does not agree", "bad"
    elif grave:
        label, tone = "Agrees, with things waiting", "warning"
    else:
        label, tone = "Agrees", "good"
    worst = sorted(grave, key=lambda difference: difference.severity)
    return ProofState(yesterday, label, worst[0].message if worst else "Nothing is left to explain.", tone)
