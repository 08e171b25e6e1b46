"""Reading codes, rates, general ledger codes and the calendar; the worked example; the findings."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from ims.audit.actors import command
from ims.common.errors import NotAllowed
from ims.funds import checks, seed, selectors
from ims.funds.errors import FundsRefusal
from ims.funds.models import BankHoliday, Fund, FundGroup, MethodOfPayment, SystemMessage, VatRate
from ims.funds.services import save_fund_group
from ims.people.roles import ADMINISTRATOR, INCOME_OFFICER
from ims.people.selectors import actor_for
from ims.references.rules import check_reference
from tests.people.people_world import actor, member
from tests.support.world import person

SEEDER = command("tests")


@pytest.fixture
def model_council(db):
    return seed.seed_model_council(SEEDER)


def test_the_model_council_is_whole_and_seeding_twice_adds_nothing(model_council):
    assert model_council["funds"] == 18
    assert model_council["bank_holidays"] == 40
    assert set(seed.seed_model_council(SEEDER).values()) == {0}
    assert list(checks.findings(date(2026, 11, 20))) == []
    assert Fund.history.filter(history_change_reason=seed.REASON).count() == 18


def test_seeding_leaves_a_councils_own_settings_alone(model_council):
    Fund.objects.filter(code="23").update(name="Council Tax (ours)")
    seed.seed_model_council(SEEDER)
    assert Fund.objects.get(code="23").name == "Council Tax (ours)"


def test_seeding_needs_permission(db):
    with pytest.raises(NotAllowed):
        seed.seed_model_council(person("Olu"))
    assert not Fund.objects.exists()


@pytest.mark.parametrize(
    ("fund", "reference", "valid"),
    [
        ("11", "BJ12345673", True),
        ("11", "bj12345673", True),
        ("11", "BJ12345674", False),
        ("2R", "FP1000000A", True),
        ("2R", "FP10000000", False),
        ("23", "700123452", True),
        ("24", "456789124", True),
        ("23", "456789125", False),
        ("5", "45006789013", True),
        ("5", "71000000000", True),
        ("5", "45006789014", False),
        ("5M", "20000123456788", True),
        ("5M", "39999999999996", True),
        ("5M", "39999999999995", False),
        ("3U", "ALS/1234/5678", True),
        ("52", "7 A-/B", True),
        ("52", "A1234", False),
    ],
)
def test_the_seeded_rules_accept_real_references(model_council, fund, reference, valid):
    """Scenarios 4 to 9."""
    rule = selectors.reference_rules([fund])[fund]
    assert check_reference(rule, reference).valid is valid


def test_the_rate_belongs_to_the_day(model_council):
    assert selectors.rate_on("W0", date(2008, 11, 30)) == Decimal("0.175")
    assert selectors.rate_on("W0", date(2008, 12, 1)) == Decimal("0.15")
    assert selectors.rate_on("W0", date(2010, 1, 1)) == Decimal("0.175")
    assert selectors.rate_on("W0", date(2011, 1, 4)) == Decimal("0.2")
    with pytest.raises(FundsRefusal, match="VAT code W0 has no rate on 1 Jan 1980"):
        selectors.rate_on("W0", date(1980, 1, 1))


def test_two_rates_of_a_code_never_share_a_day(model_council):
    from django.core.exceptions import ValidationError
    from django.db import IntegrityError, transaction

    rate = VatRate(vat_code_id="W0", rate=Decimal("0.25"), valid_from=date(2026, 4, 1))
    with pytest.raises(ValidationError, match="already has a rate on some of those days"):
        rate.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        rate.save()


def test_the_one_suspense_fund_and_the_single_methods(model_council):
    assert selectors.suspense_fund().code == "1"
    assert selectors.the_method("is_journal").code == "JN"
    MethodOfPayment.objects.filter(code="JN").update(is_active=False)
    with pytest.raises(FundsRefusal, match="No method of payment takes money out in a journal"):
        selectors.the_method("is_journal")
    with pytest.raises(ValueError):
        selectors.the_method("is_card")


def test_no_suspense_fund_is_said_plainly(db):
    with pytest.raises(FundsRefusal, match="No fund is the suspense fund"):
        selectors.suspense_fund()


def test_general_ledger_codes(model_council, django_assert_num_queries):
    day = date(2026, 11, 20)
    with django_assert_num_queries(1):
        mappings = selectors.mappings_on(day, day)
        assert selectors.gl_code_for("income", day=day, fund="23", mappings=mappings).gl_code == "964101"
        assert selectors.gl_code_for("control", day=day, method_of_payment="90", mappings=mappings).gl_code == "990140"
        assert selectors.gl_code_for("control", day=day, method_of_payment="15", mappings=mappings).gl_code == "990100"
    with pytest.raises(FundsRefusal, match=r"no general ledger code .* for fund ZZ on 20 Nov 2026"):
        selectors.gl_code_for("income", day=day, fund="ZZ")


def test_the_calendar(model_council):
    assert selectors.next_working_day(date(2026, 12, 24)) == date(2026, 12, 29)
    assert selectors.next_working_day(date(2027, 12, 24)) == date(2027, 12, 29)
    assert selectors.previous_working_day(date(2028, 1, 4)) == date(2027, 12, 31)
    assert selectors.working_days_between(date(2026, 4, 2), date(2026, 4, 7)) == 1
    assert all(day.weekday() < 5 for day in BankHoliday.objects.values_list("day", flat=True))


def test_codes_in_use_and_scope(model_council):
    Fund.objects.filter(code="32").update(is_active=False)
    narrow = person("Rae", funds=frozenset({"23", "32"}))
    assert set(selectors.funds_in_use(narrow).values_list("code", flat=True)) == {"23"}
    assert set(selectors.funds_visible_to(narrow).values_list("code", flat=True)) == {"23", "32"}
    assert "32" not in selectors.funds_in_use().values_list("code", flat=True)


def test_a_fund_group_narrows_what_its_people_see(model_council):
    """Scenario 80, at its root: the actor's scope."""
    administrator = actor("ada", ADMINISTRATOR)
    officer = member("olu", INCOME_OFFICER)
    assert actor_for(officer).funds is None
    group = save_fund_group(
        actor=administrator, name="Rents only", funds=[Fund.objects.get(code="5")], people=[officer], reason="Scope"
    )
    assert actor_for(officer).funds == frozenset({"5"})
    assert group.history.first().members == "Funds: 5. People: olu."
    save_fund_group(actor=administrator, group=group, name="Rents only", funds=[], people=[officer], reason="Less")
    assert actor_for(officer).funds == frozenset()


