"""Adds a file up, and says whether it adds up.

Movements are booked entries, batch parents counted once and their members never; day totals, contras and
instructions are no movements. What a file *declares* about itself covers everything it holds, so day totals and
contras count when declared figures are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ims.common.money import format_pounds
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart

MOST_PROBLEMS_KEPT = 1_000
_ZERO = Decimal("0.00")
_NO_MOVEMENT = frozenset(("day_total", "contra", "instruction"))
_CREDIT_MARKS = frozenset(("C", "RD", "EC", "CRDT"))
_DEBIT_MARKS = frozenset(("D", "RC", "ED", "DBIT"))
_BALANCES_DISAGREE = "balances_disagree"
_DECLARED_DISAGREES = "declared_disagrees"
_SPOILS_BALANCES = frozenset((_BALANCES_DISAGREE, "currency_differs"))


@dataclass(slots=True)
class Tally:
    """Counts and positive sums of credits and debits."""

    credit_count: int = 0
    credit_sum: Decimal = _ZERO
    debit_count: int = 0
    debit_sum: Decimal = _ZERO
    count: int = 0

    def add(self, entry: Entry) -> None:
        """Counts an entry on its side; a zero goes by the file's own mark, or to neither."""
        amount = entry.amount
        self.count += 1
        if amount > 0 or (not amount and entry.mark in _CREDIT_MARKS):
            self.credit_count += 1
            self.credit_sum += amount
        elif amount < 0 or entry.mark in _DEBIT_MARKS:
            self.debit_count += 1
            self.debit_sum -= amount

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.credit_count + other.credit_count,
            self.credit_sum + other.credit_sum,
            self.debit_count + other.debit_count,
            self.debit_sum + other.debit_sum,
            self.count + other.count,
        )

    @property
    def net(self) -> Decimal:
        """Credits less debits."""
        return self.credit_sum - self.debit_sum


@dataclass(slots=True)
class StatementSummary:
    """One statement added up."""

    account: str = ""
    currency: str = ""
    number: str = ""
    reference: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    opening: Decimal | None = None
    closing: Decimal | None = None
    movements: Tally = field(default_factory=Tally)
    balances_agree: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """As `ims parse` prints it: sums positive, balances signed, dates ISO."""
        return {
            "account": self.account,
            "currency": self.currency,
            "number": self.number,
            "from": _iso(self.starts_on),
            "to": _iso(self.ends_on),
            "opening": _text(self.opening),
            "closing": _text(self.closing),
            "entries": self.movements.count,
            **_sums(self.movements),
            "balances_agree": self.balances_agree,
        }


@dataclass(slots=True)
class Summary:
    """A whole file added up. ``errors`` are row and statement problems; ``notices`` spoil nothing.

    Of each, the first `MOST_PROBLEMS_KEPT` are kept and the rest is counted in ``problems_left_out``, so that a file
    of nothing but rubbish does not fill the memory.
    """

    format: str
    statements: list[StatementSummary] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    movements: Tally = field(default_factory=Tally)
    told: int = 0
    """Entries that move no money: instructions, totals of the day, what is announced. Parts of a batch are not among
    them."""
    problems_left_out: int = 0

    def take(self, problem: Problem) -> None:
        """Keeps or counts a problem."""
        kept = self.notices if problem.scope == "notice" else self.errors
        if len(kept) < MOST_PROBLEMS_KEPT:
            kept.append(problem)
        else:
            self.problems_left_out += 1

    @property
    def count(self) -> int:
        """The movements; in a file that moves no money at all, what it tells."""
        return self.movements.count or self.told

    def as_json(self) -> dict[str, Any]:
        """As `ims parse` prints it."""
        return {
            "format": self.format,
            "statements": [statement.as_json() for statement in self.statements],
            "entries": self.count,
            **_sums(self.movements),
            "errors": [
                {"line": problem.line, "scope": problem.scope, "code": problem.code, "message": problem.message}
                for problem in self.errors
            ],
        }


def is_movement(entry: Entry) -> bool:
    """True for booked money that changes the balance: what a bank statement's sums are made of."""
    return entry.status == "booked" and entry.parent is None and entry.kind not in _NO_MOVEMENT


def summarise(records: Iterable[Record], format: str) -> Summary:
    """Adds up the records of one file, checking them on the way (`checked`). Keeps no entries."""
    summary = Summary(format)
    current = StatementSummary()
    spoilt = False
    for record in checked(records):
        if isinstance(record, Entry):
            if is_movement(record):
                current.movements.add(record)
            elif record.parent is None:
                summary.told += 1
        elif isinstance(record, Problem):
            summary.take(record)
            spoilt = spoilt or record.code in _SPOILS_BALANCES
        elif isinstance(record, StatementStart):
            current, spoilt = _begin(record), False
            summary.statements.append(current)
        else:
            _finish(current, record, spoilt)
    summary.movements = sum((statement.movements for statement in summary.statements), Tally())
    return summary


def _begin(start: StatementStart) -> StatementSummary:
    opening = start.opening
    return StatementSummary(
        account=start.account,
        currency=start.currency,
        number=start.number,
        reference=start.reference,
        starts_on=start.starts_on or (opening.on if opening else None),
        ends_on=start.ends_on,
        opening=opening.amount if opening else None,
    )


