"""UK bank account modulus checking (Vocalink "Validating account numbers", v7.70).

A pass does not prove that the account exists; it finds most mistyped sort codes and account numbers. The weight
tables (VALACDOS.txt and SCSUBTAB.txt) belong to Vocalink and change several times a year: the operator loads
them, and IMS ships none. Without a row for a sort code nothing can be said, and the verdict says so.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ims.common.errors import InvalidInput

_ROW = re.compile(r"([0-9]{6})\s+([0-9]{6})\s+(MOD10|MOD11|DBLAL)((?:\s+-?[0-9]{1,4}){14})(?:\s+([0-9]{1,2}))?\s*")
_PAIR = re.compile(r"([0-9]{6})\s+([0-9]{6})\s*")
_SEPARATORS = re.compile(r"[\s-]")

_KNOWN_EXCEPTIONS = frozenset(range(15))
_EITHER_ROW_PASSES = frozenset({(2, 9), (10, 11), (12, 13)})

# Weights of exception 2, by whether the account's seventh digit (g) is 9.
_EXCEPTION_2_G_NOT_9 = (0, 0, 1, 2, 5, 3, 6, 4, 8, 7, 10, 9, 3, 1)
_EXCEPTION_2_G_9 = (0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 10, 9, 3, 1)
_EXCEPTION_8_SORT_CODE = "090126"
_EXCEPTION_9_SORT_CODE = "309634"


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One line of VALACDOS.txt. ``exception`` is 0 when the line has none."""

    start: str
    end: str
    method: Literal["MOD10", "MOD11", "DBLAL"]
    weights: tuple[int, ...]
    exception: int


@dataclass(frozen=True, slots=True)
class ModulusVerdict:
    """``exception_rule`` names the special rules met, such as "2 & 9"; empty when there were none.

    ``sort_code`` and ``account`` are the six and eight digits that were checked.
    """

    verdict: Literal["valid", "invalid", "not_checkable"]
    exception_rule: str
    explanation: str
    sort_code: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class ModulusTables:
    """The operator's weight tables, arranged for looking up by sort code."""

    _starts: tuple[str, ...]
    _rows: tuple[tuple[WeightRow, ...], ...]
    substitutes: Mapping[str, str]

    @classmethod
    def load(cls, valacdos_text: str, scsubtab_text: str = "") -> ModulusTables:
        """Read the published tables. Raises `InvalidInput` naming the line that cannot be read."""
        rows = []
        for number, line in enumerate(valacdos_text.splitlines(), start=1):
            text = line.strip("\x1a \t")
            if not text:
                continue
            match = _ROW.fullmatch(text)
            if not match or match[1] > match[2]:
                raise InvalidInput(
                    f"Line {number} of the modulus weight table cannot be read: “{line[:80]}”. "
                    "Load the file VALACDOS.txt as Vocalink publishes it."
                )
            weights = tuple(int(weight) for weight in match[4].split())
            rows.append(WeightRow(match[1], match[2], match[3], weights, int(match[5] or 0)))  # type: ignore[arg-type]
        if not rows:
            raise InvalidInput(
                "The modulus weight table is empty. Load the file VALACDOS.txt as Vocalink publishes it."
            )
        starts, segments = _segments(rows)
        return cls(starts, segments, MappingProxyType(_substitutes(scsubtab_text)))

    def rows_for(self, sort_code: str) -> tuple[WeightRow, ...]:
        """The rows that cover a sort code, in the order of the table: none, one or two."""
        index = bisect_right(self._starts, sort_code) - 1
        return self._rows[index] if index >= 0 else ()


def check(tables: ModulusTables, sort_code: str, account: str) -> ModulusVerdict:
    """Check a UK sort code and account number, both as a person types them.

    Raises `InvalidInput` when they are not a sort code and an account number at all.
    """
    sort_code, account = normalise(sort_code, account)
    rows = tables.rows_for(sort_code)
    if not rows:
        return ModulusVerdict(
            "not_checkable",
            "",
            f"The tables hold no rule for sort code {sort_code}, so the account number cannot be checked.",
            sort_code,
            account,
        )
    exceptions = tuple(row.exception for row in rows)
    rule = " & ".join(str(number) for number in dict.fromkeys(exceptions) if number)
    if not _KNOWN_EXCEPTIONS.issuperset(exceptions) or len(rows) > 2:
        reason = f"The tables use a rule (exception {rule}) that this version of IMS does not know. Update IMS."
        return ModulusVerdict("not_checkable", rule, reason, sort_code, account)
    if 6 in exceptions and "4" <= account[0] <= "8" and account[6] == account[7]:
        reason = "This is a foreign currency account, which cannot be checked and is accepted."
        return ModulusVerdict("valid", "6", reason, sort_code, account)
    valid, explanation = _check_rows(rows, exceptions, sort_code, account, tables.substitutes)
    return ModulusVerdict("valid" if valid else "invalid", rule, explanation, sort_code, account)


def normalise(sort_code: str, account: str) -> tuple[str, str]:
    """Six and eight digits from what banks print: 6, 7, 9 and 10 digit accounts are turned into eight.

    Raises `InvalidInput` for anything else.
    """
    code = _SEPARATORS.sub("", sort_code)
    number = _SEPARATORS.sub("", account)
    if not re.fullmatch("[0-9]{6}", code):
        raise InvalidInput(f"“{sort_code[:20]}” is not a sort code. Write six digits, such as 20-00-00.")
    if not re.fullmatch("[0-9]{6,10}", number):
        raise InvalidInput(f"“{account[:20]}” is not an account number. Write its six to ten digits.")
    if len(number) <= 8:
        return code, number.zfill(8)
    if len(number) == 9 and code[:2] in {"09", "72"}:  # Santander and the former Alliance & Leicester
        return code[:5] + number[0], number[1:]
    if len(number) == 10 and code[:2] == "08":  # The Co-operative Bank and Leeds Building Society
        return code, number[:8]
    if len(number) == 10 and (code[:2] == "01" or "50" <= code[:2] <= "66"):  # National Westminster Bank
        return code, number[2:]
    raise InvalidInput(
        f"“{account[:20]}” has {len(number)} digits, which the bank of sort code {code} does not use. "
        "Write the eight-digit account number."
    )


