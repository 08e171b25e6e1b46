"""VAT, general ledger codes and working days, decided without a database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.common.errors import InvalidInput
from ims.funds.rules import (
    Mapping,
    choose_mapping,
    next_working_day,
    previous_working_day,
    vat_for_line,
    vat_within,
    working_days_between,
)

pence = st.decimals(min_value="-9999999999.99", max_value="9999999999.99", places=2)
rates = st.decimals(min_value=0, max_value="0.9999", places=4)


@pytest.mark.parametrize(
    ("amount", "vat"),
    [
        ("60.00", "10.00"),
        ("25.00", "4.17"),
        ("1.00", "0.17"),
        ("-7.50", "-1.25"),
        ("10.00", "1.67"),
        ("-10.00", "-1.67"),
        ("49.95", "8.32"),  # exactly 8.325: half to even
        ("50.01", "8.34"),  # exactly 8.335: half to even
        ("0.00", "0.00"),
    ],
)
def test_vat_within_at_twenty_per_cent(amount, vat):
    """Scenarios 19 and 22."""
    assert vat_within(Decimal(amount), Decimal("0.2")) == Decimal(vat)


@given(pence, rates)
def test_vat_lies_within_the_amount_and_mirrors(amount, rate):
    vat = vat_within(amount, rate)
    assert abs(vat) <= abs(amount)
    assert vat == -vat_within(-amount, rate)
    assert abs((amount - amount / (1 + rate)) - vat) <= Decimal("0.005000001")


def test_finer_than_a_penny_is_refused():
    with pytest.raises(InvalidInput, match="2 decimal places"):
        vat_within(Decimal("10.005"), Decimal("0.2"))
    with pytest.raises(InvalidInput, match="4 decimal places"):
        vat_within(Decimal("10.00"), Decimal("0.20001"))


@pytest.mark.parametrize(
    ("override", "requested", "code", "refused"),
    [
        (False, "", "W0", False),
        (False, "W0", "W0", False),
        (False, "Z0", "W0", True),
        (True, "Z0", "Z0", False),
    ],
)
def test_the_vat_code_of_a_line(override, requested, code, refused):
    """Scenarios 20 and 21."""
    choice = vat_for_line(fund="31", fund_vat_code="W0", may_be_overridden=override, requested=requested)
    assert choice.code == code
    assert bool(choice.refusal) is refused


DAY = date(2026, 11, 20)


def _mapping(gl_code: str, **parts: object) -> Mapping:
    return Mapping(**{"side": "income", "gl_code": gl_code, "valid_from": date(2020, 4, 1), **parts})


def test_the_most_specific_mapping_wins():
    mappings = [
        _mapping("any"),
        _mapping("method", method_of_payment="28"),
        _mapping("fund", fund="23"),
        _mapping("fund and office", fund="23", office="WP"),
        _mapping("three", method_of_payment="28", office="WP", vat_code="N0"),
        _mapping("another fund", fund="5", method_of_payment="28", office="WP", vat_code="N0"),
    ]

    def chosen(**line: str) -> str:
        return choose_mapping(mappings, side="income", day=DAY, **line).gl_code

    assert chosen(fund="99") == "any"
    assert chosen(fund="23") == "fund"
    assert chosen(fund="23", method_of_payment="28") == "fund"
    assert chosen(fund="23", office="WP") == "fund and office"
    assert chosen(fund="23", method_of_payment="28", office="WP", vat_code="N0") == "three"


def test_a_mapping_counts_only_on_its_days_and_side():
    ended = _mapping("old", valid_to=date(2026, 11, 19))
    begins = _mapping("new", valid_from=date(2026, 11, 20))
    assert choose_mapping([ended, begins], side="income", day=date(2026, 11, 19)).gl_code == "old"
    assert choose_mapping([ended, begins], side="income", day=DAY).gl_code == "new"
    assert choose_mapping([ended, begins], side="control", day=DAY) is None


def test_working_days_pass_over_weekends_and_holidays():
    holidays = {date(2026, 12, 25), date(2026, 12, 28)}
    assert next_working_day(date(2026, 12, 24), holidays) == date(2026, 12, 29)
    assert previous_working_day(date(2026, 12, 29), holidays) == date(2026, 12, 24)
    assert working_days_between(date(2026, 12, 24), date(2026, 12, 29), holidays) == 1
    assert working_days_between(date(2026, 11, 20), date(2026, 11, 20), holidays) == 0
    assert working_days_between(date(2026, 11, 20), date(2026, 11, 27), holidays) == 5


@given(st.dates(date(2024, 1, 1), date(2028, 6, 1)), st.integers(0, 40))
def test_the_age_in_working_days_never_falls(first, days):
    from datetime import timedelta

    last = first + timedelta(days=days)
    age = working_days_between(first, last, frozenset())
    assert 0 <= working_days_between(first, last + timedelta(days=1), frozenset()) - age <= 1
