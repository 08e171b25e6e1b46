import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.common.errors import InvalidInput
from ims.references.check_digits import CheckDigitScheme
from ims.references.rules import ReferenceRule, check_many, check_reference, validate_rule

PARKING = {
    "min": 10,
    "max": 10,
    "characters": "alphanumeric",
    "mask": "BJ#######@",
    "check_digit": {
        "kind": "weighted_sum",
        "modulus": 11,
        "prefix": "05",
        "weightings": "9,8,7,6,5,4,3,2,1,0",
        "substitutions": "10:A",
    },
}


def rule(**config) -> ReferenceRule:
    return ReferenceRule.from_config(config)


@pytest.mark.parametrize(
    ("reference", "valid"),
    [("BJ12345673", True), ("bj12345673", True), ("BJ12345674", False), ("BJ1234567", False), ("XJ12345673", False)],
)
def test_parking_fines(reference, valid):
    verdict = check_reference(rule(**PARKING), reference)

    assert verdict.valid is valid
    assert valid or reference in verdict.reason


@pytest.mark.parametrize(
    ("mask", "accepted", "refused"),
    [
        ("$", "aZ", "1 é"),
        ("#", "09", "A²٣"),
        ("?", "a9", " -"),
        ("*", "a9 /-", ".#@é"),
        ("A", "aA", "B"),
        (".", ".", "A"),
    ],
)
def test_each_mask_character(mask, accepted, refused):
    for character in accepted:
        assert check_reference(rule(mask=mask + "*"), character + "1").valid, character
    for character in refused:
        assert not check_reference(rule(mask=mask + "*"), character + "1").valid, character


@pytest.mark.parametrize(("reference", "valid"), [(" ", True), ("/", True), ("-", True), (".", False), ("#", False)])
def test_a_mask_alone_decides_about_a_single_character(reference, valid):
    assert check_reference(rule(mask="*"), reference).valid is valid
    assert not check_reference(rule(min=1, max=1, mask="*"), " ").valid


def test_a_mask_with_a_minimum_length():
    market = rule(min=3, mask="#*****")

    assert check_reference(market, "1 A-/B").valid
    assert not check_reference(market, "A1234").valid
    assert not check_reference(market, "1A").valid


def test_shorter_than_the_mask_passes_and_longer_fails():
    open_rule = rule(mask="######")

    assert check_reference(open_rule, "123").valid
    verdict = check_reference(open_rule, "1234567")
    assert not verdict.valid
    assert "longer than the 6 characters" in verdict.reason


@pytest.mark.parametrize(
    ("characters", "accepted", "refused"),
    [
        ("alpha", ["abcXYZ"], ["abc1", "ab c", "é"]),
        ("alpha_space", ["ab c"], ["ab1"]),
        ("numeric", ["0123"], ["12 3", "12A", "٣"]),
        ("numeric_space", ["12 3"], ["12A"]),
        ("alphanumeric", ["a1"], ["a 1", "a-1"]),
        ("alphanumeric_space", ["a 1"], ["a-1"]),
    ],
)
def test_kinds_of_characters(characters, accepted, refused):
    for reference in accepted:
        assert check_reference(rule(characters=characters), reference).valid
    for reference in refused:
        assert not check_reference(rule(characters=characters), reference).valid


def test_blank_references_fail_whatever_the_rule():
    for reference in ("", " ", "\t \n"):
        assert "blank" in check_reference(rule(), reference).reason


def test_the_first_failure_decides():
    verdict = check_reference(rule(min=5, characters="numeric", regex="^9", mask="A####"), "12")
    assert "characters; at least 5" in verdict.reason
    verdict = check_reference(rule(min=2, characters="numeric", regex="^9", mask="A####"), "AB")
    assert "digits only" in verdict.reason
    verdict = check_reference(rule(min=2, characters="numeric", regex="^9", mask="A####"), "12")
    assert "pattern" in verdict.reason


def test_a_pattern_is_case_sensitive_and_unanchored():
    assert check_reference(rule(regex="B7"), "AB77").valid
    assert not check_reference(rule(regex="B7"), "ab77").valid


def test_a_catastrophic_pattern_is_a_verdict_and_never_a_hang():
    slow = rule(regex=r"^((a|b|ab)*)*c", max=1000)
    started = time.process_time()

    verdicts = check_many(slow, ["ab" * 200] * 1000)

    assert time.process_time() - started < 5
    assert not any(verdict.valid for verdict in verdicts)


