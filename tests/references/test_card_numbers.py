"""Card numbers in text: found whatever their spelling, shown only masked, references left in peace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.references.card_numbers import card_numbers, passes_luhn


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111111111111111", "411111******1111"),
        ("PAID BY 4111 1111 1111 1111 THANKS", "411111******1111"),
        ("card 5555-5555-5555-4444.", "555555******4444"),
        ("378282246310005", "378282*****0005"),
        ("2223003122003222", "222300******3222"),
        ("x6011111111111117y", "601111******1117"),
    ],
)
def test_numbers_the_schemes_print_for_testing_are_found_and_masked(text, masked):
    assert list(card_numbers(text)) == [masked]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # wrong check digit
        "94111111111111111111111",  # part of a longer number
        "41111111 11111111 2026",  # a run of figures, no card
        "700123452",  # an account reference
        "1234567812345670",  # passes the check digit, but no scheme issues it
        "4444444444444444",  # filler
        "GB29 NWBK 6016 1331 9268 19",  # an account number
        "20261126 0900 12.34",
        "",
    ],
)
def test_what_is_none_is_left_in_peace(text):
    assert list(card_numbers(text)) == []


@given(st.text(alphabet="0123456789 -x", max_size=200))
def test_any_text_is_read_in_good_time_and_nothing_is_shown_in_full(text):
    for found in card_numbers(text):
        assert found.count("*") >= 3
        assert found not in text


def test_the_check_digit():
    assert passes_luhn("79927398713")
    assert not passes_luhn("79927398710")
