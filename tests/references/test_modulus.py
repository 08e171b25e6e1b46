import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.common.errors import InvalidInput
from ims.references.modulus import ModulusTables, check, normalise

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank" / "modulus-check"

needs_samples = pytest.mark.skipif(not SAMPLES.exists(), reason="the shared sample files are not beside the repository")


def published_tables() -> ModulusTables:
    return ModulusTables.load(
        (SAMPLES / "valacdos-extract.txt").read_text(), (SAMPLES / "scsubtab-extract.txt").read_text()
    )


def table(*rows: str, substitutes: str = "") -> ModulusTables:
    return ModulusTables.load("\r\n".join(rows), substitutes)


ROW = "{0} {1} {2} {3} {4}"


def row(method: str, weights: str, exception: str = "", start: str = "100000", end: str = "199999") -> str:
    return ROW.format(start, end, method, weights, exception).rstrip()


MOD11 = "0 0 0 0 0 0 8 7 6 5 4 3 2 1"


@needs_samples
def test_every_official_case():
    cases = json.loads((SAMPLES / "official-test-cases.json").read_text())
    tables = published_tables()
    assert len(cases) == 17
    for case in cases:
        verdict = check(tables, case["sort_code"], case["account_number"])
        assert verdict.verdict == ("valid" if case["valid"] else "invalid"), case["description"]
        assert verdict.explanation.endswith(".")


@needs_samples
def test_the_exception_met_is_named():
    assert check(published_tables(), "309070", "12345677").exception_rule == "2 & 9"
    assert check(published_tables(), "20-09-15", "41011166").exception_rule == "6"
    assert check(published_tables(), "089999", "66374958").exception_rule == ""


def test_no_row_means_not_checkable():
    assert check(table(row("MOD11", MOD11)), "999999", "12345678").verdict == "not_checkable"
    assert check(table(row("MOD11", MOD11)), "000000", "12345678").verdict == "not_checkable"
    assert check(table(row("MOD11", MOD11)), "200000", "12345678").verdict == "not_checkable"


def test_ranges_include_both_ends():
    tables = table(row("MOD11", MOD11))

    assert check(tables, "100000", "00000000").verdict == "valid"
    assert check(tables, "199999", "00000000").verdict == "valid"


def test_an_exception_from_the_future_is_not_guessed_at():
    verdict = check(table(row("MOD11", MOD11, "15")), "123456", "12345678")

    assert verdict.verdict == "not_checkable"
    assert "Update IMS" in verdict.explanation


def test_exception_1_adds_27():
    weights = "0 0 0 0 0 0 0 0 0 0 0 0 0 1"
    assert check(table(row("DBLAL", weights, "1")), "123456", "00000003").verdict == "valid"
    assert check(table(row("DBLAL", weights, "1")), "123456", "00000000").verdict == "invalid"


def test_exception_8_uses_another_sort_code():
    weights = "0 0 0 0 0 1 0 0 0 0 0 0 0 1"
    assert check(table(row("MOD10", weights, "8")), "123450", "00000004").verdict == "valid"


def test_exception_14_checks_again_without_the_last_digit():
    weights = "0 0 0 0 0 0 0 0 0 0 0 0 0 1"
    tables = table(row("MOD11", weights, "14"))

    assert check(tables, "123456", "00000001").verdict == "valid"  # 1 is dropped, the 0 before it passes
    assert check(tables, "123456", "00000002").verdict == "invalid"  # a 2 may not be dropped
    assert check(tables, "123456", "00000051").verdict == "invalid"


def test_both_rows_must_pass_without_an_exception():
    first = "0 0 0 0 0 0 0 0 0 0 0 0 0 1"
    second = "0 0 0 0 0 0 1 0 0 0 0 0 0 0"
    tables = table(row("MOD10", first), row("MOD10", second))

    assert check(tables, "123456", "00000000").verdict == "valid"
    assert check(tables, "123456", "50000000").verdict == "invalid"
    assert check(tables, "123456", "00000005").verdict == "invalid"


@pytest.mark.parametrize(
    ("typed", "checked"),
    [
        (("20-00-00", "1234 5678"), ("200000", "12345678")),
        (("200000", "123456"), ("200000", "00123456")),
        (("200000", "1234567"), ("200000", "01234567")),
        (("090128", "712345678"), ("090127", "12345678")),
        (("601613", "1234567890"), ("601613", "34567890")),
        (("089999", "1234567890"), ("089999", "12345678")),
    ],
)
def test_odd_lengths_become_eight_digits(typed, checked):
    assert normalise(*typed) == checked


@pytest.mark.parametrize(
    ("sort_code", "account"),
    [("12345", "12345678"), ("123456", "12345"), ("12345A", "12345678"), ("200000", "1234567890"), ("", "")],
)
def test_what_is_not_an_account_is_refused(sort_code, account):
    with pytest.raises(InvalidInput):
        normalise(sort_code, account)


@pytest.mark.parametrize("text", ["", "rubbish", "123456 123455 MOD11 " + MOD11, row("MOD11", "1 2 3")])
def test_a_damaged_table_is_refused(text):
    with pytest.raises(InvalidInput):
        ModulusTables.load(text)


def test_a_damaged_substitution_table_names_its_line():
    with pytest.raises(InvalidInput, match="Line 2"):
        ModulusTables.load(row("MOD11", MOD11), "938173 938017\nxx")


@given(st.text(max_size=12), st.text(max_size=12))
def test_hostile_input_is_refused_in_plain_words(sort_code, account):
    try:
        outcome = check(table(row("MOD11", MOD11)), sort_code, account).verdict
    except InvalidInput as error:
        outcome = error.message
    assert outcome in {"valid", "invalid", "not_checkable"} or outcome.endswith(".")
