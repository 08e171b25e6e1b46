"""Check digits: the character in a reference that proves the others were copied right.

Two schemes are the ones councils bring with them from LocalGov IMS ("weighted_sum" and "dynix") and are
reproduced exactly, quirks included, so that a reference valid yesterday is valid today. The others are public
standards, computed by python-stdnum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Any

from stdnum import damm, luhn, verhoeff
from stdnum.iso7064 import mod_11_2, mod_11_10, mod_37_2, mod_37_36, mod_97_10

from ims.common.errors import InvalidInput

_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset("0123456789")

WEIGHTED_KINDS = ("weighted_sum", "dynix")

# kind → (how to compute the check characters, how many there are, characters the payload may hold)
_LIBRARY: dict[str, tuple[Callable[[str], str], int, frozenset[str]]] = {
    "luhn": (luhn.calc_check_digit, 1, _DIGITS),
    "verhoeff": (verhoeff.calc_check_digit, 1, _DIGITS),
    "damm": (damm.calc_check_digit, 1, _DIGITS),
    "iso7064_mod_11_2": (mod_11_2.calc_check_digit, 1, _DIGITS),
    "iso7064_mod_11_10": (mod_11_10.calc_check_digit, 1, _DIGITS),
    "iso7064_mod_37_2": (mod_37_2.calc_check_digit, 1, _ALPHANUMERIC),
    "iso7064_mod_37_36": (mod_37_36.calc_check_digit, 1, _ALPHANUMERIC),
    "iso7064_mod_97_10": (mod_97_10.calc_check_digits, 2, _ALPHANUMERIC),
}

KINDS = (*WEIGHTED_KINDS, "mod_11", *_LIBRARY)

_LONGEST_REFERENCE = 100
_LARGEST_NUMBER = 100_000
_CONFIG_KEYS = frozenset(
    {"kind", "modulus", "weightings", "prefix", "substitutions", "subtract", "position", "name", "description"}
)


@dataclass(frozen=True, slots=True)
class CheckDigitScheme:
    """How the check character of a reference is worked out.

    ``weightings`` count from the left, and for "weighted_sum" must cover the check character too (normally by a
    0). ``prefix`` overwrites that many leading characters before summing. ``substitutions`` turn a result into
    the character printed, as (result, character) pairs. ``position`` is where the check character stands, from 1;
    None means last.
    """

    kind: str
    modulus: int = 0
    weightings: tuple[int, ...] = ()
    prefix: str = ""
    substitutions: tuple[tuple[str, str], ...] = ()
    subtract: bool = False
    position: int | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CheckDigitScheme:
        """Build a scheme from JSON: ``{"kind": "weighted_sum", "modulus": 11, "weightings": "2,3,4", …}``.

        Raises `InvalidInput` naming the setting that is wrong. Blank weightings are accepted, because such a
        scheme has a meaning: it refuses every reference.
        """
        if not isinstance(config, Mapping):
            raise InvalidInput("A check digit is described by settings in braces, starting with “kind”.")
        unknown = sorted(str(key) for key in config if key not in _CONFIG_KEYS)
        if unknown:
            raise InvalidInput(
                f"“{unknown[0]}” is not a setting of a check digit. Use {', '.join(sorted(_CONFIG_KEYS))}."
            )
        kind = str(config.get("kind") or "")
        if kind not in KINDS:
            raise InvalidInput(f"“{kind}” is not a kind of check digit IMS knows. Use one of {', '.join(KINDS)}.")
        modulus = _whole_number(config.get("modulus"), "modulus")
        if kind in WEIGHTED_KINDS and not 1 <= modulus <= _LARGEST_NUMBER:
            raise InvalidInput(f"The modulus of a {kind} check digit must be a whole number from 1, such as 11.")
        position = _whole_number(config.get("position"), "position")
        if position < 0 or position > _LONGEST_REFERENCE:
            raise InvalidInput("The position of the check character counts from 1; leave it out when it stands last.")
        return cls(
            kind=kind,
            modulus=modulus,
            weightings=_weightings(config.get("weightings")),
            prefix=str(config.get("prefix") or ""),
            substitutions=_substitutions(config.get("substitutions")),
            subtract=_flag(config.get("subtract"), "subtract"),
            position=position or None,
        )

    def to_config(self) -> dict[str, Any]:
        """The JSON that `from_config` turns back into this scheme; settings left at their default are left out."""
        config: dict[str, Any] = {"kind": self.kind}
        if self.modulus:
            config["modulus"] = self.modulus
        if self.weightings:
            config["weightings"] = ",".join(str(weight) for weight in self.weightings)
        if self.prefix:
            config["prefix"] = self.prefix
        if self.substitutions:
            config["substitutions"] = ",".join(f"{result}:{character}" for result, character in self.substitutions)
        if self.subtract:
            config["subtract"] = True
        if self.position:
            config["position"] = self.position
        return config

    @property
    def length(self) -> int:
        """How many check characters the scheme has."""
        return _LIBRARY[self.kind][1] if self.kind in _LIBRARY else 1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether the check character is right, what it should be, what it is, and how that was worked out.

    ``expected`` is empty when nothing could be worked out; ``steps`` then says why.
    """

    valid: bool
    expected: str
    presented: str
    steps: tuple[str, ...]


