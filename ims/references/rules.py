"""Whether an account reference is written as its fund says it must be.

The order of the checks (length, characters, pattern, mask, check digit) and the mask characters are those of
LocalGov IMS, so that a council's rules move over unchanged:

=====  ==========================================================
``$``  a letter
``#``  a digit
``?``  a letter or a digit
``*``  a letter, digit, space, ``/`` or ``-``
``@``  the check character of the whole reference
other  that very character
=====  ==========================================================

Letters are A to Z; the reference is put in capitals before the mask is applied. A reference shorter than its mask
passes the mask (length is its own check); a longer one fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Any

import regex

from ims.common.errors import InvalidInput
from ims.common.patterns import pattern_fault
from ims.references.check_digits import CheckDigitScheme, check, weighted_sum_characters

PATTERN_SECONDS = 0.1
"""How long a council's own pattern may work on one reference."""

_LONGEST_PATTERN = 200
_LONGEST_MASK = 100
_TIMEOUTS_BEFORE_GIVING_UP = 3

CHARACTER_TYPES: dict[str, tuple[str, str]] = {
    # name → (pattern, what it is called)
    "alpha": (r"[A-Za-z]+", "letters only"),
    "alpha_space": (r"[A-Za-z\s]+", "letters and spaces only"),
    "numeric": (r"[0-9]+", "digits only"),
    "numeric_space": (r"[0-9\s]+", "digits and spaces only"),
    "alphanumeric": (r"[A-Za-z0-9]+", "letters and digits only"),
    "alphanumeric_space": (r"[A-Za-z0-9\s]+", "letters, digits and spaces only"),
}

_MASK = {
    "$": ("[A-Z]", "a letter"),
    "#": ("[0-9]", "a digit"),
    "?": ("[A-Z0-9]", "a letter or a digit"),
    "*": ("[A-Z0-9 /-]", "a letter, a digit, a space, “/” or “-”"),
    "@": (".", "the check digit"),
}

_CONFIG_KEYS = frozenset({"min", "max", "characters", "regex", "mask", "check_digit", "name", "description"})
_CAPITALS = {ord(letter): ord(letter.upper()) for letter in "abcdefghijklmnopqrstuvwxyz"}
_DIGIT_VALUES = bytes(byte - 48 if 48 <= byte <= 57 else 0 for byte in range(256))


