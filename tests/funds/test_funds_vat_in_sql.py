"""The database and the Python rule reckon the same VAT, to the penny."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from django.db import connection

from ims.funds.rules import vat_within

RATES = [Decimal(rate) for rate in ("0", "0.05", "0.08", "0.15", "0.175", "0.2", "0.0001", "0.9999")]


def _amounts() -> list[Decimal]:
    chance = random.Random(20261120)
    small = [Decimal(value) / 100 for value in range(-1500, 1501)]
    ties = [Decimal(value * 100 + value % 7) / 100 * 3 for value in range(1, 400)]
    large = [Decimal(chance.randrange(-999_999_999_999, 999_999_999_999)) / 100 for _ in range(2_000)]
    return [*small, *ties, *large, Decimal("9999999999.99"), Decimal("-9999999999.99"), Decimal("49.95")]


@pytest.mark.django_db
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_sql_and_python_agree(rate):
    amounts = _amounts()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT amount, ims_vat_within(amount, %s) FROM unnest(%s::numeric[]) AS given (amount)", [rate, amounts]
        )
        rows = cursor.fetchall()
    assert len(rows) == len(amounts)
    differing = [
        (amount, by_sql, vat_within(amount, rate)) for amount, by_sql in rows if by_sql != vat_within(amount, rate)
    ]
    assert differing == []