def _finish(current: StatementSummary, end: StatementEnd, spoilt: bool) -> None:
    if end.closing:
        current.closing = end.closing.amount
        current.ends_on = current.ends_on or end.closing.on
    if current.opening is not None and current.closing is not None:
        current.balances_agree = not spoilt and current.opening + current.movements.net == current.closing


def checked(records: Iterable[Record]) -> Iterator[Record]:
    """Passes records through and reports statements that do not add up.

    A `Problem` of scope ``statement`` comes just before the `StatementEnd`: where opening balance and movements do
    not give the closing balance, and for each declared count or sum that disagrees. Checking twice reports once.
    """
    checker = _Checker()
    for record in records:
        if isinstance(record, Entry):
            checker.add(record)
        elif isinstance(record, StatementStart):
            checker = _Checker(record)
        elif isinstance(record, Problem):
            checker.already_said.add((record.code, record.field))
        else:
            yield from checker.problems(record)
        yield record


class _Checker:
    """What one statement adds up to."""

    def __init__(self, start: StatementStart | None = None) -> None:
        self._start = start or StatementStart()
        self._movements = Tally()
        self._booked_otherwise = Tally()
        self._not_booked = Tally()
        self.already_said: set[tuple[str, str]] = set()

    def add(self, entry: Entry) -> None:
        if entry.parent is not None or entry.kind == "instruction":
            return
        if entry.status != "booked":
            self._not_booked.add(entry)
        elif entry.kind in _NO_MOVEMENT:
            self._booked_otherwise.add(entry)
        else:
            self._movements.add(entry)

    def problems(self, end: StatementEnd) -> Iterator[Problem]:
        found = [*self._balance_problem(end), *self._declared_problems(end)]
        yield from (problem for problem in found if (problem.code, problem.field) not in self.already_said)

    def _balance_problem(self, end: StatementEnd) -> Iterator[Problem]:
        opening, closing = self._start.opening, end.closing
        if not opening or not closing:
            return
        computed = opening.amount + self._movements.net
        if computed == closing.amount:
            return
        currency = self._start.currency
        yield Problem(
            line=end.line,
            message=f"The statement {self._name()} does not add up: opening {_money(opening.amount, currency)} plus "
            f"credits {_money(self._movements.credit_sum, currency)} less debits "
            f"{_money(self._movements.debit_sum, currency)} is {_money(computed, currency)}, but the closing balance "
            f"is {_money(closing.amount, currency)}; the difference is "
            f"{_money(closing.amount - computed, currency)}. Do not post it; ask the bank for the file again.",
            scope="statement",
            field="closing balance",
            value=str(closing.amount),
            code=_BALANCES_DISAGREE,
        )

    def _declared_problems(self, end: StatementEnd) -> Iterator[Problem]:
        in_books = self._movements + self._booked_otherwise
        in_file = in_books + self._not_booked
        declared = (
            ("number of credits", end.declared_credit_count, "credit_count"),
            ("sum of credits", end.declared_credit_sum, "credit_sum"),
            ("number of debits", end.declared_debit_count, "debit_count"),
            ("sum of debits", end.declared_debit_sum, "debit_sum"),
            ("number of entries", end.declared_count, "count"),
            ("net sum of entries", end.declared_sum, "net"),
        )
        for name, said, attribute in declared:
            everything, booked = getattr(in_file, attribute), getattr(in_books, attribute)
            if said is None or said in (everything, booked):
                continue
            yield self._declared_problem(end, name, said, everything)

    def _declared_problem(self, end: StatementEnd, name: str, said: Any, found: Any) -> Problem:
        if isinstance(said, Decimal):
            currency = self._start.currency
            figures = (
                f"declares {_money(said, currency)} but its entries give {_money(found, currency)}; "
                f"the difference is {_money(said - found, currency)}"
            )
        else:
            figures = f"declares {said:,} but holds {found:,}"
        return Problem(
            line=end.line,
            message=f"The {name} of the statement {self._name()} disagrees: it {figures}. "
            "Do not post it; ask the sender for the file again.",
            scope="statement",
            field=name,
            value=str(said),
            code=_DECLARED_DISAGREES,
        )

    def _name(self) -> str:
        number = f"{self._start.number} " if self._start.number else ""
        return f"{number}of account {self._start.account}" if self._start.account else f"{number}".strip() or "read"


def _money(amount: Decimal, currency: str) -> str:
    return format_pounds(amount) if currency == "GBP" else f"{amount:,} {currency}".strip()


def _sums(tally: Tally) -> dict[str, Any]:
    return {
        "credit_count": tally.credit_count,
        "credit_sum": _text(tally.credit_sum),
        "debit_count": tally.debit_count,
        "debit_sum": _text(tally.debit_sum),
    }


def _text(amount: Decimal | None) -> str | None:
    """A plain decimal with at least two places."""
    if amount is None:
        return None
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:.{places}f}"


def _iso(on: date | None) -> str | None:
    return on.isoformat() if on else None
