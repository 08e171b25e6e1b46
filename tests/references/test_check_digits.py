import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.common.errors import InvalidInput
from ims.references.check_digits import KINDS, CheckDigitScheme, check, expected_character

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank" / "check-digits" / "vectors.json"

PARKING = {
    "kind": "weighted_sum",
    "modulus": 11,
    "prefix": "05",
    "weightings": "9,8,7,6,5,4,3,2,1,0",
    "substitutions": "10:A",
}
FIXED_PENALTY = PARKING | {"prefix": "12"}
ACADEMY = {
    "kind": "weighted_sum",
    "modulus": 10,
    "weightings": "3,7,1,3,7,1,3,7,0",
    "substitutions": "10:0",
    "subtract": True,
}
HOUSING = ACADEMY | {"weightings": "0,0,9,7,1,4,6,3,2,8,0"}
LIBRARY = {
    "kind": "dynix",
    "modulus": 10,
    "weightings": "2,0,2,0,2,0,2,0,2,0,2,0,2,0",
    "substitutions": "10:0",
}
PREFIXED = {
    "kind": "weighted_sum",
    "modulus": 10,
    "prefix": "98",
    "weightings": "2,0,3,0,4,0,5,0,0,0",
    "substitutions": "10:Z",
    "subtract": True,
}
DESCENDING = {
    "kind": "weighted_sum",
    "modulus": 10,
    "weightings": "9,8,7,6,5,4,3,2,1,0,0",
    "substitutions": "10:Z",
    "subtract": True,
}
DYNIX_SHORT = {"kind": "dynix", "modulus": 10, "weightings": "2,0,3,0,4,0,5,0,6", "substitutions": "10:Z"}
DYNIX_DESCENDING = {"kind": "dynix", "modulus": 10, "weightings": "9,8,7,6,5,4,3,2,1,0", "substitutions": "10:Z"}
DYNIX_ZEROS = {"kind": "dynix", "modulus": 10, "weightings": "2,0,3,0,4,0,5,0,0,0"}


@pytest.mark.parametrize(
    ("config", "reference", "expected", "valid"),
    [
        (PREFIXED, "AB1234562", "2", True),
        (PREFIXED, "AB1234566", "2", False),
        (DESCENDING, "963456138Z", "Z", True),
        (DESCENDING, "9634561384", "Z", False),
        (DESCENDING | {"subtract": False}, "9634561380", "0", True),
        (DESCENDING | {"subtract": False}, "9634561381", "0", False),
        (DYNIX_SHORT, "AB1234567", "7", True),
        (DYNIX_DESCENDING, "963456138Z", "Z", True),
        (DYNIX_ZEROS, "AB1234566", "7", False),
        (PARKING, "BJ12345673", "3", True),
        (PARKING, "BJ12345674", "3", False),
        (PARKING, "BJ70000012", "2", True),
        (FIXED_PENALTY, "FP76543210", "0", True),
        (FIXED_PENALTY, "FP1000000A", "A", True),
        (FIXED_PENALTY, "FP10000000", "A", False),
        (ACADEMY, "700123452", "2", True),
        (ACADEMY, "456789124", "4", True),
        (ACADEMY, "456789125", "4", False),
        (HOUSING, "45006789013", "3", True),
        (HOUSING, "71000000000", "0", True),
        (HOUSING, "45006789014", "3", False),
        (LIBRARY, "20000123456788", "8", True),
        (LIBRARY, "39999999999996", "6", True),
        (LIBRARY, "39999999999995", "6", False),
    ],
)
def test_the_worked_examples_of_localgov_ims(config, reference, expected, valid):
    result = check(CheckDigitScheme.from_config(config), reference)

    assert (result.valid, result.expected, result.presented) == (valid, expected, reference[-1])
    assert expected in result.steps[-1]


def test_blank_weightings_refuse_every_reference():
    scheme = CheckDigitScheme.from_config({"kind": "weighted_sum", "modulus": 10, "weightings": ""})

    assert not check(scheme, "0000000000").valid
    assert "no weightings" in check(scheme, "0000000000").steps[-1]


def test_a_digit_beyond_the_last_weighting_is_not_valid_but_a_letter_there_is():
    scheme = CheckDigitScheme.from_config({"kind": "weighted_sum", "modulus": 11, "weightings": "1,1,1,0"})

    assert not check(scheme, "11136").valid
    assert "Position 5" in check(scheme, "11136").steps[-1]
    assert check(scheme, "1113Z").expected == "3"