def check(scheme: CheckDigitScheme, reference: str, *, position: int | None = None) -> CheckResult:
    """Work out the check character of ``reference`` and compare it with the one presented, exactly.

    ``position`` (from 1) overrides the scheme's own. Letters are compared as they are: give capitals. Never raises:
    a reference that cannot be worked out is not valid, and ``steps`` says why.
    """
    if not reference:
        return CheckResult(False, "", "", ("The reference is blank.",))
    if len(reference) > _LONGEST_REFERENCE:
        return CheckResult(False, "", "", (f"The reference is longer than {_LONGEST_REFERENCE} characters.",))
    start = (position or scheme.position or len(reference) - scheme.length + 1) - 1
    presented = reference[max(start, 0) : max(start, 0) + scheme.length]
    if start < 0 or len(presented) < scheme.length:
        reason = f"The reference is too short to have its check character at position {start + 1}."
        return CheckResult(False, "", "", (reason,))
    steps: list[str] = []
    expected = _expected(scheme, reference, start, steps)
    valid = bool(expected) and expected == presented
    if expected:
        comparison = "they agree" if valid else "they differ, so the reference is not valid"
        steps.append(f"The check character should be {expected}; the reference has {presented}: {comparison}.")
    return CheckResult(valid, expected, presented, tuple(steps))


def expected_character(scheme: CheckDigitScheme, reference: str, *, position: int | None = None) -> str:
    """The check character ``reference`` should have, or "" when none can be worked out."""
    return check(scheme, reference, position=position).expected


@lru_cache(maxsize=256)
def weighted_sum_characters(scheme: CheckDigitScheme) -> tuple[str, ...]:
    """For a "weighted_sum" scheme: the character printed for each remainder 0 … modulus − 1."""
    printed = dict(scheme.substitutions)
    results = (scheme.modulus - r if scheme.subtract else r for r in range(scheme.modulus))
    return tuple(printed.get(str(result), str(result)) for result in results)


def _expected(scheme: CheckDigitScheme, reference: str, start: int, steps: list[str]) -> str:
    if scheme.kind == "weighted_sum":
        return _weighted_sum(scheme, reference, steps)
    payload = reference[:start] + reference[start + scheme.length :]
    steps.append(f"Leave out the check character: {payload}.")
    if scheme.kind == "dynix":
        return _dynix(scheme, payload, steps)
    if scheme.kind == "mod_11":
        return _mod_11(scheme, payload, steps)
    return _from_library(scheme, payload, steps)


def _weighted_sum(scheme: CheckDigitScheme, reference: str, steps: list[str]) -> str:
    if not scheme.weightings:
        steps.append("The scheme has no weightings, so no reference can be valid.")
        return ""
    working = reference
    if scheme.prefix:
        if len(reference) < len(scheme.prefix):
            steps.append(f"The reference is shorter than the {len(scheme.prefix)} characters to be replaced.")
            return ""
        working = scheme.prefix + reference[len(scheme.prefix) :]
        steps.append(f"Replace the first {len(scheme.prefix)} characters by {scheme.prefix}: {working}.")
    digits = [(index, int(character)) for index, character in enumerate(working) if character in _DIGITS]
    beyond = next((index for index, _ in digits if index >= len(scheme.weightings)), None)
    if beyond is not None:
        steps.append(
            f"Position {beyond + 1} holds a digit but there are only {len(scheme.weightings)} weightings, "
            "so the reference cannot be valid."
        )
        return ""
    return _remainder(scheme, [(digit, scheme.weightings[index]) for index, digit in digits], steps)


def _remainder(scheme: CheckDigitScheme, products: Sequence[tuple[int, int]], steps: list[str]) -> str:
    total = sum(digit * weight for digit, weight in products)
    sum_text = " + ".join(f"{digit}×{weight}" for digit, weight in products) or "nothing"
    steps.append(f"Multiply each digit by its weighting and add: {sum_text} = {total}.")
    remainder = total % scheme.modulus
    steps.append(f"Divide {total} by {scheme.modulus}: the remainder is {remainder}.")
    return _printed(scheme, remainder, steps, subtract=scheme.subtract)


def _printed(scheme: CheckDigitScheme, remainder: int, steps: list[str], *, subtract: bool) -> str:
    result = remainder
    if subtract:
        result = scheme.modulus - remainder
        steps.append(f"Take the remainder from {scheme.modulus}: {scheme.modulus} − {remainder} = {result}.")
    character = dict(scheme.substitutions).get(str(result))
    if character is None:
        return str(result)
    steps.append(f"A result of {result} is printed as {character}.")
    return character