def test_nobody_changes_what_they_themselves_see(model_council):
    boss = member("ada", ADMINISTRATOR)
    group = FundGroup.objects.get(name="Housing")
    funds = list(group.funds.all())
    with pytest.raises(FundsRefusal, match="you yourself"):
        save_fund_group(actor=actor_for(boss), group=group, name="Housing", funds=funds, people=[boss], reason="Me")
    group.people.add(boss)
    with pytest.raises(FundsRefusal, match="you yourself"):
        save_fund_group(actor=actor_for(boss), group=group, name="Housing", funds=funds, people=[], reason="Me")
    with pytest.raises(FundsRefusal, match="you yourself"):
        save_fund_group(
            actor=actor_for(boss), group=group, name="Housing", funds=Fund.objects.all(), people=[boss], reason="Me"
        )


def test_findings_name_what_is_missing(model_council):
    Fund.objects.filter(code="1").update(is_suspense=False)
    MethodOfPayment.objects.filter(code="JR").update(is_active=False)
    VatRate.objects.filter(vat_code="E0").delete()
    Fund.objects.create(code="77", name="New fund", vat_code_id="N0")
    found = " ".join(checks.findings(date(2026, 11, 20)))
    assert "No fund is the suspense fund" in found
    assert "puts money back in a journal" in found
    assert "VAT code E0 has no rate" in found
    assert "Fund 77 New fund goes into the ledger journal but has no general ledger code" in found
    assert "No bank holidays are known for 2029" in " ".join(checks.findings(date(2028, 12, 31)))


def test_system_messages_show_the_gravest_first_and_only_in_their_time(db):
    moment = timezone.now()
    hour = timedelta(hours=1)
    for text, severity, start, end in (
        ("info", "information", moment - hour, moment + hour),
        ("grave", "error", moment - hour, moment + hour),
        ("over", "error", moment - 2 * hour, moment - hour),
    ):
        SystemMessage.objects.create(text=text, severity=severity, starts_at=start, ends_at=end)
    assert [message.text for message in selectors.messages_now(moment)] == ["grave", "info"]
