"""Makes statements of rows: heads and feet, running balances, what headers and trailers declare.

Nothing of the file is kept but counters, unless the file runs from the newest row to the oldest: the opening
balance of such a file stands at its end, so its entries are held until it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from ims.common.money import format_pounds
from ims.formats.profile import Profile
from ims.formats.profile_controls import Declared, Matcher, OddRow, Running, check_controls
from ims.formats.profile_rows import RowConverter, RowError
from ims.formats.records import Balance, Entry, Problem, Record, StatementEnd, StatementStart, UnreadableFile

Row = tuple[int, Sequence[str], str]
"""Line, cells, raw text."""

_MOST_HELD = 250_000
"""Rows of a file that must be held until its end, about a kilobyte each."""
_MOST_HELD_PROBLEMS = 100
_MOST_BREAKS_TOLD = 5


class StatementReader:
    """Turns rows and problems of one file into records."""

    def __init__(self, profile: Profile, convert: RowConverter) -> None:
        self._profile = profile
        self._convert = convert
        self._matchers = [Matcher(n, rule, profile) for n, rule in enumerate(profile.records)]
        self._declared = Declared()
        self._file = Running()
        names = {column.field for column in profile.columns}
        self._has_balances = "balance" in names
        self._has_accounts = bool(names & {"account", "account_sort_code"})
        self._breaks = 0

    def records(self, rows: Iterable[Row | Problem]) -> Iterator[Record]:
        items = self._items(rows)
        # Without balances nothing depends on the order, so nothing need be held.
        in_order = self._profile.order == "oldest_first" or not self._has_balances
        return self._streamed(items) if in_order else self._held(items)

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
        for number, item in enumerate(items, start=1):
            if number > _MOST_HELD:
                raise _too_long_to_hold()
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
        yield from check_controls(self._profile, self._declared, self._file)
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


def _too_long_to_hold() -> UnreadableFile:
    return UnreadableFile(
        f"The file has more than {_MOST_HELD:,} rows, and its opening balance stands at its end, so all of them would "
        "have to be held at once. Download it in parts, or with the oldest row first and say so in the profile.",
        code="too_long_to_hold",
    )


def _after_trailer(line: int, raw: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line} follows the trailer that should end the file. Two files may have been joined: "
        "ask the sender, and import each file on its own.",
        scope="statement",
        code="after_trailer",
        raw=raw[:2000],
    )