def _segments(rows: list[WeightRow]) -> tuple[tuple[str, ...], tuple[tuple[WeightRow, ...], ...]]:
    """Cut the sort codes into stretches that the same rows cover, so that a look-up is one bisection."""
    edges = sorted({int(row.start) for row in rows} | {int(row.end) + 1 for row in rows})
    members: list[list[WeightRow]] = [[] for _ in edges]
    for row in rows:
        for index in range(bisect_right(edges, int(row.start)) - 1, bisect_right(edges, int(row.end))):
            members[index].append(row)
    return tuple(f"{edge:06d}" for edge in edges if edge <= 999999), tuple(tuple(group) for group in members)


def _substitutes(text: str) -> dict[str, str]:
    pairs = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip("\x1a \t")
        if not stripped:
            continue
        match = _PAIR.fullmatch(stripped)
        if not match:
            raise InvalidInput(
                f"Line {number} of the sort code substitution table cannot be read: “{line[:80]}”. "
                "Load the file SCSUBTAB.txt as Vocalink publishes it."
            )
        pairs[match[1]] = match[2]
    return pairs


def _check_rows(
    rows: tuple[WeightRow, ...],
    exceptions: tuple[int, ...],
    sort_code: str,
    account: str,
    substitutes: Mapping[str, str],
) -> tuple[bool, str]:
    first = _row_passes(rows[0], sort_code, account, substitutes)
    either = exceptions in _EITHER_ROW_PASSES
    name = f"the {rows[0].method} check"
    if len(rows) == 1:
        return first, _sentence(first, name)
    second_name = f"the second ({rows[1].method}) check"
    if first and either:
        return True, f"It passes {name}, and one pass is enough for this sort code."
    if not first and not either:
        return False, _sentence(False, name)
    if exceptions[1] == 3 and account[2] in "69":
        return True, f"It passes {name}; the second is not asked of this account (its third digit is {account[2]})."
    second = _row_passes(rows[1], sort_code, account, substitutes)
    if either:
        return second, f"It fails {name} but passes the second, which is enough for this sort code." if second else (
            f"It fails both {name} and {second_name}."
        )
    return second, f"It passes {name} and {second_name}." if second else f"It passes {name} but fails {second_name}."


def _sentence(passed: bool, name: str) -> str:
    if passed:
        return f"It passes {name}."
    return f"It fails {name}: the sort code or the account number is mistyped."


def _row_passes(row: WeightRow, sort_code: str, account: str, substitutes: Mapping[str, str]) -> bool:
    code = _sort_code_to_use(row, sort_code, substitutes)
    weights = _weights_to_use(row, account)
    if row.exception == 14:
        return _coutts(code, account, weights)
    total = _TOTALS[row.method](code + account, weights)
    if row.exception == 1:
        total += 27
    if row.exception == 4:
        return total % 11 == int(account[6:])
    if row.exception == 5:
        return _check_digit_matches(row.method, total, account)
    return total % (11 if row.method == "MOD11" else 10) == 0


def _sort_code_to_use(row: WeightRow, sort_code: str, substitutes: Mapping[str, str]) -> str:
    if row.exception == 5:
        return substitutes.get(sort_code, sort_code)
    if row.exception == 8:
        return _EXCEPTION_8_SORT_CODE
    if row.exception == 9:
        return _EXCEPTION_9_SORT_CODE
    return sort_code


def _weights_to_use(row: WeightRow, account: str) -> tuple[int, ...]:
    seventh_is_9 = account[6] == "9"
    if row.exception == 2 and account[0] != "0":
        return _EXCEPTION_2_G_9 if seventh_is_9 else _EXCEPTION_2_G_NOT_9
    drops_leading = row.exception == 7 or (row.exception == 10 and account[:2] in {"09", "99"})
    if drops_leading and seventh_is_9:
        return (0,) * 8 + row.weights[8:]
    return row.weights


def _check_digit_matches(method: str, total: int, account: str) -> bool:
    """Exception 5: the remainder names the digit that must stand in the account."""
    if method == "DBLAL":
        return (10 - total % 10) % 10 == int(account[7])
    remainder = total % 11
    if remainder == 1:
        return False
    return (11 - remainder) % 11 == int(account[6])


def _coutts(sort_code: str, account: str, weights: tuple[int, ...]) -> bool:
    """Exception 14: an account with a one-digit suffix is checked again without it."""
    if _weighted_total(sort_code + account, weights) % 11 == 0:
        return True
    if account[7] not in "019":
        return False
    return _weighted_total(sort_code + "0" + account[:7], weights) % 11 == 0


def _weighted_total(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _digit_total(digits: str, weights: tuple[int, ...]) -> int:
    """DBLAL ("double alternate"): add the digits of each product rather than the products."""
    return sum(
        sum(int(part) for part in str(abs(int(digit) * weight))) for digit, weight in zip(digits, weights, strict=True)
    )


_TOTALS: dict[str, Callable[[str, tuple[int, ...]], int]] = {
    "MOD10": _weighted_total,
    "MOD11": _weighted_total,
    "DBLAL": _digit_total,
}
