"""The account holders of the Model Council: invented, always the same, every reference right by its fund's own rule."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from ims.demonstration import names
from ims.references.check_digits import expected_character
from ims.references.rules import ReferenceRule, check_reference

SEED = "Model Council"
HOLDERS = 5_000
HOUSING, INVOICES, COUNCIL_TAX, BUSINESS_RATES, OVERPAYMENTS = "5", "19", "23", "24", "25"
_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXY"


@dataclass(frozen=True)
class Kind:
    """How many of the holders a fund has (of each thousand) and what they owe, in pounds."""

    fund: str
    share: int
    least_owed: int
    most_owed: int
    businesses: bool = False
    leading: str = ""


KINDS = (
    Kind(COUNCIL_TAX, 520, 180, 2_600, leading="7"),
    Kind(HOUSING, 230, 0, 900, leading="4"),
    Kind(INVOICES, 100, 20, 4_800, businesses=True, leading="90"),
    Kind(BUSINESS_RATES, 80, 450, 18_000, businesses=True, leading="3"),
    Kind(OVERPAYMENTS, 70, 60, 2_400, leading="6"),
)
"""`leading` is how the back-office system's references of that fund begin."""


@dataclass(frozen=True)
class Holder:
    """One account. `owed` is in pounds; `stop_code` empty when the account is not on stop."""

    fund: str
    reference: str
    name: str
    surname: str
    address: str
    postcode: str
    owed: Decimal
    stop_code: str = ""


def holders(rules: Mapping[str, ReferenceRule], *, count: int = HOLDERS) -> list[Holder]:
    """About `count` account holders, the same on every run. `rules` are the reference rules by fund code."""
    random = Random(SEED)
    made: list[Holder] = []
    for kind in KINDS:
        taken: set[str] = set()
        for _ in range(count * kind.share // 1000):
            reference = _unused(rules.get(kind.fund), random, kind.leading, taken)
            made.append(_holder(kind, reference, random))
    return made


def reference_for(rule: ReferenceRule, random: Random, *, leading: str = "") -> str:
    """A reference that is right by `rule`, beginning as `leading` says where the mask leaves that open."""
    for _ in range(200):
        drawn = [_drawn(character, random) for character in rule.mask]
        for index, character in enumerate(leading):
            if rule.mask[index] in "#?*":
                drawn[index] = character
        reference = "".join(drawn)
        for index, character in enumerate(rule.mask):
            if character == "@" and rule.check_digit is not None:
                digit = expected_character(rule.check_digit, reference, position=index + 1)
                reference = reference[:index] + digit + reference[index + 1 :]
        if check_reference(rule, reference).valid:
            return reference
    raise ValueError(f"No reference fits the mask {rule.mask}")


def as_file(people: Sequence[Holder], *, on: date) -> bytes:
    """The account holders as the file their back-office system would send, with balances true on the day `on`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        ("fund", "reference", "name", "surname", "address", "postcode", "balance", "balance_on", "stop_code")
    )
    for each in people:
        writer.writerow(
            (
                each.fund,
                each.reference,
                each.name,
                each.surname,
                each.address,
                each.postcode,
                each.owed,
                on.isoformat(),
                each.stop_code,
            )
        )
    return text.getvalue().encode()


def by_fund(people: Sequence[Holder]) -> dict[str, list[Holder]]:
    """The holders of each fund whose accounts may be paid."""
    found: dict[str, list[Holder]] = {}
    for each in people:
        if not each.stop_code:
            found.setdefault(each.fund, []).append(each)
    return found


def on_stop(people: Sequence[Holder]) -> Iterator[Holder]:
    """The holders whose account is on stop."""
    return (each for each in people if each.stop_code)


def _unused(rule: ReferenceRule | None, random: Random, leading: str, taken: set[str]) -> str:
    while True:
        reference = reference_for(rule or ReferenceRule(mask="########"), random, leading=leading)
        if reference not in taken:
            taken.add(reference)
            return reference


def _holder(kind: Kind, reference: str, random: Random) -> Holder:
    if kind.businesses:
        surname = ""
        name = f"{random.choice(names.BUSINESSES)} {random.choice(('Ltd', 'LLP', '& Sons', 'Ltd', 'Ltd'))}"
    else:
        surname = random.choice(names.SURNAMES)
        name = f"{random.choice(names.TITLES)} {random.choice(names.FORENAMES)} {surname}"
    street = f"{random.randint(1, 180)} {random.choice(names.STREETS)}"
    owed = Decimal(random.randint(kind.least_owed * 100, kind.most_owed * 100)) / 100
    return Holder(
        fund=kind.fund,
        reference=reference,
        name=name,
        surname=surname,
        address=f"{street}, {random.choice(names.TOWNS)}",
        postcode=f"MC{random.randint(1, 9)} {random.randint(1, 9)}{random.choice(_LETTERS)}{random.choice(_LETTERS)}",
        owed=owed,
        stop_code="BAIL" if kind.fund in _STOPPABLE and random.random() < 0.012 else "",
    )


_STOPPABLE = (COUNCIL_TAX, BUSINESS_RATES, HOUSING)


def _drawn(mask: str, random: Random) -> str:
    if mask == "#":
        return random.choice(_DIGITS)
    if mask == "$":
        return random.choice(_LETTERS)
    if mask in "?*":
        return random.choice(_DIGITS + _LETTERS)
    return "0" if mask == "@" else mask
