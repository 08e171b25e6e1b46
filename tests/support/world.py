"""The small world the tests share: a few funds, methods and people of the Model Council, built by hand.

Real services run over it; only this set-up writes tables directly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ims.accounts.models import AccountHolder, StopReason
from ims.audit.actors import Actor, acting, command
from ims.funds.models import (
    CheckDigitScheme,
    Fund,
    GeneralLedgerMapping,
    MethodOfPayment,
    Office,
    ReferenceRule,
    VatCode,
    VatRate,
)
from ims.ledger.models import AccountingPeriod
from ims.payment_types.models import PaymentType

SET_UP = command("test set-up")


def person(name: str = "Olu Officer", *permissions: str, funds: frozenset[str] | None = None) -> Actor:
    """Somebody who holds exactly `permissions`, and has asked for personal details where they may see them."""
    return Actor(
        kind="person",
        identifier=name,
        name=name,
        permissions=frozenset(permissions),
        funds=funds,
        office="WP",
        unveiled=True,
    )


@dataclass
class World:
    """Codes of the small world. Council tax (23) and rents (5) know their accounts; parking (11) checks a digit."""

    council_tax: str = "23"
    rents: str = "5"
    parking: str = "11"
    building_control: str = "31"
    miscellaneous: str = "13"
    suspense: str = "1"
    bank_credit: str = "28"
    cash: str = "1"
    card: str = "90"
    office: str = "WP"
    today: date = field(default_factory=date.today)
    council_tax_account: str = "700123452"
    other_council_tax_account: str = "456789124"
    stopped_account: str = "700099996"
    rents_account: str = "45006789013"


def build() -> World:
    """Create the small world's reference data, account holders and open periods."""
    world = World()
    with acting(SET_UP, "Test set-up"):
        _codes()
        _funds()
        _methods()
        _accounts(world)
        for year in range(2024, 2030):
            AccountingPeriod.objects.create(
                name=f"{year}-{(year + 1) % 100:02d}", starts_on=date(year, 4, 1), ends_on=date(year + 1, 3, 31)
            )
    return world


def _codes() -> None:
    Office.objects.bulk_create([Office(code="99", name="Batch import"), Office(code="WP", name="Westgate Plaza")])
    for code, name, treatment, rate, suspense in (
        ("N0", "Outside the scope", "outside", "0", False),
        ("E0", "Exempt", "exempt", "0", False),
        ("M0", "Suspense", "outside", "0", True),
        ("W0", "Standard rate", "standard", "0.2", False),
    ):
        VatCode.objects.create(code=code, name=name, treatment=treatment, is_for_suspense=suspense)
        VatRate.objects.create(vat_code_id=code, rate=Decimal(rate), valid_from=date(2011, 1, 4))


def _funds() -> None:
    academy = CheckDigitScheme.objects.create(
        name="Academy",
        kind="weighted_sum",
        modulus=10,
        weightings="3,7,1,3,7,1,3,7,0",
        substitutions="10:0",
        subtract=True,
    )
    parking = CheckDigitScheme.objects.create(
        name="Parking",
        kind="weighted_sum",
        modulus=11,
        prefix="05",
        weightings="9,8,7,6,5,4,3,2,1,0",
        substitutions="10:A",
    )
    tax_rule = ReferenceRule.objects.create(
        name="Academy council tax", min_length=9, max_length=9, mask="########@", check_digit=academy
    )
    parking_rule = ReferenceRule.objects.create(
        name="Parking fines", min_length=10, max_length=10, mask="BJ#######@", check_digit=parking
    )
    open_rule = ReferenceRule.objects.create(name="Open", min_length=1, max_length=30, mask="*" * 30)
    rows = (
        {"code": "1", "name": "Bank Suspense", "vat_code_id": "M0", "is_suspense": True},
        {
            "code": "5",
            "name": "Housing Rents",
            "vat_code_id": "N0",
            "account_must_exist": True,
            "accepts_credit_notes": True,
        },
        {"code": "11", "name": "Parking Fines", "vat_code_id": "N0", "reference_rule": parking_rule},
        {
            "code": "13",
            "name": "Miscellaneous",
            "vat_code_id": "W0",
            "vat_may_be_overridden": True,
            "reference_rule": open_rule,
        },
        {
            "code": "23",
            "name": "Council Tax",
            "vat_code_id": "N0",
            "account_must_exist": True,
            "reference_rule": tax_rule,
            "maximum_amount": Decimal("999999.99"),
            "accepts_credit_notes": True,
        },
        {"code": "31", "name": "Building Control", "vat_code_id": "W0", "reference_rule": open_rule},
    )
    for row in rows:
        Fund.objects.create(**row)
    GeneralLedgerMapping.objects.create(side="control", gl_code="990000", valid_from=date(2020, 4, 1))
    GeneralLedgerMapping.objects.create(side="vat", gl_code="980000", valid_from=date(2020, 4, 1))
    for row in rows:
        GeneralLedgerMapping.objects.create(
            side="income", fund_id=row["code"], gl_code=f"9640{row['code']}", valid_from=date(2020, 4, 1)
        )


def _methods() -> None:
    for row in (
        {"code": "1", "name": "Cash", "is_cash": True},
        {"code": "28", "name": "Bank credit"},
        {"code": "90", "name": "Card online", "is_card": True, "is_card_self_service": True, "is_refundable": True},
        {"code": "JN", "name": "Journal", "is_journal": True},
        {"code": "JR", "name": "Journal re-allocation", "is_journal_reallocation": True},
        {"code": "10", "name": "Transfer in", "is_transfer_in": True},
        {"code": "11", "name": "Transfer out", "is_transfer_out": True},
    ):
        MethodOfPayment.objects.create(**row)


def _accounts(world: World) -> None:
    stop = StopReason.objects.create(fund_id="23", code="BAIL", message="With the bailiffs: do not accept payment")
    for fund, reference, name, balance, stopped in (
        ("23", world.council_tax_account, "Mrs Ada Moss", "1200.00", None),
        ("23", world.other_council_tax_account, "Mr Ben Hill", "800.00", None),
        ("23", world.stopped_account, "Ms Cora Vale", "300.00", stop),
        ("5", world.rents_account, "Mr Dev Rao", "95.50", None),
    ):
        AccountHolder.objects.create(
            fund_id=fund,
            reference=reference,
            name=name,
            surname=name.split()[-1],
            postcode="S70 2DR",
            balance=Decimal(balance),
            stop_reason=stopped,
        )


def add_payment_types() -> None:
    """Offer council tax, rent, parking fines and building control to payers."""
    with acting(SET_UP, "Test set-up"):
        for code, fund, title, label, welsh in (
            ("council-tax", "23", "Council Tax", "Council Tax account number", "Treth Gyngor"),
            ("rent", "5", "Council house rent", "Rent account number", "Rhent tŷ cyngor"),
            ("parking-fine", "11", "Parking fine", "Penalty charge notice number", "Dirwy parcio"),
            ("building-control", "31", "Building control", "Application number", "Rheoli adeiladu"),
        ):
            owner = Fund.objects.get(pk=fund)
            owner.is_payable_online = True
            owner.save()
            PaymentType.objects.create(
                code=code,
                fund=owner,
                title=title,
                title_welsh=welsh,
                reference_label=label,
                reference_label_welsh="Rhif y bil",
                reference_hint="On the front of your bill",
                reference_hint_welsh="Ar flaen eich bil",
                asks_for_address=code == "building-control",
            )
