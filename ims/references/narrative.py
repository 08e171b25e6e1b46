"""Finding account references in the free text of a bank line.

Payers write references with spaces, hyphens and words around them: ``CTAX 7700-12345 MR A PAYER``. The text is cut
into runs of letters and runs of digits; neighbouring runs are joined into candidates, and a candidate counts only
when a rule proves it. Nothing is guessed: two rules that both fit are both reported, and the caller decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from time import perf_counter

from ims.references.rules import PATTERN_SECONDS, ReferenceRule, checker

LONGEST_TEXT = 1000
"""Characters of a narrative that are searched; the rest is ignored."""

_MOST_RUNS = 8
"""Runs one reference may be cut into by separators or by changes between letters and digits."""
_LONGEST_REFERENCE = 40
_FEWEST_DIGITS = 5

_ENOUGH_DIGITS = re.compile(r"(?:[0-9][^0-9]*){5}")
_RUN = re.compile(r"[0-9]+|[A-Z]+")
_JOINERS = re.compile(r"[ \-/.]{0,3}")
_SEPARATORS = " -/."
_WITHOUT_SEPARATORS = str.maketrans("", "", _SEPARATORS)
_DATE = re.compile(r"[0-9]{1,2}([ /.-])[0-9]{1,2}\1(?:[0-9]{2}|[0-9]{4})|[0-9]{4}([/.-])[0-9]{2}\2[0-9]{2}")
_CAPITALS = {ord(letter): ord(letter.upper()) for letter in "abcdefghijklmnopqrstuvwxyz"}


@dataclass(frozen=True, slots=True)
class Found:
    """A reference found in a text. ``text[start:end]`` is what was written; ``reference`` is how the rule writes it,
    in capitals. ``exact`` when it stood there as a word of its own, letter for letter.
    """

    rule: str
    reference: str
    start: int
    end: int
    exact: bool


def find_references(text: str, rules: Mapping[str, ReferenceRule]) -> list[Found]:
    """Every reference that one of the rules proves, in the order of the text, longest first where they overlap.

    A rule takes part only when it can prove something: it asks for at least five characters, and for digits or by a
    pattern or check digit. A candidate holds at least five digits; one put together across separators needs more: a
    check digit, a pattern, or fixed letters in the mask.
    Text beyond `LONGEST_TEXT` characters is not searched, nor with a rule whose own pattern has worked on it for longer
    than `PATTERN_SECONDS`. Never raises.
    """
    searchable = text[:LONGEST_TEXT].translate(_CAPITALS)
    if not _ENOUGH_DIGITS.search(searchable):
        return []
    probes = _probes_of(tuple(rules.items()))
    too_slow: set[str] = set()
    spent: dict[str, float] = {}
    found: list[Found] = []
    for start, end, size in _windows(searchable, probes.longest):
        candidates = probes.for_length(size, padded=searchable[start] == "0")
        if not candidates:
            continue
        written = searchable[start:end]
        joined = size != end - start
        if joined and _DATE.fullmatch(written):
            continue
        compact = written.translate(_WITHOUT_SEPARATORS) if joined else written
        for name, probe in candidates:
            if name in too_slow:
                continue
            began = perf_counter() if probe.has_pattern else 0.0
            try:
                reference = probe.match(written, compact, joined=joined)
            except _PatternTooSlow:
                too_slow.add(name)
                continue
            if probe.has_pattern:
                spent[name] = spent.get(name, 0.0) + perf_counter() - began
                if spent[name] > PATTERN_SECONDS:
                    too_slow.add(name)
            if reference is not None:
                exact = reference == written and _is_whole_word(searchable, start, end)
                found.append(Found(name, reference, start, end, exact))
    return _without_contained(found)


class _PatternTooSlow(Exception):
    """The rule's own pattern ran out of time on one candidate: it takes no further part in this text."""


class _Probes:
    """The rules that take part in one search, found by the length of a candidate."""

    def __init__(self, rules: tuple[tuple[str, ReferenceRule], ...]) -> None:
        self.rules = rules
        self._probes = [(name, probe) for name, rule in rules if (probe := _probe(rule)) is not None]
        self._by_length: dict[int, list[tuple[str, _Probe]]] = {}
        for name, probe in self._probes:
            for length in probe.lengths:
                self._by_length.setdefault(length, []).append((name, probe))
        self.longest = max(self._by_length, default=0)

    def for_length(self, length: int, *, padded: bool) -> list[tuple[str, _Probe]]:
        """The probes a candidate of this length may satisfy; all of them when it may hold zeros as padding."""
        return self._probes if padded else self._by_length.get(length, [])


_latest = _Probes(())


def _probes_of(rules: tuple[tuple[str, ReferenceRule], ...]) -> _Probes:
    """The probes of these rules. The latest are kept: a file's narratives are all searched with the same rules, and
    comparing with them is much cheaper than hashing every rule again.
    """
    global _latest  # one assignment of a finished object, so threads can at worst do the work twice
    if _latest.rules != rules:
        _latest = _Probes(rules)
    return _latest


