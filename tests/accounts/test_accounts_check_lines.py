"""May a line be posted? Every check of the chain, its limits, its sentence and its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ims.accounts.models import AccountHolder, StopReason
from ims.accounts.rules import LineToCheck
from ims.accounts.selectors import PAY_STOPPED, check_lines, find_account
from ims.funds.models import Fund, MethodOfPayment, ReferenceRule, VatCode
from ims.ledger.lines import Line
from tests.support.world import person


def _check(audience: str = "staff", actor=None, **line):
    line.setdefault("amount", Decimal("10.00"))
    line.setdefault("account_reference", "700123452")
    line.setdefault("fund", "23")
    return check_lines(audience, [LineToCheck(**line)], actor=actor)[0]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ({"fund": ""}, "fund_missing", "No fund is given"),
        ({"fund": "??"}, "fund_unknown", "There is no fund “??”"),
        ({"method_of_payment": "77"}, "method_unknown", "There is no method of payment “77”"),
        ({"amount": Decimal("10.005")}, "amount_too_fine", "more than two decimal places"),
        ({"amount": Decimal("0.00")}, "amount_is_zero", "£0.00"),
        ({"amount": Decimal("1000000.00")}, "above_fund_maximum", "£1,000,000.00 is more than £999,999.99"),
        ({"vat_code": "QQ"}, "vat_unknown", "There is no VAT code “QQ”"),
        ({"vat_code": "W0"}, "vat_may_not_be_overridden", "Fund 23 always carries VAT code N0"),
        ({"account_reference": ""}, "reference_not_valid", "The reference is blank"),
        ({"account_reference": "123"}, "reference_not_valid", "exactly 9"),
        ({"account_reference": "456789125"}, "reference_not_valid", "check digit 5, but 4 is expected"),
        ({"account_reference": "123456780"}, "account_unknown", "has no account “123456780”"),
        ({"account_reference": "700099996"}, "account_stopped", "With the bailiffs"),
        ({"fund": "5", "account_reference": ""}, "account_missing", "needs an account reference"),
    ],
)
def test_each_refusal_says_what_is_wrong(world, line, code, words):
    """Scenarios 15, 16, 25 among them."""
    verdict = _check(**line)
    assert not verdict.accepted
    assert verdict.code == code
    assert words in verdict.refusal


def test_a_right_line_is_accepted_with_what_it_will_carry(world):
    verdict = _check(fund="23", method_of_payment="28")
    assert verdict.accepted
    assert (verdict.vat_code, verdict.account_reference, verdict.account.name) == ("N0", "700123452", "Mrs Ada Moss")


def test_codes_out_of_use_are_refused(world):
    Fund.objects.filter(code="31").update(is_active=False)
    MethodOfPayment.objects.filter(code="28").update(is_active=False)
    VatCode.objects.filter(code="E0").update(is_active=False)
    assert _check(fund="31", account_reference="X").code == "fund_not_in_use"
    assert _check(method_of_payment="28").code == "method_not_in_use"
    assert _check(fund="13", account_reference="X", vat_code="E0").code == "vat_not_in_use"


@pytest.mark.parametrize(("amount", "accepted"), [("500.00", True), ("500.01", False)])
def test_the_fund_maximum_is_inclusive(world, amount, accepted):
    """Scenario 13."""
    Fund.objects.filter(code="31").update(maximum_amount=Decimal("500.00"))
    verdict = _check(fund="31", account_reference="AB1", amount=Decimal(amount))
    assert verdict.accepted is accepted
    assert accepted or "the most that fund 31 Building Control takes" in verdict.refusal


@pytest.mark.parametrize(
    ("amount", "code"),
    [("4.99", "below_method_minimum"), ("5.00", ""), ("100.00", ""), ("100.01", "above_method_maximum")],
)
def test_the_limits_of_a_method_are_inclusive(world, amount, code):
    """Scenario 14."""
    MethodOfPayment.objects.filter(code="1").update(minimum_amount=Decimal("5"), maximum_amount=Decimal("100"))
    assert _check(method_of_payment="1", amount=Decimal(amount)).code == code


def test_a_fund_without_a_rule_still_has_a_maximum_and_stops(world):
    """Scenario 18: the amount and the stop are checked even when nothing says what references look like."""
    stop = StopReason.objects.create(fund_id="5", code="X", message="Do not take")
    Fund.objects.filter(code="5").update(maximum_amount=Decimal("100.00"))
    AccountHolder.objects.filter(fund_id="5").update(stop_reason=stop)
    assert Fund.objects.get(code="5").reference_rule is None
    assert _check(fund="5", account_reference="45006789013", amount=Decimal("150")).code == "above_fund_maximum"
    assert _check(fund="5", account_reference="45006789013", amount=Decimal("99")).code == "account_stopped"


def test_vat_may_be_overridden_where_the_fund_says_so(world):
    """Scenarios 20 and 21."""
    assert _check(fund="13", account_reference="X", vat_code="E0").vat_code == "E0"
    assert _check(fund="13", account_reference="X").vat_code == "W0"
    assert _check(fund="31", account_reference="X", vat_code="E0").code == "vat_may_not_be_overridden"


def test_finance_may_pay_a_stopped_account_and_is_warned(world):
    """Scenario 16."""
    verdict = _check(account_reference="700099996", actor=person("Fay", PAY_STOPPED))
    assert verdict.accepted
    assert verdict.warnings == ("Account 700099996: With the bailiffs: do not accept payment",)
    assert _check(account_reference="700099996", actor=person("Olu")).code == "account_stopped"


@pytest.mark.parametrize(
    ("stop_for", "effect", "who", "accepted", "warned"),
    [
        ("public", "refuse", "staff", True, True),
        ("public", "refuse", "public", False, False),
        ("staff", "refuse", "public", True, False),
        ("staff", "refuse", "staff", False, False),
        ("both", "warn", "staff", True, True),
        ("both", "warn", "public", True, True),
    ],
)
def test_a_stop_concerns_its_audience(world, stop_for, effect, who, accepted, warned):
    """Scenario 17."""
    StopReason.objects.update(audience=stop_for, effect=effect)
    verdict = _check(audience=who, account_reference="700099996")
    assert (verdict.accepted, bool(verdict.warnings)) == (accepted, warned)


def test_a_known_account_proves_its_own_check_digit(world):
    """Like LocalGov IMS: mask and check digit are for references that nobody has loaded."""
    StopReason.objects.update(effect="warn")
    assert _check(account_reference="700099996").accepted  # its check digit would be 7


def test_an_account_gone_from_the_last_load_is_accepted_with_a_warning(world):
    AccountHolder.objects.filter(reference="700123452").update(is_open=False)
    assert _check().warnings == ("Account 700123452 is gone from the last full load.",)


def test_references_are_found_whatever_their_capitals_and_keep_the_back_offices_spelling(world):
    AccountHolder.objects.create(fund_id="11", reference="BJ12345673")
    verdict = _check(fund="11", account_reference=" bj12345673 ")
    assert (verdict.accepted, verdict.account_reference) == (True, "BJ12345673")
    assert find_account("11", "bj12345673").reference == "BJ12345673"


def test_two_funds_may_share_a_number(world):
    """Weakness 20 of the system left behind."""
    AccountHolder.objects.create(fund_id="5", reference="700123452", name="Another person")
    assert _check(fund="5").account.name == "Another person"
    assert _check(fund="23").account.name == "Mrs Ada Moss"


def test_a_fund_outside_the_actors_scope_does_not_exist_for_them(world):
    assert _check(actor=person("Rae", funds=frozenset({"5"}))).code == "fund_unknown"
    assert _check(actor=person("Rae", funds=frozenset({"23"}))).accepted


def test_a_pattern_that_runs_away_is_stopped_and_named(world):
    """Weakness 46."""
    rule = ReferenceRule.objects.create(name="Runaway", regex="^(a+)+$", max_length=36)
    Fund.objects.filter(code="31").update(reference_rule=rule)
    verdict = _check(fund="31", account_reference="a" * 35 + "!")
    assert verdict.code in ("reference_pattern_too_slow", "reference_not_valid")
    assert not verdict.accepted


def test_many_lines_cost_no_more_queries_than_one(world, django_assert_max_num_queries):
    lines = [
        LineToCheck(fund=fund, amount=Decimal("1.00"), account_reference=reference, method_of_payment="28")
        for fund, reference in (("23", "700123452"), ("5", "45006789013"), ("11", "BJ12345673"), ("31", "X")) * 250
    ]
    with django_assert_max_num_queries(3):
        verdicts = check_lines("staff", lines)
    assert len(verdicts) == 1000
    assert all(verdict.accepted for verdict in verdicts)


def test_a_ledger_line_can_be_checked_as_it_is(world):
    line = Line(
        fund="23",
        amount=Decimal("1.00"),
        method_of_payment="28",
        account_reference="700123452",
        received_on=world.today,
    )
    assert check_lines("staff", [line])[0].accepted
