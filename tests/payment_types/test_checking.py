"""What payers are told about a reference and an amount: precise, and never about a person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ims.accounts.models import AccountHolder, StopReason
from ims.audit.actors import acting
from ims.common.errors import NotAllowed, NotFound
from ims.payment_types import checking, selectors
from ims.payment_types.models import PaymentType
from tests.support.world import SET_UP, World, add_payment_types, person

PAYER = person("Payment pages", "payment_types.check_reference")


@pytest.fixture
def offered(world: World) -> World:
    add_payment_types()
    return world


def ask(kind: str, reference: str, amount: str = "10.00", actor=PAYER, method: str = "90") -> checking.Answer:
    wanted = checking.Wanted(
        payment_type=PaymentType.objects.get(pk=kind), reference=reference, amount=Decimal(amount), method=method
    )
    return checking.check([wanted], actor=actor)[0]


def test_a_good_reference_is_taken(offered: World):
    answer = ask("council-tax", offered.council_tax_account)
    assert (answer.accepted, answer.reference, answer.vat_code) == (True, offered.council_tax_account, "N0")


def test_spaces_people_type_are_forgiven(offered: World):
    assert ask("council-tax", " 700 123 452 ").reference == "700123452"
    assert ask("parking-fine", "bj 1234567 3").accepted == ask("parking-fine", "BJ12345673").accepted


@pytest.mark.parametrize(
    ("kind", "reference", "code", "said"),
    [
        ("council-tax", "", "reference_missing", "Enter the reference."),
        ("council-tax", "70012345", "reference_too_short", "has 9 characters. You entered 8."),
        ("council-tax", "7001234522", "reference_too_long", "has 9 characters. You entered 10."),
        ("council-tax", "70012A452", "reference_form", "Character 6 of the reference is a digit. You entered “A”"),
        ("parking-fine", "BX12345673", "reference_form", "Character 2 of the reference is “J”. You entered “X”"),
        ("council-tax", "700123453", "reference_check_digit", "do not fit together"),
        ("rent", "45006789099", "reference_unknown", "We do not know this reference."),
        ("building-control", "x" * 31, "reference_too_long", "1 to 30 characters. You entered 31."),
    ],
)
def test_each_fault_has_its_own_sentence(offered: World, kind: str, reference: str, code: str, said: str):
    answer = ask(kind, reference)
    assert (answer.accepted, answer.field, answer.code) == (False, "reference", code)
    assert said in str(answer.sentence)


def test_the_right_check_digit_is_not_given_away(offered: World):
    sentences = {str(ask("council-tax", f"70012345{digit}").sentence) for digit in "013456789"}
    assert len(sentences) == 1, "every wrong digit is answered alike"


def test_no_answer_names_a_person_or_a_debt(offered: World):
    answers = [
        ask("council-tax", offered.council_tax_account),
        ask("council-tax", offered.stopped_account),
        ask("rent", offered.rents_account, "99999999.99"),
    ]
    told = " ".join(f"{answer}{answer.sentence}{[str(w) for w in answer.warnings]}" for answer in answers)
    for secret in ("Moss", "Vale", "Rao", "1200", "bailiff", "S70"):
        assert secret not in told


def test_a_stopped_account_is_refused_without_saying_why(offered: World):
    answer = ask("council-tax", offered.stopped_account)
    assert (answer.code, answer.field) == ("account_stopped", "reference")
    assert "Contact us" in str(answer.sentence)


def test_a_warning_written_for_the_public_is_shown(offered: World):
    with acting(SET_UP, "Test"):
        reason = StopReason.objects.create(
            fund_id="5", code="MOVE", message="Rents move to weekly payments in April", audience="public", effect="warn"
        )
        account = AccountHolder.objects.get(reference=offered.rents_account)
        account.stop_reason = reason
        account.save()
    assert ask("rent", offered.rents_account).warnings == ("Rents move to weekly payments in April",)


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0", "amount_too_small"), ("-1", "amount_too_small"), ("1.005", "amount_too_fine"), ("1000000", "above_maximum")],
)
def test_amounts_that_cannot_be_paid(offered: World, amount: str, code: str):
    answer = ask("council-tax", offered.council_tax_account, amount)
    assert (answer.field, answer.code) == ("amount", code)
    assert str(answer.sentence)


def test_what_is_off_or_out_of_scope_is_not_offered(offered: World):
    with acting(SET_UP, "Test"):
        rent = PaymentType.objects.get(pk="rent")
        rent.is_active = False
        rent.save()
    assert "rent" not in {each.pk for each in selectors.offered()}
    with pytest.raises(NotFound):
        selectors.find("rent")
    narrow = person("Housing", "payment_types.check_reference", funds=frozenset({"5"}))
    assert ask("council-tax", offered.council_tax_account, actor=narrow).code == "not_offered"
    assert set(selectors.offered(narrow)) == set()


def test_whoever_may_not_ask_is_refused(offered: World):
    with pytest.raises(NotAllowed):
        ask("council-tax", offered.council_tax_account, actor=person("Nobody"))


def test_characters_no_text_can_hold_are_answered(offered: World):
    assert ask("building-control", "\x00" * 5).code == "reference_form"