def test_a_pattern_out_of_time_says_so(monkeypatch):
    monkeypatch.setattr("ims.references.rules.PATTERN_SECONDS", 0.000_000_1)
    slow = rule(regex=r"(x+x+)+y(x+x+)+z", max=1000)

    verdict = check_reference(slow, "x" * 1000)

    assert verdict.gave_up
    assert "takes too long" in verdict.reason


@pytest.mark.parametrize(
    "config",
    [
        {"regex": "("},
        {"regex": "a" * 201},
        {"characters": "emoji"},
        {"min": 5, "max": 4},
        {"max": "ten"},
        {"mask": "###@"},
        {"length": 4},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_when_designed(config):
    with pytest.raises(InvalidInput):
        ReferenceRule.from_config(config)


def test_designers_are_told_of_a_check_digit_that_is_never_looked_at():
    unused = rule(mask="#####", check_digit={"kind": "luhn"})

    assert "no @" in validate_rule(unused)[0]
    assert check_reference(unused, "12345").valid
    assert validate_rule(rule(**PARKING)) == []


def test_a_check_digit_without_a_mask_is_the_last_character():
    luhn = rule(min=10, max=10, check_digit={"kind": "luhn"})

    assert check_reference(luhn, "9141777632").valid
    assert not check_reference(luhn, "9141777633").valid


def test_rules_survive_being_written_back():
    parking = rule(**PARKING)

    assert ReferenceRule.from_config(parking.to_config()) == parking


def test_a_check_digit_in_the_middle_of_the_mask():
    middle = rule(
        min=5,
        max=5,
        mask="##@##",
        check_digit={"kind": "weighted_sum", "modulus": 11, "weightings": "2,3,0,4,5", "substitutions": "10:X"},
    )

    assert check_reference(middle, "11311").valid
    assert not check_reference(middle, "11411").valid


@given(st.lists(st.text(max_size=14), max_size=30))
def test_many_references_get_the_verdicts_they_get_alone(references):
    parking = rule(**PARKING)

    assert check_many(parking, references) == [check_reference(parking, reference) for reference in references]


@given(st.text(alphabet="0123456789ABZ-", min_size=1, max_size=12))
def test_the_fast_weighted_sum_agrees_with_the_explained_one(reference):
    from ims.references.check_digits import check

    scheme = CheckDigitScheme.from_config(PARKING["check_digit"])
    fast = rule(check_digit=PARKING["check_digit"])

    assert check_reference(fast, reference).valid == check(scheme, reference).valid


@given(st.text(max_size=200))
def test_no_reference_makes_it_raise(reference):
    verdict = check_reference(rule(**PARKING), reference)

    assert verdict.valid or verdict.reason.endswith(".")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["min", "max", "characters", "regex", "mask", "check_digit", "name"]), json_values),
    st.dictionaries(
        st.sampled_from(["kind", "modulus", "weightings", "prefix", "substitutions", "subtract", "position"]),
        json_values,
    ),
)
def test_no_settings_do_worse_than_being_refused(rule_settings, scheme_settings):
    config = {**rule_settings, "check_digit": {"kind": "weighted_sum", "modulus": 11} | scheme_settings}
    outcome: object = None
    try:
        outcome = check_reference(ReferenceRule.from_config(config), "A1")
    except InvalidInput as refusal:
        outcome = refusal.message
    assert outcome is not None


@pytest.mark.parametrize("pattern", ["(?:(?:a{1000}){1000}){1000}", "(a{100}){101}", "((((a{9}){9}){9}){9}){9}"])
def test_a_pattern_that_would_take_long_to_understand_is_refused(pattern):
    began = time.process_time()
    with pytest.raises(InvalidInput, match="repeats groups within groups"):
        ReferenceRule.from_config({"min": 1, "max": 36, "regex": pattern})
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "pattern", ["([0-9]{4}-){3}[A-Z]{2}", ".{100}[A-Z]{10}.{50}", r"(?:\{5\}){4}", "([0-9]{2,3} ?){4,}"]
)
def test_patterns_that_count_as_people_count_are_accepted(pattern):
    assert ReferenceRule.from_config({"min": 1, "max": 36, "regex": pattern}).regex == pattern
