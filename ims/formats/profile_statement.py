"""Makes statements of rows: heads and feet, running balances, what headers and trailers declare.

Nothing of the file is kept but counters, unless the file runs from the newest row to the oldest: the opening
balance of such a file stands at its end, so its entries are held until it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

import regex

from ims.common.money import ZERO, format_pounds
from ims.formats.profile import Place, Profile, RecordRule
from ims.formats.profile_rows import RowConverter, RowError, short
from ims.formats.profile_values import Unreadable, amount_reader
from ims.formats.records import Balance, Entry, Problem, Record, StatementEnd, StatementStart

Row = tuple[int, Sequence[str], str]
"""Line, cells, raw text."""


class OddRow(list):
    """Cells of a row that is no receipt but may be a header or trailer. When it is not, ``problem`` is its fault;
    None means that it can be passed over.
    """

    def __init__(self, cells: Sequence[str], problem: Problem | None) -> None:
        super().__init__(cells)
        self.problem = problem


DECLARED_DISAGREES = "declared_disagrees"
"""The code, with the field, under which `ims.formats.summary` knows that the fault was already told."""
_MOST_HELD_PROBLEMS = 100
_MOST_BREAKS_TOLD = 5
_PATTERN_SECONDS = 0.1
_WHOLE_NUMBER = amount_reader(scale="pence", decimal_mark=".", signed=False)


@dataclass(slots=True)
class _Declared:
    """What the file says about itself."""

    count: int | None = None
    total: Decimal | None = None
    account: str = ""
    number: str = ""
    line: int = 0
    met: set[int] = field(default_factory=set)
    """Indexes of the record rules that were met."""
    rows: int = 0
    counts_itself: bool = False
    trailer_seen: bool = False


@dataclass(slots=True)
class _Running:
    """Counters over one statement or over the file."""

    count: int = 0
    total: Decimal = ZERO
    spoilt: int = 0
    """Rows that are no entries although they should be; counted in ``count``."""
    unreadable: int = 0
    """Of those, the ones whose amount cannot be read."""


class StatementReader:
    """Turns rows and problems of one file into records."""

    def __init__(self, profile: Profile, convert: RowConverter) -> None:
        self._profile = profile
        self._convert = convert
        self._matchers = [_Matcher(n, rule, profile) for n, rule in enumerate(profile.records)]
        self._declared = _Declared()
        self._file = _Running()
        names = {column.field for column in profile.columns}
        self._has_balances = "balance" in names
        self._has_accounts = bool(names & {"account", "account_sort_code"})
        self._breaks = 0

    def records(self, rows: Iterable[Row | Problem]) -> Iterator[Record]:
        items = self._items(rows)
        return self._streamed(items) if self._profile.order == "oldest_first" else self._held(items)

    def _items(self, rows: Iterable[Row | Problem]) -> Iterator[Entry | Problem]:
        """Entries and problems; headers, trailers and rows to skip are taken out here."""
        convert, counters, has_records = self._convert, self._file, bool(self._matchers)
        for row in rows:
            if isinstance(row, Problem):
                self._count_spoilt_row()
                yield row
                continue
            line, cells, raw = row
            if has_records:
                try:
                    if self._take_record(line, cells, raw):
                        continue
                except RowError as error:
                    yield error.problem
                    continue
                if isinstance(cells, OddRow):
                    if cells.problem is not None:
                        self._count_spoilt_row()
                        yield cells.problem
                    continue
                if self._declared.trailer_seen:
                    yield _after_trailer(line, raw)
            try:
                entry = convert(line, cells, raw)
            except RowError as error:
                self._count_spoilt_row(line, cells, raw)
                yield error.problem
                continue
            counters.count += 1
            counters.total += entry.amount
            yield entry

    def _count_spoilt_row(self, line: int = 0, cells: Sequence[str] = (), raw: str = "") -> None:
        """A row spoiled by its date still counts in the control total when its amount can be read."""
        counters = self._file
        counters.count += 1
        counters.spoilt += 1
        try:
            counters.total += self._convert.amount(line, cells, raw)
        except (RowError, IndexError):
            counters.unreadable += 1

    def _take_record(self, line: int, cells: Sequence[str], raw: str) -> bool:
        for matcher in self._matchers:  # a plain loop: any() over a generator costs twice as much, on every row
            if matcher.take(line, cells, raw, self._declared):
                break
        else:
            return False
        return True

    def _streamed(self, items: Iterator[Entry | Problem]) -> Iterator[Record]:
        waiting: list[Problem] = []
        started = False
        account = ""
        chain = _Chain()
        for item in items:
            if isinstance(item, Problem):
                chain.lose()
                if started:
                    yield item
                    continue
                waiting.append(item)
                if len(waiting) <= _MOST_HELD_PROBLEMS:
                    continue
                yield self._start(self._convert.account, None, item.line)
                started, account = True, self._convert.account
                yield from waiting
                continue
            if started and self._has_accounts and self._convert.account != account:
                yield self._end(chain, item.line, last=False)
                started, chain = False, _Chain()
            balance = self._convert.balance if self._has_balances else None
            if not started:
                account = self._convert.account
                yield self._start(account, chain.open(item, balance), item.line)
                yield from waiting
                waiting, started = [], True
            if self._has_balances:
                yield from self._follow(chain, item, balance)
            yield item
            if not (self._has_balances or self._has_accounts):
                yield from items  # nothing to follow from row to row
        if not started:
            yield self._start(self._convert.account, None, self._declared.line)
            yield from waiting
        yield from self._finish(chain)

    def _held(self, items: Iterator[Entry | Problem]) -> Iterator[Record]:
        """Newest first, or in an order to be found out: everything is read before anything is told."""
        groups: list[tuple[str, list[tuple[Entry | Problem, Decimal | None]]]] = [("", [])]
        for item in items:
            is_entry = isinstance(item, Entry)
            if is_entry and self._has_accounts and self._convert.account != groups[-1][0]:
                if any(isinstance(held, Entry) for held, _ in groups[-1][1]):
                    groups.append((self._convert.account, []))
                groups[-1] = (self._convert.account, groups[-1][1])
            groups[-1][1].append((item, self._convert.balance if is_entry and self._has_balances else None))
        chain = _Chain()
        for n, (account, held) in enumerate(groups):
            chain = _Chain()
            newest_first = self._profile.order == "newest_first" or _runs_backwards(held)
            in_time = held[::-1] if newest_first else held
            problems: list[Problem] = []
            opening: Balance | None = None
            for item, balance in in_time:
                if isinstance(item, Problem):
                    chain.lose()
                    continue
                opening = opening or chain.open(item, balance)
                problems.extend(self._follow(chain, item, balance))
            yield self._start(account or self._convert.account, opening, held[0][0].line if held else 0)
            for item, _ in held:
                yield item
            yield from problems
            if n + 1 < len(groups):
                yield self._end(chain, held[-1][0].line, last=False)
        yield from self._finish(chain)

    def _follow(self, chain: _Chain, entry: Entry, balance: Decimal | None) -> Iterator[Problem]:
        expected = chain.follow(entry, balance)
        if expected is None or not self._profile.check_balances:
            return
        self._breaks += 1
        if self._breaks <= _MOST_BREAKS_TOLD:
            yield Problem(
                line=entry.line,
                message=f"Line {entry.line}: the balance {format_pounds(balance)} does not follow from the row before "
                f"it, which makes it {format_pounds(expected)}. A row is missing, doubled or altered: fetch the file "
                "again.",
                scope="statement",
                field="balance",
                value=str(balance),
                code="balance_chain",
            )

    def _start(self, account: str, opening: Balance | None, line: int) -> StatementStart:
        return StatementStart(
            account=account or self._declared.account,
            currency=self._profile.currency,
            number=self._declared.number,
            opening=opening,
            line=line,
        )

    def _finish(self, chain: _Chain) -> Iterator[Record]:
        yield from self._check_controls()
        if not self._file.count:
            yield Problem(
                line=self._declared.line,
                message="The file holds no rows. If money was expected, ask the sender for the file again.",
                scope="notice",
                code="no_rows",
            )
        yield self._end(chain, self._declared.line, last=True)

    def _end(self, chain: _Chain, line: int, *, last: bool) -> StatementEnd:
        closing = chain.closing()
        if not last:
            return StatementEnd(closing=closing, line=line)
        count, total = self._declared.count, self._declared.total
        if self._file.spoilt:
            # The rows in quarantine were counted here; whoever sees only entries could not make the totals agree.
            said = {"declared_count": count, "declared_sum": total}
            extra = {name: str(value) for name, value in said.items() if value is not None}
            return StatementEnd(closing=closing, line=line, extra=extra)
        if count is not None and self._declared.counts_itself:
            count -= self._declared.rows
        return StatementEnd(closing=closing, declared_count=count, declared_sum=total, line=line)

    def _check_controls(self) -> Iterator[Problem]:
        declared, counters = self._declared, self._file
        for index, rule in enumerate(self._profile.records):
            if rule.kind != "skip" and rule.required and index not in declared.met:
                yield _control_problem(
                    declared.line,
                    f"The file has no {rule.kind} record, so it may have been cut short. Fetch the file again.",
                    rule.kind,
                    "",
                    f"{rule.kind}_missing",
                )
        rows = counters.count + (declared.rows if declared.counts_itself else 0)
        if declared.count is not None and declared.count != rows:
            yield _control_problem(
                declared.line,
                f"The file says it holds {declared.count:,} rows but {rows:,} were read. "
                "Nothing may be posted; ask the sender for a corrected file.",
                "number of entries",
                str(declared.count),
                DECLARED_DISAGREES,
            )
        if declared.total is None:
            return
        if counters.unreadable:
            yield _control_problem(
                declared.line,
                f"The control total {format_pounds(declared.total)} cannot be confirmed, because the amounts of "
                f"{counters.unreadable:,} rows cannot be read. Correct them, or ask the sender for a corrected file.",
                "net sum of entries",
                str(declared.total),
                DECLARED_DISAGREES,
            )
        elif declared.total != counters.total:
            yield _control_problem(
                declared.line,
                f"The file says it totals {format_pounds(declared.total)} but its rows total "
                f"{format_pounds(counters.total)}. Nothing may be posted; ask the sender for a corrected file.",
                "net sum of entries",
                str(declared.total),
                DECLARED_DISAGREES,
            )


class _Chain:
    """The running balance; unknown until a row tells it, and again after a row that could not be read."""

    __slots__ = ("_known", "_last")

    def __init__(self) -> None:
        self._known: Decimal | None = None
        self._last: Entry | None = None

    def open(self, entry: Entry, balance: Decimal | None) -> Balance | None:
        if balance is None or self._last is not None:
            return None
        return Balance(balance - entry.amount, entry.booked_on)

    def follow(self, entry: Entry, balance: Decimal | None) -> Decimal | None:
        """Move on by one entry; returns what the balance should have been when it is not that."""
        expected = None if self._known is None else self._known + entry.amount
        self._last = entry
        self._known = expected if balance is None else balance
        if balance is not None and expected is not None and expected != balance:
            return expected
        return None

    def lose(self) -> None:
        self._known = None

    def closing(self) -> Balance | None:
        if self._known is None or self._last is None:
            return None
        return Balance(self._known, self._last.booked_on)


def _runs_backwards(held: Sequence[tuple[Entry | Problem, Decimal | None]]) -> bool:
    """Whether rows run from new to old: by their balances where two neighbours prove it, else by their dates."""
    entries = [(item, balance) for item, balance in held if isinstance(item, Entry)]
    for (first, balance), (second, next_balance) in pairwise(entries):
        if balance is None or next_balance is None:
            continue
        forwards = balance + second.amount == next_balance
        backwards = next_balance + first.amount == balance
        if forwards != backwards:
            return backwards
    dates = [entry.booked_on for entry, _ in entries if entry.booked_on]
    return bool(dates) and dates[0] > dates[-1]


class _Matcher:
    """One record rule, ready to try on rows."""

    def __init__(self, index: int, rule: RecordRule, profile: Profile) -> None:
        self._index = index
        self._rule = rule
        self._pattern = regex.compile(rule.regex) if rule.regex else None
        self._by_cell = profile.layout in {"delimited", "spreadsheet"}
        self._equals = frozenset(text.strip().upper() for text in rule.equals)

    def take(self, line: int, cells: Sequence[str], raw: str, declared: _Declared) -> bool:
        """True when the row is this record; what it declares is then noted. Raises `RowError` when it is damaged."""
        rule = self._rule
        if self._equals:
            if len(cells) < rule.column or cells[rule.column - 1].strip().upper() not in self._equals:
                return False
            groups: dict[str, str] = {}
        elif rule.prefix:
            text = cells[0] if self._by_cell and cells else raw
            if not text.lstrip().startswith(rule.prefix):
                return False
            groups = {}
        elif self._pattern is not None:
            try:
                match = self._pattern.search(raw, timeout=_PATTERN_SECONDS)
            except TimeoutError:
                raise RowError(_slow_pattern(line, rule, raw)) from None
            if match is None:
                return False
            groups = {name: text or "" for name, text in match.groupdict().items()}
        else:
            return False
        if rule.kind == "skip":
            return True
        declared.met.add(self._index)
        declared.rows += 1
        declared.line = line
        declared.counts_itself = declared.counts_itself or rule.counts_itself
        declared.trailer_seen = declared.trailer_seen or rule.kind == "trailer"
        self._note(line, cells, raw, groups, declared)
        return True

    def _note(self, line: int, cells: Sequence[str], raw: str, groups: dict[str, str], declared: _Declared) -> None:
        rule = self._rule
        try:
            count = _declared_text(rule.count, cells, raw, groups.get("count", ""))
            if count is not None:
                declared.count = int(_WHOLE_NUMBER(count) * 100)
            total = _declared_text(rule.sum, cells, raw, groups.get("sum", ""))
            if total is not None:
                scale = rule.sum.scale if rule.sum else rule.scale
                declared.total = amount_reader(scale=scale, decimal_mark=".", signed=True)(total)
        except Unreadable as error:
            message = (
                f"Line {line}: a control total of the {rule.kind} record “{short(raw)}” {error.message}. "
                "Nothing may be posted; ask the sender for a corrected file."
            )
            raise RowError(_control_problem(line, message, rule.kind, short(raw), "control_unreadable")) from None
        declared.account = _declared_text(rule.account, cells, raw, groups.get("account", "")) or declared.account
        declared.number = _declared_text(rule.number, cells, raw, groups.get("number", "")) or declared.number


def _declared_text(place: Place | None, cells: Sequence[str], raw: str, captured: str) -> str | None:
    """The text at a place; None when the rule does not ask for it. A place beyond the row is blank text."""
    if place is None:
        return captured.strip() or None
    if place.start:
        return raw[place.start - 1 : place.start - 1 + place.length].strip()
    return cells[place.column - 1].strip() if 0 < place.column <= len(cells) else ""


def _control_problem(line: int, message: str, name: str, value: str, code: str) -> Problem:
    return Problem(line=line, message=message, scope="statement", field=name, value=value, code=code)


def _after_trailer(line: int, raw: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line} follows the trailer that should end the file. Two files may have been joined: "
        "ask the sender, and import each file on its own.",
        scope="statement",
        code="after_trailer",
        raw=raw[:2000],
    )


def _slow_pattern(line: int, rule: RecordRule, raw: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line}: the pattern “{rule.regex}” of the profile takes too long to test. Simplify the pattern.",
        scope="statement",
        code="slow_pattern",
        raw=raw[:2000],
    )
