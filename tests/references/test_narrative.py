import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.references.narrative import Found, find_references
from ims.references.rules import ReferenceRule

RULES = {
    name: ReferenceRule.from_config(config)
    for name, config in {
        "council tax": {
            "min": 9,
            "max": 9,
            "mask": "########@",
            "check_digit": {
                "kind": "weighted_sum",
                "modulus": 10,
                "weightings": "3,7,1,3,7,1,3,7,0",
                "substitutions": "10:0",
                "subtract": True,
            },
        },
        "parking": {
            "min": 10,
            "max": 10,
            "mask": "BJ#######@",
            "check_digit": {
                "kind": "weighted_sum",
                "modulus": 11,
                "prefix": "05",
                "weightings": "9,8,7,6,5,4,3,2,1,0",
                "substitutions": "10:A",
            },
        },
        "benefit": {"min": 8, "max": 8, "regex": r"^7\d{7}$"},
        "landlord": {"min": 13, "max": 13, "mask": "ALS/####/####"},
        "anything": {"min": 1, "max": 30, "mask": "*" * 30},
    }.items()
}


def references(text: str) -> list[tuple[str, str, bool]]:
    return [(found.rule, found.reference, found.exact) for found in find_references(text, RULES)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("700123452 MR A PAYER", [("council tax", "700123452", True)]),
        ("CTAX700123452", [("council tax", "700123452", False)]),
        ("7001 2345-2 SMITH", [("council tax", "700123452", False)]),
        ("bj 1234567 3 thanks", [("parking", "BJ12345673", False)]),
        ("REF:700123453", []),
        ("000700123452", [("council tax", "700123452", False)]),
        ("als 1234 5678 rent", [("landlord", "ALS/1234/5678", False)]),
        ("ALS/1234/5678", [("landlord", "ALS/1234/5678", True)]),
        ("PAID 01/04/2026 71234567", [("benefit", "71234567", True)]),
        ("BJ12345673 AND 700123452", [("parking", "BJ12345673", True), ("council tax", "700123452", True)]),
        ("7001234529", []),
        ("", []),
    ],
)
def test_references_are_found_however_they_are_written(text, expected):
    assert references(text) == expected


def test_two_rules_that_fit_are_both_reported():
    twins = {"rents": RULES["council tax"], "tax": RULES["council tax"]}

    assert [found.rule for found in find_references("700123452", twins)] == ["rents", "tax"]


def test_a_date_is_not_a_reference():
    rules = {"any eight": ReferenceRule.from_config({"min": 8, "max": 8, "regex": r"^\d{8}$"})}

    assert find_references("01/04/2026", rules) == []
    assert find_references("2026-04-01", rules) == []
    assert find_references("0104 2026", rules) == [Found("any eight", "01042026", 0, 9, False)]


@pytest.mark.parametrize("unit", ["A1", "1 ", "0", "7", "1-/ .", "BJ", "BJ7 ", "700123452"])
def test_hostile_text_is_searched_in_no_time(unit):
    started = time.process_time()

    find_references(unit * 20_000, RULES)

    assert time.process_time() - started < 1


def test_a_catastrophic_pattern_does_not_stall_the_search(monkeypatch):
    monkeypatch.setattr("ims.references.rules.PATTERN_SECONDS", 0.000_000_1)
    rules = {"slow": ReferenceRule.from_config({"min": 5, "max": 40, "regex": r"^((1|2|12)*)*x"})}
    started = time.process_time()

    find_references("1212121212 " * 90, rules)

    assert time.process_time() - started < 1


@given(st.text(max_size=300))
def test_any_text_can_be_searched(text):
    for found in find_references(text, RULES):
        assert 0 <= found.start < found.end <= len(text)
        assert found.rule in RULES


@given(
    st.integers(0, 10**7 - 1),
    st.sampled_from(["", "CTAX ", "REF:", "MR SMITH "]),
    st.sampled_from(["", " ", "-", "/"]),
    st.sampled_from(["", " THANK YOU", ".", " X"]),
)
def test_a_right_reference_is_found_through_noise(number, before, gap, after):
    from ims.references.check_digits import expected_character

    stem = f"7{number:07d}"
    scheme = RULES["council tax"].check_digit
    reference = stem + expected_character(scheme, stem + "0")
    written = reference[:4] + gap + reference[4:]

    found = [find.reference for find in find_references(before + written + after, RULES)]

    assert reference in found


def test_a_pattern_that_is_slow_on_every_candidate_is_given_up_in_time():
    rules = {
        f"slow {n}": ReferenceRule.from_config(
            {"min": 5 + n, "max": 30, "characters": "alphanumeric", "regex": "(A|AA)+[0-9]+B$"}
        )
        for n in range(5)
    }
    began = time.process_time()
    find_references("AAAAAAAAAAAAAAAAAAAAAAAA11111" * 40, rules)
    assert time.process_time() - began < 5
