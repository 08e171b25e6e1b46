"""What headers and trailers of a file declare, and whether its rows bear it out. It fails closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ims.common.money import ZERO, format_pounds
from ims.common.patterns import compiled
from ims.formats.profile import Place, Profile, RecordRule
from ims.formats.profile_rows import RowError
from ims.formats.profile_values import Unreadable, amount_reader, short
from ims.formats.records import Problem, UnreadableFile

DECLARED_DISAGREES = "declared_disagrees"
"""The code, with the field, under which `ims.formats.summary` knows that the fault was already told."""
_PATTERN_SECONDS = 0.1
_TIMEOUTS_BEFORE_GIVING_UP = 3
_WHOLE_NUMBER = amount_reader(scale="pence", decimal_mark=".", signed=False)


class OddRow(list):
    """Cells of a row that is no receipt but may be a header or trailer. When it is not, ``problem`` is its fault;
    None means that it can be passed over.
    """

    def __init__(self, cells: Sequence[str], problem: Problem | None) -> None:
        super().__init__(cells)
        self.problem = problem


@dataclass(slots=True)
class Declared:
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
class Running:
    """Counters over one statement or over the file."""

    count: int = 0
    total: Decimal = ZERO
    spoilt: int = 0
    """Rows that are no entries although they should be; counted in ``count``."""
    unreadable: int = 0
    """Of those, the ones whose amount cannot be read."""


class Matcher:
    """One record rule, ready to try on rows."""

    def __init__(self, index: int, rule: RecordRule, profile: Profile) -> None:
        self._index = index
        self._rule = rule
        self._pattern = compiled(rule.regex) if rule.regex else None
        self._by_cell = profile.layout in {"delimited", "spreadsheet"}
        self._timeouts = 0
        self._equals = frozenset(text.strip().upper() for text in rule.equals)

    def take(self, line: int, cells: Sequence[str], raw: str, declared: Declared) -> bool:
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
            except (TimeoutError, MemoryError, RecursionError):
                raise self._too_slow(line, raw) from None
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

    def _too_slow(self, line: int, raw: str) -> RowError:
        """The problem of a row on which the pattern ran out of time. Raises `UnreadableFile` when that is the rule."""
        self._timeouts += 1
        if self._timeouts >= _TIMEOUTS_BEFORE_GIVING_UP:
            raise UnreadableFile(
                f"Line {line}: the pattern “{self._rule.regex}” of the profile takes too long to test, on this line as "
                "on others before it, so the file was not read on. Simplify the pattern.",
                code="slow_pattern",
            )
        return RowError(_slow_pattern(line, self._rule, raw))

    def _note(self, line: int, cells: Sequence[str], raw: str, groups: dict[str, str], declared: Declared) -> None:
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


def _slow_pattern(line: int, rule: RecordRule, raw: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line}: the pattern “{rule.regex}” of the profile takes too long to test. Simplify the pattern.",
        scope="statement",
        code="slow_pattern",
        raw=raw[:2000],
    )


def check_controls(profile: Profile, declared: Declared, counters: Running) -> Iterator[Problem]:
    """What the file declares of itself and does not keep. Rows in quarantine count, as far as they can be read."""
    for index, rule in enumerate(profile.records):
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