class _Probe:
    """What must be known of a rule to search a text with it."""

    __slots__ = ("_check", "_fixed", "_gaps", "_proves_joined", "_rule", "_shape", "has_pattern", "lengths")

    def __init__(self, rule: ReferenceRule) -> None:
        self._rule = rule
        self._check = checker(rule)
        mask = rule.mask.translate(_CAPITALS)
        self._gaps = tuple((index, character) for index, character in enumerate(mask) if character in _SEPARATORS)
        longest = min(rule.max or len(mask) or _LONGEST_REFERENCE, _LONGEST_REFERENCE)
        if mask:
            longest = min(longest, len(mask))
        gaps = len(self._gaps)
        self.lengths = frozenset(range(max(rule.min - gaps, 1), longest + 1))
        has_fixed_letter = any(character.isalnum() for character in mask)
        self._proves_joined = rule.check_digit is not None or bool(rule.regex) or has_fixed_letter
        self._fixed = rule.min == longest
        self.has_pattern = bool(rule.regex)
        self._shape = _shape(rule, mask)

    def match(self, written: str, compact: str, *, joined: bool) -> str | None:
        if joined and not self._proves_joined:
            return None
        if self._shape is not None and not self._shape.fullmatch(compact):
            return self._without_padding(compact)
        if joined and self._valid(written):
            return written
        if len(compact) in self.lengths:
            reference = self._with_gaps(compact)
            if self._valid(reference):
                return reference
        return self._without_padding(compact)

    def _without_padding(self, compact: str) -> str | None:
        """Agents pad references with zeros on the left; only a rule of one fixed length can say how many."""
        if not self._fixed or not compact.startswith("0"):
            return None
        surplus = len(compact) - self._rule.min
        if surplus <= 0 or compact[:surplus].strip("0"):
            return None
        return compact[surplus:] if self._valid(compact[surplus:]) else None

    def _valid(self, reference: str) -> bool:
        verdict = self._check(reference)
        if verdict.gave_up:
            raise _PatternTooSlow
        return verdict.valid

    def _with_gaps(self, compact: str) -> str:
        reference = compact
        for index, character in self._gaps:
            if index >= len(reference):
                break
            reference = reference[:index] + character + reference[index:]
        return reference


@lru_cache(maxsize=512)
def _probe(rule: ReferenceRule) -> _Probe | None:
    if rule.mask:
        digits = sum(character in "#@0123456789" for character in rule.mask[: rule.max])
        proves = digits >= _FEWEST_DIGITS and rule.min >= _FEWEST_DIGITS
    else:
        numeric = rule.characters == "numeric"
        proves = rule.min >= _FEWEST_DIGITS and (numeric or bool(rule.regex) or rule.check_digit is not None)
    return _Probe(rule) if proves else None


def _shape(rule: ReferenceRule, mask: str) -> re.Pattern[str] | None:
    """What a candidate without separators must look like at least: a quick way to refuse most of them."""
    if not mask:
        return re.compile("[0-9]+") if rule.characters == "numeric" else None
    classes = {"#": "[0-9]", "$": "[A-Z]", "?": "[0-9A-Z]", "*": "[0-9A-Z]?", "@": "[0-9A-Z]"}
    kept = [character for character in mask if character not in _SEPARATORS]
    parts = [classes.get(character) or re.escape(character) for character in kept]
    required = len(parts) if rule.min >= len(mask) else 0
    return re.compile("".join(parts) if required else "".join(f"(?:{part}" for part in parts) + ")?" * len(parts))


def _windows(text: str, longest: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of neighbouring runs as (start, end, length without separators): at most `_MOST_RUNS` runs, with
    enough digits, and not longer than the longest reference. A first run of digits may be longer: zeros on the left
    are padding.
    """
    runs = [match.span() for match in _RUN.finditer(text)]
    adjoins = [
        begin == end or _JOINERS.fullmatch(text, end, begin) is not None for (_, end), (begin, _) in pairwise(runs)
    ]
    digits = [end - start if text[start] <= "9" else 0 for start, end in runs]
    for first, (start, first_end) in enumerate(runs):
        size = digit_count = 0
        for index in range(first, min(first + _MOST_RUNS, len(runs))):
            if index > first and not adjoins[index - 1]:
                break
            begin, end = runs[index]
            size += end - begin
            digit_count += digits[index]
            if size > longest and not (index == first and text[start] == "0" and first_end - start <= 60):
                break
            if digit_count >= _FEWEST_DIGITS:
                yield start, end, size


def _is_whole_word(text: str, start: int, end: int) -> bool:
    before = start == 0 or not text[start - 1].isalnum()
    return before and (end == len(text) or not text[end].isalnum())


def _without_contained(found: list[Found]) -> list[Found]:
    """Leave out a find that lies inside a longer one; keep what different rules claim of the same stretch."""
    kept: list[Found] = []
    longest = (0, 0)
    for candidate in sorted(found, key=lambda find: (find.start, -find.end, find.rule)):
        stretch = (candidate.start, candidate.end)
        if candidate.end <= longest[1] and stretch != longest:
            continue
        longest = stretch
        kept.append(candidate)
    return kept