def _dynix(scheme: CheckDigitScheme, payload: str, steps: list[str]) -> str:
    if not scheme.weightings:
        steps.append("The scheme has no weightings, so no reference can be valid.")
        return ""
    values: list[int] = []
    for index, character in enumerate(payload):
        if character not in _DIGITS:
            continue
        digit = int(character)
        if index % 2:
            values.append(digit)
            continue
        if index >= len(scheme.weightings):
            steps.append(f"Position {index + 1} holds a digit but has no weighting, so the reference cannot be valid.")
            return ""
        value = digit * scheme.weightings[index]
        if value > 10:
            value -= 10
        values.append(value + 1 if digit > 4 else value)
    total = sum(values)
    steps.append(
        "Weigh the digits in positions 1, 3, 5 … (less 10 above 10, plus 1 for a digit over 4) and add the others "
        f"as they are: {' + '.join(map(str, values)) or 'nothing'} = {total}."
    )
    remainder = total % scheme.modulus
    steps.append(f"Divide {total} by {scheme.modulus}: the remainder is {remainder}.")
    return _printed(scheme, remainder, steps, subtract=True)


def _mod_11(scheme: CheckDigitScheme, payload: str, steps: list[str]) -> str:
    """Weights 2, 3, 4 … from the right, without end; a result of 11 prints 0 and 10 prints X (as in an ISBN-10)."""
    if not payload or any(character not in _DIGITS for character in payload):
        steps.append("Every character before the check character must be a digit.")
        return ""
    weights = range(len(payload) + 1, 1, -1)
    total = sum(map(mul, map(int, payload), weights))
    steps.append(f"Multiply the digits by {len(payload) + 1} … 3, 2 from the left and add: {total}.")
    result = 11 - total % 11
    steps.append(f"Take the remainder of {total} divided by 11 from 11: {result}.")
    default = {"10": "X", "11": "0"}.get(str(result), str(result))
    return dict(scheme.substitutions).get(str(result), default)


def _from_library(scheme: CheckDigitScheme, payload: str, steps: list[str]) -> str:
    calculate, _length, allowed = _LIBRARY[scheme.kind]
    refused = next((character for character in payload if character not in allowed), None)
    if not payload or refused is not None:
        kinds = "digits" if allowed is _DIGITS else "digits and capital letters"
        steps.append(f"Every character before the check character must be one of the {kinds}.")
        return ""
    result = calculate(payload)
    steps.append(f"By the {_title(scheme.kind)} rule the check character of {payload} is {result}.")
    return dict(scheme.substitutions).get(result, result)


def _title(kind: str) -> str:
    if kind.startswith("iso7064_mod_"):
        return "ISO 7064 MOD " + kind.removeprefix("iso7064_mod_").replace("_", "-")
    return kind.capitalize()


def _whole_number(value: object, setting: str) -> int:
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidInput(f"The {setting} of a check digit must be a whole number, not “{value}”.")
    return _integer(str(value), f"The {setting} of a check digit")


def _integer(text: str, what: str) -> int:
    cleaned = text.strip()
    digits = cleaned.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 6:
        raise InvalidInput(f"{what} must be a whole number, not “{text}”.")
    return int(cleaned)


def _weightings(value: object) -> tuple[int, ...]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence):
        raise InvalidInput("Weightings are whole numbers separated by commas, such as 9,8,7,6,5,4,3,2,1,0.")
    if len(parts) > _LONGEST_REFERENCE:
        raise InvalidInput(f"There can be at most {_LONGEST_REFERENCE} weightings.")
    return tuple(_integer(str(part), "Each weighting") for part in parts)


def _substitutions(value: object) -> tuple[tuple[str, str], ...]:
    if not value:
        return ()
    if isinstance(value, Mapping):
        return tuple((str(result), str(character)) for result, character in value.items())
    if not isinstance(value, str):
        raise InvalidInput("Substitutions are written as result:character pairs, such as 10:A,11:0.")
    pairs = []
    for part in value.split(","):
        result, colon, character = part.strip().partition(":")
        if not colon or not result.strip() or not character.strip():
            raise InvalidInput(f"“{part}” is not a substitution. Write result:character pairs, such as 10:A,11:0.")
        pairs.append((result.strip(), character.strip()))
    return tuple(pairs)


def _flag(value: object, setting: str) -> bool:
    if isinstance(value, bool):
        return value
    text = "" if value is None else str(value).strip().lower()
    if text in {"", "false", "no", "0"}:
        return False
    if text in {"true", "yes", "1"}:
        return True
    raise InvalidInput(f"The setting “{setting}” must be true or false, not “{value}”.")
