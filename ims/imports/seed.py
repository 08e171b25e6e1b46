"""The file profiles every council starts with: one for each format IMS reads, with the usual codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import time
from typing import Any

from ims.audit.actors import Actor
from ims.formats import profile as profiles
from ims.formats import registry
from ims.formats.allpay import TYPES
from ims.funds.models import MethodOfPayment, Office
from ims.imports.models import FileProfile, RoutingRule
from ims.imports.models.profiles import LAYOUT
from ims.imports.services.configuration import save_profile, save_rule

REASON = "Comes with IMS"
BATCH_OFFICE = "99"
BANK_CREDIT = "28"
DIRECT_DEBIT = "30"
ALLPAY = "15"
CARD = "90"
WORKING_DAYS = [0, 1, 2, 3, 4]


@dataclass(frozen=True)
class Seed:
    """One profile to start with."""

    code: str
    name: str
    format: str
    method: str = BANK_CREDIT
    settings: tuple[tuple[str, Any], ...] = ()


_ALLPAY_METHODS = {"P": "15", "C": "16", "Q": "17", "T": "18", "Z": "19", "N": "20", "B": "21"}
"""How an allpay payment was made → the method of payment it is posted with."""
_NOT_FOR_COUNCILS = {"bank-of-ireland", "monzo", "bunq"}
_AGENTS = {"allpay": ALLPAY, "paypoint": "18", "post-office": "15"}
_CARDS = ("govuk", "stripe", "adyen", "worldpay", "card")
_DURING_THE_DAY = {"mt942", "camt052"}
_EXPECTED = {"mt940": time(9, 0), "allpay": time(8, 30)}
_NAMES = {
    "receipts15": "Receipts file, 15 fields",
    "mt940": "Bank statement (MT940)",
    "camt053": "Bank statement (CAMT.053)",
}


def seed_profiles(actor: Actor) -> list[FileProfile]:
    """Add the profiles that are missing; those there are stay as the council made them. Returns the ones added.

    Codes that the council does not have (method of payment, office) are left empty.
    """
    known = set(FileProfile.objects.values_list("code", flat=True))
    added = [_add(actor, seed) for seed in seeds() if seed.code not in known]
    if any(profile.code == "allpay" for profile in added):
        _add_allpay_rules(actor)
    return added


def seeds() -> list[Seed]:
    """One profile for each layout that comes with IMS, as data to edit, and one for each other format it reads.

    Those that tell of mandates and not of money are among them: their files are kept and shown, and nothing is posted.
    """
    layouts = [profiles.builtin(name) for name in profiles.builtin_names() if name not in _NOT_FOR_COUNCILS]
    names = {layout.name for layout in layouts} | _NOT_FOR_COUNCILS
    found = [
        _seed(name.replace(".", ""), known.title, name) for name, known in registry.FORMATS.items() if name not in names
    ]
    found += [
        replace(
            _seed(layout.name, layout.title or layout.name.capitalize(), LAYOUT),
            settings=(("layout", layout.to_config()),),
        )
        for layout in layouts
    ]
    return found


def _seed(code: str, title: str, format: str) -> Seed:
    if code in _AGENTS:
        method = _AGENTS[code]
    elif code.startswith("bacs"):
        method = DIRECT_DEBIT
    elif code.startswith(_CARDS):
        method = CARD
    elif code == "receipts15":
        method = ""  # every row names its own
    else:
        method = BANK_CREDIT
    return Seed(code, _NAMES.get(code, title), format, method)


def _add(actor: Actor, seed: Seed) -> FileProfile:
    expected_by = _EXPECTED.get(seed.code)
    profile = FileProfile(
        code=seed.code,
        name=seed.name[:80],
        format=seed.format,
        method_of_payment=MethodOfPayment.objects.filter(pk=seed.method).first(),
        office=Office.objects.filter(pk=BATCH_OFFICE).first(),
        entries=_entries(seed.code),
        expected_days=WORKING_DAYS if expected_by else [],
        expected_by=expected_by,
        **dict(seed.settings),
    )
    return save_profile(actor=actor, profile=profile, reason=REASON)


def _entries(code: str) -> str:
    """Agents' files and cards carry returned payments, which must come off the account they were posted to.

    What a bank tells during the day it tells again in the statement of the day: posting both would post twice.
    """
    if code in _DURING_THE_DAY:
        return FileProfile.Entries.NOTHING
    returns = code in _AGENTS or code.startswith(_CARDS)
    return FileProfile.Entries.RECEIPTS_AND_RETURNS if returns else FileProfile.Entries.RECEIPTS


def _add_allpay_rules(actor: Actor) -> None:
    for letter, method in _ALLPAY_METHODS.items():
        if not MethodOfPayment.objects.filter(pk=method).exists():
            continue
        name = f"allpay {TYPES[letter]}"
        if RoutingRule.objects.filter(name=name).exists():
            continue
        condition = {"field": "type_code", "operator": "equals", "value": letter}
        rule = RoutingRule(
            name=name,
            position=10,
            profiles=["allpay"],
            groups=[{"match": "all", "conditions": [condition]}],
            actions={"method_of_payment": method},
        )
        save_rule(actor=actor, rule=rule, reason=REASON)