def test_the_result_may_equal_the_modulus_and_a_two_character_result_never_matches():
    scheme = CheckDigitScheme.from_config(
        {"kind": "weighted_sum", "modulus": 10, "weightings": "1,0", "subtract": True}
    )

    assert check(scheme, "00").expected == "10"
    assert not check(scheme, "00").valid


def test_a_mapped_result_refuses_the_unmapped_character():
    scheme = CheckDigitScheme.from_config(
        {"kind": "weighted_sum", "modulus": 11, "weightings": "1,1,0", "substitutions": "10:A"}
    )

    assert check(scheme, "91A").valid
    assert not check(scheme, "910").valid


def test_the_prefix_overwrites_the_first_characters_and_maps_no_letters():
    scheme = CheckDigitScheme.from_config(PARKING)

    assert check(scheme, "XX12345673").valid  # the mask, not the check digit, insists on BJ
    assert not check(scheme, "B").valid


def test_the_check_character_may_stand_elsewhere():
    scheme = CheckDigitScheme.from_config(
        {"kind": "weighted_sum", "modulus": 11, "weightings": "0,2,3,4", "position": 1, "substitutions": "10:X"}
    )

    assert check(scheme, "9111").valid
    assert check(scheme, "8111").presented == "8"
    luhn_first = CheckDigitScheme.from_config({"kind": "luhn", "position": 1})
    assert check(luhn_first, "2914177763").valid


@pytest.mark.skipif(not SAMPLES.exists(), reason="the shared sample files are not beside the repository")
def test_every_published_vector():
    vectors = json.loads(SAMPLES.read_text())
    assert len(vectors) == 80
    for vector in vectors:
        config = {"kind": vector["scheme"]}
        if vector["scheme"].startswith("weighted"):
            config = {
                "kind": "weighted_sum",
                "modulus": vector["modulus"],
                "weightings": [*vector["weights"], 0],
                "substitutions": vector["substitutions"],
                "subtract": vector["subtract"],
            }
        scheme = CheckDigitScheme.from_config(config)
        result = check(scheme, vector["payload"] + vector["check"])
        assert result.valid, vector
        wrong = "0" * len(vector["check"]) if vector["check"].strip("0") else "1" * len(vector["check"])
        assert not check(scheme, vector["payload"] + wrong).valid, vector
        if "weighted_sum" in vector:
            assert any(f"= {vector['weighted_sum']}." in step for step in result.steps), vector


def test_mod_11_is_the_rule_of_the_isbn():
    scheme = CheckDigitScheme.from_config({"kind": "mod_11"})

    assert check(scheme, "0306406152").valid
    assert check(scheme, "080442957X").valid
    assert not check(scheme, "0306406153").valid


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "guess"},
        {},
        {"kind": "weighted_sum", "modulus": 0, "weightings": "1"},
        {"kind": "weighted_sum", "modulus": "eleven", "weightings": "1"},
        {"kind": "weighted_sum", "modulus": 11, "weightings": "1,two"},
        {"kind": "weighted_sum", "modulus": 11, "weightings": "1", "substitutions": "10A"},
        {"kind": "weighted_sum", "modulus": 11, "weightings": "1", "subtract": "maybe"},
        {"kind": "weighted_sum", "modulus": 11, "weights": "1"},
        {"kind": "luhn", "position": -1},
    ],
)
def test_a_scheme_that_makes_no_sense_is_refused_when_designed(config):
    with pytest.raises(InvalidInput):
        CheckDigitScheme.from_config(config)


@pytest.mark.parametrize("config", [PARKING, ACADEMY, LIBRARY, {"kind": "luhn", "position": 3}])
def test_settings_survive_being_written_back(config):
    scheme = CheckDigitScheme.from_config(config)

    assert CheckDigitScheme.from_config(scheme.to_config()) == scheme


@given(st.sampled_from(KINDS), st.text(max_size=130))
def test_no_reference_makes_it_raise(kind, reference):
    scheme = CheckDigitScheme.from_config({"kind": kind, "modulus": 11, "weightings": "2,3,4,5,6,7,0"})

    result = check(scheme, reference)

    assert result.valid == (bool(result.expected) and result.expected == result.presented)
    assert result.steps


@given(st.integers(min_value=0, max_value=10**7 - 1), st.integers(min_value=0, max_value=6), st.integers(1, 9))
def test_a_prime_modulus_catches_every_single_wrong_digit(number, place, change):
    scheme = CheckDigitScheme.from_config(PARKING)
    stem = f"BJ{number:07d}"
    reference = stem + expected_character(scheme, stem + "0")
    digit = (int(stem[2 + place]) + change) % 10
    damaged = reference[: 2 + place] + str(digit) + reference[3 + place :]

    assert check(scheme, reference).valid
    assert not check(scheme, damaged).valid
