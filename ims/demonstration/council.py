"""Setting the Model Council up: codes, people, accounting periods, file and export profiles, account holders.

Everything goes through the rooms' own services, done by the person whose work it is. What is there already is left.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from ims.accounts.models import AccountHolder, StopReason
from ims.accounts.services import load_file
from ims.audit.actors import acting, command
from ims.demonstration import cast
from ims.demonstration.agreeing import act_or_ask
from ims.demonstration.card_payments import CLEARING, ONLINE_IN_THE_BANK
from ims.demonstration.payments import Council
from ims.demonstration.population import Holder, as_file, holders
from ims.demonstration.telling import Event, Tell
from ims.exports.seed import seed_profiles as seed_export_profiles
from ims.funds.seed import add_missing, rows, seed_model_council
from ims.funds.selectors import reference_rules
from ims.imports.models import RoutingRule
from ims.imports.seed import seed_profiles as seed_file_profiles
from ims.imports.services import save_rule
from ims.ledger.models import AccountingPeriod
from ims.ledger.services import close_period, open_period

MONTHS_BEFORE, MONTHS_AFTER = 8, 4
MONTHS_LEFT_OPEN = 3
"""The month of today and those before it that may still be posted to."""


def lay_ground(tell: Tell) -> None:
    """People and codes: what everything else, the calendar included, is reckoned from."""
    added = cast.assemble()
    tell(Event("People", f"{len(cast.CAST)} people, one for each role" if added else "as they were"))
    codes = seed_model_council(command("demo"))
    tell(Event("Reference data", _counted(codes | {"stop_reasons": _add_stop_reasons()})))


def set_up(day: date, tell: Tell) -> Council:
    """Bring the Model Council to the state in which its working day can begin."""
    files = seed_file_profiles(command("demo"))
    exports = seed_export_profiles(command("demo"))
    rules = _add_rules()
    tell(
        Event(
            "Profiles",
            f"{len(files)} file profiles and {rules} routing rules added; {len(exports)} export profiles",
            cast.MANAGER.name,
        )
    )
    opened = _open_periods(day)
    tell(Event("Accounting periods", f"{opened} opened" if opened else "as they were", cast.FINANCIER.name))
    people = holders(reference_rules())
    loaded = _load_holders(people, day)
    detail = f"{loaded:,} loaded" if loaded else f"{len(people):,} as they were"
    tell(Event("Account holders", detail, cast.OFFICER.name))
    return Council(people, reference_rules())


def close_earlier_periods(day: date) -> int:
    """Close the months nobody posts to any more. Returns how many were closed."""
    oldest_open = _month(day, -(MONTHS_LEFT_OPEN - 1))
    closed = 0
    for period in AccountingPeriod.objects.filter(is_open=True, ends_on__lt=oldest_open).order_by("starts_on"):
        close_period(actor=cast.act_as(cast.FINANCIER), period_id=period.pk, reason="Month end: bank and ledger agreed")
        closed += 1
    return closed


def _add_stop_reasons() -> int:
    with acting(cast.act_as(cast.ADMIN), cast.REASON):
        return sum(
            add_missing(StopReason, ("fund", "code"), row)
            for row in rows("ims.accounts", "model_council/stop_reasons.csv")
        )


def _open_periods(day: date) -> int:
    opened = 0
    for offset in range(-MONTHS_BEFORE, MONTHS_AFTER + 1):
        first = _month(day, offset)
        if AccountingPeriod.objects.filter(starts_on__lte=first, ends_on__gte=first).exists():
            continue
        last = first.replace(day=monthrange(first.year, first.month)[1])
        open_period(actor=cast.act_as(cast.FINANCIER), name=f"{first:%B %Y}", starts_on=first, ends_on=last)
        opened += 1
    return opened


def _month(day: date, offset: int) -> date:
    """The first day of the month `offset` months from that of `day`."""
    months = day.year * 12 + day.month - 1 + offset
    return date(months // 12, months % 12 + 1, 1)


def _load_holders(people: list[Holder], day: date) -> int:
    if AccountHolder.objects.exists():
        return 0
    load = load_file(
        actor=cast.act_as(cast.OFFICER),
        file=as_file(people, on=day - timedelta(days=1)),
        is_full=True,
        file_name=f"model-council-accounts-{day:%Y%m%d}.csv",
        reason="Overnight load from the back-office systems",
    )
    return load.added


_RULES = (
    RoutingRule(
        name="Card payouts: clearing",
        description="What the card provider pays out was receipted when each payer paid: it clears those payments.",
        position=5,
        profiles=["mt940"],
        groups=[
            {
                "match": "all",
                "conditions": [{"field": "narrative", "operator": "starts_with", "value": ONLINE_IN_THE_BANK}],
            }
        ],
        actions={"fund": CLEARING},
        stops=True,
    ),
    RoutingRule(
        name="Rents account: housing rents",
        description="Everything paid into the rents account is rent, whatever the payer wrote.",
        position=10,
        profiles=["camt053"],
        groups=[{"match": "all", "conditions": [{"field": "fund", "operator": "blank"}]}],
        actions={"fund": "5"},
    ),
    RoutingRule(
        name="Sundry debtors account: SAP invoices",
        description="The debtors account is printed on invoices only.",
        position=20,
        profiles=["bai2"],
        groups=[{"match": "all", "conditions": [{"field": "fund", "operator": "blank"}]}],
        actions={"fund": "19"},
    ),
    RoutingRule(
        name="Business rates by their name",
        description="Payers who write NNDR or business rates mean fund 24.",
        position=30,
        profiles=["mt940"],
        groups=[
            {
                "match": "any",
                "conditions": [
                    {"field": "narrative", "operator": "contains", "value": "NNDR"},
                    {"field": "narrative", "operator": "contains", "value": "BUSINESS RATES"},
                ],
            }
        ],
        actions={"fund": "24"},
    ),
)


def _add_rules() -> int:
    known = set(RoutingRule.objects.values_list("name", flat=True))
    missing = [rule for rule in _RULES if rule.name not in known]
    for rule in missing:
        act_or_ask(
            lambda rule=rule: save_rule(
                actor=cast.act_as(cast.MANAGER), rule=rule, reason="Model Council's own routing"
            ),
            maker=cast.MANAGER,
            checker=cast.FINANCIER,
        )
    return len(missing)


def _counted(added: dict[str, int]) -> str:
    """The codes that matter most, and how many records in all."""
    if not any(added.values()):
        return "as it was"
    named = ("funds", "methods_of_payment", "reference_rules", "gl_mappings")
    words = [f"{added[name]} {name.replace('gl_', 'general ledger ').replace('_', ' ')}" for name in named]
    return f"{', '.join(words)}; {sum(added.values())} records in all"
