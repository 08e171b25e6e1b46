"""What people pay on one day at the Model Council: mostly well written, sometimes not. Always the same for a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

from ims.demonstration.population import (
    BUSINESS_RATES,
    COUNCIL_TAX,
    HOUSING,
    INVOICES,
    OVERPAYMENTS,
    Holder,
    by_fund,
    on_stop,
    reference_for,
)
from ims.references.rules import ReferenceRule

PARKING, LIBRARIES, BUILDING_CONTROL, MARKETS, FIXED_PENALTIES = "11", "5M", "31", "52", "2R"


@dataclass(frozen=True)
class Payment:
    """Money somebody paid. `reference` and `payer` are as they wrote them, which may be wrong or nothing at all."""

    amount: Decimal
    fund: str
    reference: str
    payer: str
    words: str = ""
    true_reference: str = ""
    """The account it belongs to, when that is known."""


@dataclass(frozen=True)
class Council:
    """What payments are made of: the account holders, and the reference rules by fund."""

    holders: Sequence[Holder]
    rules: Mapping[str, ReferenceRule]

    def payable(self) -> dict[str, list[Holder]]:
        """The holders of each fund whose accounts may be paid."""
        return by_fund(self.holders)


WORDS = {
    COUNCIL_TAX: ("COUNCIL TAX", "CTAX", "C TAX"),
    BUSINESS_RATES: ("BUSINESS RATES", "NNDR", "RATES"),
    HOUSING: ("RENT", "HOUSE RENT"),
    INVOICES: ("INVOICE", "INV"),
    OVERPAYMENTS: ("HB OVERPAYMENT", "BENEFIT"),
}
_WEEKLY_RENT = (78, 142)


def well_written(random: Random, council: Council, shares: Mapping[str, int], count: int) -> list[Payment]:
    """`count` payments whose reference is right, of the funds in `shares` in those proportions."""
    payable = council.payable()
    funds = random.choices(list(shares), weights=list(shares.values()), k=count)
    return [_from_holder(random, random.choice(payable[fund])) for fund in funds]


def badly_written(random: Random, council: Council, shares: Mapping[str, int], count: int) -> list[Payment]:
    """`count` payments that a person has to identify: misspelt, cut short, without a reference, or from strangers."""
    made = []
    spoils: tuple[Callable[[Random, Payment], Payment], ...] = (_one_digit_wrong, _two_swapped, _nothing_but_a_name)
    for number, payment in enumerate(well_written(random, council, shares, count)):
        made.append(_stranger(random, payment) if number % 4 == 3 else spoils[number % 4](random, payment))
    return made


def to_stopped_accounts(random: Random, council: Council, funds: Sequence[str], count: int) -> list[Payment]:
    """`count` payments to accounts that are on stop."""
    stopped = [holder for holder in on_stop(council.holders) if holder.fund in funds]
    return [_from_holder(random, holder) for holder in random.sample(stopped, min(count, len(stopped)))]


def notices(random: Random, council: Council, fund: str, amounts: Sequence[str], count: int) -> list[Payment]:
    """`count` payments to a fund that has no account holders: each reference proves itself by its check digit."""
    return [
        Payment(
            amount=Decimal(random.choice(amounts)),
            fund=fund,
            reference=reference_for(council.rules[fund], random),
            payer=random.choice(council.holders).name,
        )
        for _ in range(count)
    ]


def random_for(day: date, what: str) -> Random:
    """Chance that is the same every time for one day and one purpose."""
    return Random(f"Model Council, {day.isoformat()}, {what}")


def narrative(random: Random, payment: Payment) -> str:
    """How a bank would print it."""
    name = payment.payer.upper()
    words = payment.words or random.choice(WORDS.get(payment.fund, ("PAYMENT",)))
    if not payment.reference:
        return f"{name} {words}"
    return random.choice(
        (
            f"{payment.reference} {name}",
            f"{name} {payment.reference}",
            f"{words} {payment.reference} {name}",
            f"FP {name} REF {payment.reference}",
        )
    )


def _from_holder(random: Random, holder: Holder) -> Payment:
    return Payment(
        amount=_instalment(random, holder),
        fund=holder.fund,
        reference=holder.reference,
        payer=holder.name,
        true_reference=holder.reference,
    )


def _instalment(random: Random, holder: Holder) -> Decimal:
    """What such a person pays at once, in pounds."""
    owed = max(holder.owed, Decimal("20.00"))
    if holder.fund == HOUSING:
        return Decimal(random.randint(*_WEEKLY_RENT)) + Decimal(random.choice(("0.00", "0.50", "0.42", "0.85")))
    if holder.fund == INVOICES:
        return owed
    if holder.fund == OVERPAYMENTS:
        return Decimal(random.choice((10, 15, 20, 25, 40, 50)))
    return (owed / 10).quantize(Decimal("0.01"))


def _one_digit_wrong(random: Random, payment: Payment) -> Payment:
    place = random.randrange(len(payment.reference) // 2, len(payment.reference))
    digit = str((int(payment.reference[place]) + random.randint(1, 8)) % 10)
    return replace(payment, reference=payment.reference[:place] + digit + payment.reference[place + 1 :])


def _two_swapped(random: Random, payment: Payment) -> Payment:
    written = payment.reference
    for place in range(len(written) - 2, 0, -1):
        if written[place] != written[place + 1]:
            swapped = written[:place] + written[place + 1] + written[place] + written[place + 2 :]
            return replace(payment, reference=swapped)
    return _one_digit_wrong(random, payment)


def _nothing_but_a_name(random: Random, payment: Payment) -> Payment:
    return replace(payment, reference="")


def _stranger(random: Random, payment: Payment) -> Payment:
    words = random.choice(("THANK YOU", "AS AGREED", "FROM MUM", "PAYMENT", "REFUND RETURNED", "MODEL COUNCIL"))
    return replace(payment, reference="", payer="", words=words, true_reference="")
