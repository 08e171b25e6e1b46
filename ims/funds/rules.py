"""Decisions about codes, VAT and working days. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ims.common.errors import InvalidInput
from ims.common.money import ZERO

SATURDAY = 5
_LONGEST_SEARCH = 366


def vat_within(amount: Decimal, rate: Decimal) -> Decimal:
    """The VAT within `amount` (which includes it) at `rate`, a fraction: amount − amount ÷ (1 + rate).

    Rounded half to even, reckoned in whole pence and ten-thousandths so that a tie is a tie; a negative amount holds
    negative VAT. The same rule as the database's `ims_vat_within`. `amount` has at most two decimal places, `rate`
    at most four; anything finer raises `InvalidInput`.
    """
    pence, rate_units = _scaled(amount, 100, "An amount", 2), _scaled(rate, 10_000, "A VAT rate", 4)
    if rate_units < 0:
        raise InvalidInput(f"A VAT rate cannot be negative, like {rate}.")
    if rate_units == 0 or pence == 0:
        return ZERO
    divisor = 10_000 + rate_units
    quotient, remainder = divmod(abs(pence) * rate_units, divisor)
    if 2 * remainder > divisor or (2 * remainder == divisor and quotient % 2 == 1):
        quotient += 1
    return Decimal(quotient if pence > 0 else -quotient).scaleb(-2).quantize(ZERO)


def _scaled(value: Decimal, factor: int, name: str, places: int) -> int:
    scaled = value * factor
    if scaled != scaled.to_integral_value():
        raise InvalidInput(f"{name} has at most {places} decimal places, unlike {value}.")
    return int(scaled)


@dataclass(frozen=True)
class VatChoice:
    """The VAT code a line will carry. `refusal` says why the code that was asked for cannot be had; else empty."""

    code: str
    refusal: str = ""


def vat_for_line(*, fund: str, fund_vat_code: str, may_be_overridden: bool, requested: str) -> VatChoice:
    """Which VAT code a line of `fund` carries when `requested` was asked for ("" asks for nothing).

    One rule for every way in: without permission to override, the line carries the fund's code, and the choice says
    so, for faces that refuse instead of putting right (a person at a form) and those that put right (a file).
    """
    if not requested or requested == fund_vat_code:
        return VatChoice(fund_vat_code)
    if may_be_overridden:
        return VatChoice(requested)
    return VatChoice(
        fund_vat_code,
        f"Fund {fund} always carries VAT code {fund_vat_code}; {requested} cannot be used. "
        f"Use {fund_vat_code}, or leave the VAT code empty.",
    )


@dataclass(frozen=True)
class Mapping:
    """One general ledger mapping. Empty parts stand for any; both dates are included, None is for ever."""

    side: str
    gl_code: str
    valid_from: date
    valid_to: date | None = None
    fund: str = ""
    method_of_payment: str = ""
    office: str = ""
    vat_code: str = ""
    cost_centre: str = ""


_WEIGHTS = (("fund", 8), ("method_of_payment", 4), ("office", 2), ("vat_code", 1))
"""What decides between mappings that name equally many parts: the fund first, then the method, and so on."""


def choose_mapping(
    mappings: Iterable[Mapping],
    *,
    side: str,
    day: date,
    fund: str = "",
    method_of_payment: str = "",
    office: str = "",
    vat_code: str = "",
) -> Mapping | None:
    """The most specific mapping that fits on `day`; None when none does.

    A mapping fits when each part it names is the line's. The one that names more parts wins; of those that name as
    many, fund counts for more than method of payment, that for more than office, that for more than VAT code, so two
    mappings that fit never tie.
    """
    line = {"fund": fund, "method_of_payment": method_of_payment, "office": office, "vat_code": vat_code}
    fitting = [
        mapping
        for mapping in mappings
        if mapping.side == side
        and mapping.valid_from <= day
        and (mapping.valid_to is None or day <= mapping.valid_to)
        and all(getattr(mapping, part) in ("", line[part]) for part in line)
    ]
    return max(fitting, key=_specificity, default=None)


def _specificity(mapping: Mapping) -> tuple[int, int]:
    named = [weight for part, weight in _WEIGHTS if getattr(mapping, part)]
    return len(named), sum(named)


def is_working_day(day: date, holidays: Collection[date]) -> bool:
    """Whether banks work on `day`: Monday to Friday, not a bank holiday."""
    return day.weekday() < SATURDAY and day not in holidays


def next_working_day(day: date, holidays: Collection[date]) -> date:
    """The first working day after `day`."""
    for offset in range(1, _LONGEST_SEARCH):
        candidate = day + timedelta(days=offset)
        if is_working_day(candidate, holidays):
            return candidate
    raise InvalidInput(f"There is no working day in the year after {day:%-d %b %Y}. Check the bank holidays.")


def previous_working_day(day: date, holidays: Collection[date]) -> date:
    """The last working day before `day`."""
    for offset in range(1, _LONGEST_SEARCH):
        candidate = day - timedelta(days=offset)
        if is_working_day(candidate, holidays):
            return candidate
    raise InvalidInput(f"There is no working day in the year before {day:%-d %b %Y}. Check the bank holidays.")


def working_days_between(first: date, last: date, holidays: Collection[date]) -> int:
    """Working days after `first` up to and including `last`: the age in working days of what arrived on `first`.

    Zero when `last` is not after `first`.
    """
    return sum(is_working_day(first + timedelta(days=offset), holidays) for offset in range(1, (last - first).days + 1))