@dataclass(frozen=True, slots=True)
class ReferenceRule:
    """What a fund's references look like. Empty parts are not checked; ``max`` None means no upper limit.

    A blank reference is refused whatever the rule, but for one of spaces alone that a mask accepts while no length is
    asked for.
    """

    min: int = 0
    max: int | None = None
    characters: str = ""
    regex: str = ""
    mask: str = ""
    check_digit: CheckDigitScheme | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ReferenceRule:
        """Build a rule from JSON: ``{"min": 10, "max": 10, "characters": "numeric", "mask": "BJ#######@", …}``.

        Raises `InvalidInput` naming the setting that is wrong.
        """
        if not isinstance(config, Mapping):
            raise InvalidInput("A reference rule is described by settings in braces, such as “min” and “mask”.")
        unknown = sorted(str(key) for key in config if key not in _CONFIG_KEYS)
        if unknown:
            raise InvalidInput(
                f"“{unknown[0]}” is not a setting of a reference rule. Use {', '.join(sorted(_CONFIG_KEYS))}."
            )
        scheme = config.get("check_digit")
        rule = cls(
            min=_length(config.get("min"), "min", 0) or 0,
            max=_length(config.get("max"), "max", None),
            characters=str(config.get("characters") or ""),
            regex=str(config.get("regex") or ""),
            mask=str(config.get("mask") or ""),
            check_digit=CheckDigitScheme.from_config(scheme) if scheme else None,
        )
        problems = _faults(rule)
        if problems:
            raise InvalidInput(problems[0], details=problems)
        return rule

    def to_config(self) -> dict[str, Any]:
        """The JSON that `from_config` turns back into this rule; parts that check nothing are left out."""
        config: dict[str, Any] = {"min": self.min}
        if self.max is not None:
            config["max"] = self.max
        for key in ("characters", "regex", "mask"):
            if getattr(self, key):
                config[key] = getattr(self, key)
        if self.check_digit is not None:
            config["check_digit"] = self.check_digit.to_config()
        return config


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the reference is right; when it is not, ``reason`` is a sentence that says what was expected.

    ``gave_up`` when the pattern ran out of time, so that nothing is known of the reference. ``fault`` names the failed
    part for those who word it themselves (the public must not be told which check digit would have been right):
    blank, too_short, too_long, characters, pattern, mask (with the ``position``, from 1, and the mask's ``wanted``
    character there), check_digit or too_slow.
    """

    valid: bool
    reason: str = ""
    gave_up: bool = False
    fault: str = ""
    position: int = 0
    wanted: str = ""


VALID = Verdict(True)


def validate_rule(rule: ReferenceRule) -> list[str]:
    """What is wrong with the rule itself, one sentence for each fault; empty when it is fit for use.

    Stricter than `from_config`, which accepts a check digit scheme that the mask never asks for (LocalGov IMS
    does, and never runs it): a person who designs a rule should be told.
    """
    problems = _faults(rule)
    if rule.mask and "@" not in rule.mask and rule.check_digit is not None:
        problems.append(
            "The rule has a check digit scheme but its mask has no @, so the check digit is never looked at. "
            "Put @ where the check digit stands, or remove the scheme."
        )
    return problems


def _faults(rule: ReferenceRule) -> list[str]:
    problems = _unusable(rule)
    if rule.min < 0 or (rule.max is not None and rule.max < max(rule.min, 1)):
        problems.append(f"The shortest length ({rule.min}) must not be more than the longest ({rule.max}).")
    if "@" in rule.mask and rule.check_digit is None:
        problems.append("The mask has an @ (check digit) but the rule has no check digit scheme. Choose a scheme.")
    return problems


def _unusable(rule: ReferenceRule) -> list[str]:
    """Faults that leave nothing to run."""
    problems = []
    if rule.characters and rule.characters not in CHARACTER_TYPES:
        problems.append(f"“{rule.characters}” is not a kind of characters. Use one of {', '.join(CHARACTER_TYPES)}.")
    if len(rule.regex) > _LONGEST_PATTERN:
        problems.append(f"The pattern is longer than {_LONGEST_PATTERN} characters. Write a shorter one.")
    elif rule.regex and (fault := pattern_fault(rule.regex)):
        problems.append(fault)
    if len(rule.mask) > _LONGEST_MASK:
        problems.append(f"The mask is longer than {_LONGEST_MASK} characters. Write a shorter one.")
    return problems


def check_reference(rule: ReferenceRule, reference: str) -> Verdict:
    """Check one reference; the first failure decides. Never raises and never hangs, whatever the pattern."""
    return _compiled(rule).check(reference)


def checker(rule: ReferenceRule) -> Callable[[str], Verdict]:
    """`check_reference` for one rule, looked up once: for callers that check reference after reference."""
    return _compiled(rule).check


def check_many(rule: ReferenceRule, references: Iterable[str]) -> list[Verdict]:
    """Check many references against one rule, in order. After a few that exhaust the pattern's time limit the
    pattern is given up and the rest are refused with the same reason, so that a bad pattern cannot stall a file.
    """
    compiled = _compiled(rule)
    if not rule.regex:
        check_one = compiled.check
        return [check_one(reference) for reference in references]
    verdicts = []
    timeouts = 0
    for reference in references:
        if timeouts >= _TIMEOUTS_BEFORE_GIVING_UP:
            verdicts.append(compiled.too_slow(reference))
            continue
        verdict = compiled.check(reference)
        timeouts += verdict.gave_up
        verdicts.append(verdict)
    return verdicts


class _CompiledRule:
    """The rule with its patterns and tables worked out once."""

    def __init__(self, rule: ReferenceRule) -> None:
        self._rule = rule
        self._shortest = max(rule.min, 1)
        self._longest = rule.max if rule.max is not None else 10_000
        self._spaces_pass = rule.min == 0 and rule.max is None and bool(rule.mask)
        self._characters = re.compile(CHARACTER_TYPES[rule.characters][0]) if rule.characters else None
        self._pattern = regex.compile(rule.regex) if rule.regex else None
        self._mask = re.compile(_mask_pattern(rule.mask), re.DOTALL) if rule.mask else None
        self._positions = _check_positions(rule)
        scheme = rule.check_digit
        self._fast = (
            scheme is not None
            and scheme.kind == "weighted_sum"
            and bool(scheme.weightings)
            and scheme.prefix.isascii()
            and self._positions is not None
            and len(self._positions) == 1
        )
        if scheme is not None and self._fast:
            self._weightings = scheme.weightings
            self._modulus = scheme.modulus
            self._prefix = scheme.prefix.encode("ascii").translate(_DIGIT_VALUES)
            self._characters_by_remainder = weighted_sum_characters(scheme)
            self._position = self._positions[0] if self._positions else -1

    def check(self, reference: str) -> Verdict:
        length = len(reference)
        if not self._shortest <= length <= self._longest or (reference.isspace() and not self._spaces_pass):
            return self._wrong_length(reference)
        if self._characters is not None and not self._characters.fullmatch(reference):
            return self._wrong_characters(reference)
        if self._pattern is not None:
            verdict = self._match_pattern(reference)
            if verdict is not None:
                return verdict
        capitals = reference.upper() if reference.isascii() else reference.translate(_CAPITALS)
        if self._mask is not None and not self._mask.fullmatch(capitals):
            return self._wrong_mask(reference, capitals)
        if self._positions is None:
            return VALID
        if self._fast:
            expected = self._expected_fast(capitals)
            if expected:
                presented = capitals[self._position]
                return VALID if expected == presented else self._wrong_digit(reference, presented, expected)
        return self._check_digit(reference, capitals)

    def too_slow(self, reference: str) -> Verdict:
        return Verdict(
            False,
            f"“{_shown(reference)}” could not be checked: the pattern “{self._rule.regex}” takes too long to test. "
            "Ask whoever looks after the rule to simplify the pattern.",
            gave_up=True,
            fault="too_slow",
        )

    def _expected_fast(self, capitals: str) -> str:
        """The weighted check character, or "" for anything unusual, which is left to the path that explains."""
        length = len(capitals)
        if length > len(self._weightings) or length < len(self._prefix) or length <= self._position:
            return ""
        if not capitals.isascii():
            return ""
        values = capitals.encode("ascii").translate(_DIGIT_VALUES)
        if self._prefix:
            values = self._prefix + values[len(self._prefix) :]
        return self._characters_by_remainder[sum(map(mul, values, self._weightings)) % self._modulus]

    def _check_digit(self, reference: str, capitals: str) -> Verdict:
        scheme = self._rule.check_digit
        if scheme is None:
            return Verdict(
                False,
                f"“{_shown(reference)}” cannot be checked: the rule has no check digit scheme.",
                fault="check_digit",
            )
        for position in self._positions or ():
            if position >= len(capitals):
                continue  # a reference shorter than its mask is not asked for what it does not have
            result = check(scheme, capitals, position=position + 1 if position >= 0 else None)
            if result.valid:
                continue
            if not result.expected:
                return Verdict(
                    False,
                    f"“{_shown(reference)}” has no valid check digit. {result.steps[-1]}",
                    fault="check_digit",
                )
            return self._wrong_digit(reference, result.presented, result.expected)
        return VALID

    @staticmethod
    def _wrong_digit(reference: str, presented: str, expected: str) -> Verdict:
        return Verdict(
            False,
            f"“{_shown(reference)}” has the check digit {presented}, but {expected} is expected. "
            "Compare the reference with the bill.",
            fault="check_digit",
        )

    def _match_pattern(self, reference: str) -> Verdict | None:
        try:
            found = self._pattern.search(reference, timeout=PATTERN_SECONDS)
        except (TimeoutError, MemoryError, RecursionError):
            return self.too_slow(reference)
        if found:
            return None
        return Verdict(False, f"“{_shown(reference)}” does not fit the pattern “{self._rule.regex}”.", fault="pattern")

    def _wrong_length(self, reference: str) -> Verdict:
        rule = self._rule
        if not reference or reference.isspace():
            return Verdict(False, "The reference is blank. Enter the account reference.", fault="blank")
        if rule.min == rule.max:
            expected = f"exactly {rule.min}"
        elif rule.max is None:
            expected = f"at least {self._shortest}"
        else:
            expected = f"{self._shortest} to {rule.max}"
        return Verdict(
            False,
            f"“{_shown(reference)}” has {len(reference)} characters; {expected} are expected.",
            fault="too_short" if len(reference) < self._shortest else "too_long",
        )

    def _wrong_characters(self, reference: str) -> Verdict:
        name = CHARACTER_TYPES[self._rule.characters][1]
        return Verdict(
            False,
            f"“{_shown(reference)}” has a character that is not allowed; {name} are expected.",
            fault="characters",
        )

    def _wrong_mask(self, reference: str, capitals: str) -> Verdict:
        mask = self._rule.mask.translate(_CAPITALS)
        if len(capitals) > len(mask):
            return Verdict(
                False,
                f"“{_shown(reference)}” is longer than the {len(mask)} characters of the mask {mask}.",
                fault="too_long",
            )
        for position, (character, wanted) in enumerate(zip(capitals, mask, strict=False), start=1):
            pattern, name = _MASK.get(wanted, (re.escape(wanted), f"“{wanted}”"))
            if not re.fullmatch(pattern, character, re.DOTALL):
                return Verdict(
                    False,
                    f"“{_shown(reference)}” has “{character}” at position {position}, where {name} is expected "
                    f"(mask {mask}).",
                    fault="mask",
                    position=position,
                    wanted=wanted,
                )
        return Verdict(False, f"“{_shown(reference)}” does not fit the mask {mask}.", fault="mask")


@lru_cache(maxsize=512)
def _compiled(rule: ReferenceRule) -> _CompiledRule:
    problems = _unusable(rule)
    if problems:
        raise InvalidInput(problems[0], details=problems)
    return _CompiledRule(rule)


def _check_positions(rule: ReferenceRule) -> tuple[int, ...] | None:
    """Indexes of the check characters (−1: wherever the scheme says); None when none is to be checked."""
    if rule.mask:
        positions = tuple(index for index, character in enumerate(rule.mask) if character == "@")
        return positions or None
    if rule.check_digit is None:
        return None
    return (rule.check_digit.position - 1,) if rule.check_digit.position else (-1,)


def _mask_pattern(mask: str) -> str:
    """One pattern for the whole mask in which every tail is optional: shorter references pass."""
    pattern = ""
    for character in reversed(mask.translate(_CAPITALS)):
        single = _MASK[character][0] if character in _MASK else re.escape(character)
        pattern = f"(?:{single}{pattern})?" if pattern else f"{single}?"
    return pattern


def _length(value: object, setting: str, default: int | None) -> int | None:
    if value is None or value == "":
        return default
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or int(text[:6]) > 1000:
        raise InvalidInput(f"“{setting}” must be a whole number of characters, not “{value}”.")
    return int(text[:6])


def _shown(reference: str) -> str:
    """The reference as it may be shown in a sentence: short, on one line."""
    if reference.isprintable() and len(reference) <= 60:
        return reference
    text = "".join(character if character.isprintable() else "�" for character in reference[:60])
    return text + "…" if len(reference) > 60 else text
