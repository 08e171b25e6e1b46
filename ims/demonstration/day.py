"""The files that reach the Model Council on one working day. The same day always brings the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

from ims.demonstration import agent_files, bank_files
from ims.demonstration.agent_files import CounterReceipt
from ims.demonstration.bank_files import Movement
from ims.demonstration.payments import (
    BUILDING_CONTROL,
    FIXED_PENALTIES,
    LIBRARIES,
    MARKETS,
    PARKING,
    Council,
    Payment,
    badly_written,
    narrative,
    notices,
    random_for,
    to_stopped_accounts,
    well_written,
)
from ims.demonstration.population import BUSINESS_RATES, COUNCIL_TAX, HOUSING, INVOICES, OVERPAYMENTS

PENALTIES = ("25.00", "35.00", "50.00", "70.00")
FINES = ("0.60", "1.20", "2.40", "3.00", "4.75", "8.00", "12.00")
STALLS = ("18.00", "24.00", "32.50", "45.00")
PLANS = ("122.00", "206.00", "350.00", "480.00")
CASH, CHEQUE = "1", "2"
SLIP = "45.5O"
"""An amount as a clerk typed it: the letter O for a nought."""
SLIP_MEANS = "45.50"


@dataclass(frozen=True)
class DayFile:
    """One file. `profile` is the code of the file profile it is read by; `sender` is who sends it, in words."""

    name: str
    profile: str
    sender: str
    content: bytes


@dataclass(frozen=True)
class Size:
    """How busy a day is: counts of payments of each file."""

    general: int = 0
    general_unclear: int = 0
    general_stopped: int = 0
    rents: int = 0
    rents_unclear: int = 0
    parking: int = 0
    debtors: int = 0
    debtors_unclear: int = 0
    agents: int = 0
    agents_again: int = 0
    cards: int = 0
    counter: int = 0
    slips: int = 0


FULL = Size(
    general=170,
    general_unclear=22,
    general_stopped=2,
    rents=85,
    rents_unclear=9,
    parking=34,
    debtors=26,
    debtors_unclear=4,
    agents=140,
    agents_again=2,
    cards=42,
    counter=48,
    slips=1,
)
LIGHT = Size(general=95, general_unclear=3, rents=48, agents=64, counter=28)
"""A day of the weeks before."""


def files(
    day: date,
    council: Council,
    size: Size,
    *,
    day_before: date | None = None,
    paid_out: Sequence[Movement] = (),
) -> list[DayFile]:
    """Every file of `day`, in the order in which they arrive. `day_before` is the working day before it; `paid_out` is
    what a card provider paid into the general account.
    """
    made = [
        _allpay(day, council, size, day_before),
        _general(day, council, size, paid_out),
        _rents(day, council, size),
        _parking(day, council, size),
        _debtors(day, council, size),
        _cards(day, council, size),
        _counter(day, council, size),
    ]
    return [each for each in made if each is not None]


def _general(day: date, council: Council, size: Size, paid_out: Sequence[Movement]) -> DayFile | None:
    if not size.general:
        return None
    random = random_for(day, "general")
    shares = {COUNCIL_TAX: 70, BUSINESS_RATES: 14, OVERPAYMENTS: 10, HOUSING: 6}
    paid = well_written(random, council, shares, size.general)
    paid += badly_written(random, council, shares, size.general_unclear)
    paid += to_stopped_accounts(random, council, (COUNCIL_TAX, BUSINESS_RATES), size.general_stopped)
    random.shuffle(paid)
    content = bank_files.mt940(bank_files.GENERAL, day, [*_movements(random, paid), *paid_out])
    return DayFile(f"GENERAL-{day:%Y%m%d}.sta", "mt940", "Bank statement, general income", content)


def _rents(day: date, council: Council, size: Size) -> DayFile | None:
    if not size.rents:
        return None
    random = random_for(day, "rents")
    paid = well_written(random, council, {HOUSING: 1}, size.rents)
    paid += badly_written(random, council, {HOUSING: 1}, size.rents_unclear)
    random.shuffle(paid)
    content = bank_files.camt053(bank_files.RENTS, day, _movements(random, paid, names_payer=True))
    return DayFile(f"RENTS-{day:%Y%m%d}.xml", "camt053", "Bank statement, housing rents", content)


def _parking(day: date, council: Council, size: Size) -> DayFile | None:
    if not size.parking:
        return None
    random = random_for(day, "parking")
    paid = notices(random, council, PARKING, PENALTIES, size.parking)
    paid += notices(random, council, FIXED_PENALTIES, ("80.00", "100.00"), size.parking // 8)
    paid += [replace(each, reference=each.reference[:-2]) for each in paid[:2]]
    random.shuffle(paid)
    content = bank_files.lloyds(bank_files.PARKING, day, _movements(random, paid))
    return DayFile(f"parking-{day:%Y%m%d}.csv", "lloyds", "Bank download, parking", content)


def _debtors(day: date, council: Council, size: Size) -> DayFile | None:
    if not size.debtors:
        return None
    random = random_for(day, "debtors")
    paid = well_written(random, council, {INVOICES: 1}, size.debtors)
    paid += badly_written(random, council, {INVOICES: 1}, size.debtors_unclear)
    content = bank_files.bai2(bank_files.DEBTORS, day, _movements(random, paid))
    return DayFile(f"DEBTORS-{day:%Y%m%d}.bai", "bai2", "Bank report, sundry debtors", content)


def _allpay(day: date, council: Council, size: Size, day_before: date | None) -> DayFile | None:
    if not size.agents:
        return None
    random = random_for(day, "allpay")
    again = _first_allpay_lines(day_before, council, size.agents_again) if day_before else []
    content = agent_files.allpay(day, _allpay_payments(random, council, size.agents), again)
    return DayFile(f"allpay-33561-{day:%Y%m%d}.txt", "allpay", "allpay: shops and post offices", content)


def _allpay_payments(random: Random, council: Council, count: int) -> list[tuple[Payment, str]]:
    paid = well_written(random, council, {COUNCIL_TAX: 55, HOUSING: 40, OVERPAYMENTS: 5}, count)
    return [(payment, random.choice("PTZTP")) for payment in paid]


def _first_allpay_lines(day: date, council: Council, count: int) -> list[str]:
    """Lines of the file of `day` (one of the weeks before), which the agent sends once more."""
    paid = _allpay_payments(random_for(day, "allpay"), council, LIGHT.agents)
    return [agent_files.allpay_line(day, payment, letter) for payment, letter in paid[:count]]


def _cards(day: date, council: Council, size: Size) -> DayFile | None:
    if not size.cards:
        return None
    random = random_for(day, "cards")
    paid = well_written(random, council, {COUNCIL_TAX: 50, HOUSING: 20, OVERPAYMENTS: 10}, size.cards)
    paid += notices(random, council, PARKING, PENALTIES, size.cards // 3)
    declined = well_written(random, council, {COUNCIL_TAX: 1}, 1)
    content = agent_files.govuk_pay(day, paid, declined)
    return DayFile(f"govuk-pay-{day:%Y%m%d}.csv", "govuk-pay", "GOV.UK Pay: cards online", content)


def _counter(day: date, council: Council, size: Size) -> DayFile | None:
    if not size.counter:
        return None
    random = random_for(day, "counter")
    paid = well_written(random, council, {COUNCIL_TAX: 45, HOUSING: 45, OVERPAYMENTS: 10}, size.counter // 2)
    paid += notices(random, council, LIBRARIES, FINES, size.counter // 4)
    paid += notices(random, council, PARKING, PENALTIES, size.counter // 8)
    receipts = [
        CounterReceipt(f"{day:%y%m%d}{number:03d}", payment, random.choice((CASH, CASH, CHEQUE)), f"{payment.amount}")
        for number, payment in enumerate(paid, start=1)
    ]
    receipts += _over_the_counter(random, day, len(receipts))
    # Two children pay the same fine with one library card: twins, and both are real.
    twin = next(each for each in receipts if each.payment.fund == LIBRARIES)
    receipts.append(twin)
    if size.slips:
        receipts.append(replace(twin, number=f"{day:%y%m%d}901", amount=SLIP, narrative="Lost books"))
    content = agent_files.receipts15(day, receipts, office="WP", clerk="7")
    return DayFile(f"westgate-counter-{day:%Y%m%d}.csv", "receipts15", "Cash office, Westgate Plaza", content)


def _over_the_counter(random: Random, day: date, taken: int) -> list[CounterReceipt]:
    """Receipts of funds that know neither account holders nor check digits."""
    made = []
    for number in range(3):
        stall = Payment(_one_of(random, STALLS), MARKETS, f"{random.randint(1, 9)}{number:02d}MKT", "Stall holder")
        made.append((stall, CASH))
    plans = Payment(_one_of(random, PLANS), BUILDING_CONTROL, f"BC/{day:%Y}/{random.randint(100, 999)}", "Agent")
    made.append((plans, CHEQUE))
    return [
        CounterReceipt(f"{day:%y%m%d}{number:03d}", payment, method, f"{payment.amount}")
        for number, (payment, method) in enumerate(made, start=taken + 1)
    ]


def _one_of(random: Random, amounts: Sequence[str]) -> Decimal:
    """One of the amounts, in pounds."""
    return Decimal(random.choice(amounts))


def _movements(random: Random, paid: Sequence[Payment], *, names_payer: bool = False) -> list[Movement]:
    return [
        Movement(
            amount=payment.amount,
            narrative=narrative(random, payment),
            payer=payment.payer if names_payer else "",
        )
        for payment in paid
    ]


def file_to_try(day: date, council: Council) -> DayFile:
    """A file that is left for whoever looks at the demonstration to bring in."""
    random = random_for(day, "to try")
    paid = well_written(random, council, {COUNCIL_TAX: 60, HOUSING: 40}, 10)
    paid += notices(random, council, LIBRARIES, FINES, 4)
    paid += badly_written(random, council, {COUNCIL_TAX: 1}, 2)
    receipts = [
        CounterReceipt(f"{day:%y%m%d}7{number:02d}", payment, CASH, f"{payment.amount}")
        for number, payment in enumerate(paid, start=1)
    ]
    content = agent_files.receipts15(day, receipts, office="WP", clerk="9")
    return DayFile(f"try-this-counter-{day:%Y%m%d}.csv", "receipts15", "Cash office, late", content)
