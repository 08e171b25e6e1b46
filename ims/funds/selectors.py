"""Reading what finance owns. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from ims.audit.actors import Actor
from ims.audit.scope import Paths, within
from ims.funds import rules
from ims.funds.errors import FundsRefusal
from ims.funds.models import (
    _SINGLE_USE,
    BankHoliday,
    Fund,
    GeneralLedgerMapping,
    MethodOfPayment,
    Office,
    SystemMessage,
    VatCode,
    VatRate,
)
from ims.people.models import User
from ims.references.rules import ReferenceRule

_SIDES = dict(GeneralLedgerMapping.Side.choices)


def funds_visible_to(actor: Actor) -> QuerySet[Fund]:
    """Every fund in the actor's scope, in use or not."""
    return Fund.objects.filter(within(actor, Paths("pk", "", "")))


def funds_in_use(actor: Actor | None = None) -> QuerySet[Fund]:
    """The funds that may receive money, of those `actor` may see (all when no actor is given)."""
    visible = Fund.objects.all() if actor is None else funds_visible_to(actor)
    return visible.filter(is_active=True)


def methods_in_use(actor: Actor | None = None) -> QuerySet[MethodOfPayment]:
    """The methods of payment that may be posted with, of those `actor` may see (all when no actor is given)."""
    methods = MethodOfPayment.objects.filter(is_active=True)
    return methods.filter(within(actor, Paths("", "", "pk"))) if actor else methods


def offices_in_use(actor: Actor | None = None) -> QuerySet[Office]:
    """The offices money may be taken at, of those `actor` may see (all when no actor is given)."""
    offices = Office.objects.filter(is_active=True)
    return offices.filter(within(actor, Paths("", "pk", ""))) if actor else offices


def vat_codes_in_use() -> QuerySet[VatCode]:
    """The VAT codes a line may carry."""
    return VatCode.objects.filter(is_active=True)


def suspense_fund() -> Fund:
    """The one fund that holds unidentified receipts. Raises `FundsRefusal` when none is marked."""
    fund = Fund.objects.filter(is_suspense=True).first()
    if fund is None:
        raise FundsRefusal("No fund is the suspense fund. Mark one under Funds.")
    return fund


def the_method(flag: str) -> MethodOfPayment:
    """The one method of payment in use that has `flag`, like ``is_journal``. Raises `FundsRefusal` when none has."""
    if flag not in _SINGLE_USE:
        raise ValueError(f"{flag} may be true of several methods of payment")
    method = MethodOfPayment.objects.filter(**{flag: True, "is_active": True}).first()
    if method is None:
        raise FundsRefusal(f"No method of payment {_SINGLE_USE[flag]}. Mark one under Methods of payment.")
    return method


def rate_on(vat_code: str, day: date) -> Decimal:
    """The rate of `vat_code` on `day`, as a fraction. Raises `FundsRefusal` when the code has no rate that day."""
    rate = VatRate.objects.filter(_valid_on(day), vat_code_id=vat_code).values_list("rate", flat=True).first()
    if rate is None:
        raise FundsRefusal(f"VAT code {vat_code} has no rate on {day:%-d %b %Y}. Add one under VAT rates.")
    return rate


def mappings_on(first: date, last: date) -> list[rules.Mapping]:
    """Every general ledger mapping that is valid on some day from `first` to `last`, for `rules.choose_mapping`."""
    rows = GeneralLedgerMapping.objects.filter(valid_from__lte=last).filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=first)
    )
    return [
        rules.Mapping(
            side=row.side,
            gl_code=row.gl_code,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            fund=row.fund_id or "",
            method_of_payment=row.method_of_payment_id or "",
            office=row.office_id or "",
            vat_code=row.vat_code_id or "",
            cost_centre=row.cost_centre,
        )
        for row in rows
    ]


def gl_code_for(
    side: str,
    *,
    day: date,
    fund: str = "",
    method_of_payment: str = "",
    office: str = "",
    vat_code: str = "",
    mappings: Iterable[rules.Mapping] | None = None,
) -> rules.Mapping:
    """The mapping that gives the general ledger code of one line. Raises `FundsRefusal` naming what has none.

    Pass `mappings` (from `mappings_on`) when asking for many lines.
    """
    chosen = rules.choose_mapping(
        mappings_on(day, day) if mappings is None else mappings,
        side=side,
        day=day,
        fund=fund,
        method_of_payment=method_of_payment,
        office=office,
        vat_code=vat_code,
    )
    if chosen is None:
        line = [("fund", fund), ("method of payment", method_of_payment), ("office", office), ("VAT code", vat_code)]
        named = ", ".join(f"{name} {code}" for name, code in line if code)
        raise FundsRefusal(
            f"There is no general ledger code ({_SIDES[side].lower()}) for {named} on {day:%-d %b %Y}. "
            "Add one under General ledger mappings."
        )
    return chosen


def bank_holidays(first: date, last: date) -> frozenset[date]:
    """The bank holidays from `first` to `last`, both included."""
    return frozenset(BankHoliday.objects.filter(day__range=(first, last)).values_list("day", flat=True))


def working_days_between(first: date, last: date) -> int:
    """Working days after `first`, up to and including `last`."""
    return rules.working_days_between(first, last, bank_holidays(first, last))


def next_working_day(day: date) -> date:
    """The first day after `day` on which banks work."""
    holidays = frozenset(BankHoliday.objects.filter(day__gt=day).values_list("day", flat=True)[:60])
    return rules.next_working_day(day, holidays)


def previous_working_day(day: date) -> date:
    """The last day before `day` on which banks worked."""
    holidays = frozenset(BankHoliday.objects.filter(day__lt=day).order_by("-day").values_list("day", flat=True)[:60])
    return rules.previous_working_day(day, holidays)


def reference_rules(codes: Iterable[str] | None = None) -> dict[str, ReferenceRule]:
    """The reference rule of each fund that has one, by fund code: one query, and patterns compiled once a process.

    Ask once for each request or file and pass the answer on.
    """
    funds = with_rules(codes).filter(reference_rule__isnull=False)
    return {fund.code: rule for fund in funds if (rule := rule_of(fund))}


def with_rules(codes: Iterable[str] | None = None) -> QuerySet[Fund]:
    """The funds called `codes` (all when none are given) with what `rule_of` asks of each, in one query."""
    funds = Fund.objects.select_related("reference_rule__check_digit")
    return funds if codes is None else funds.filter(code__in=set(codes))


def rule_of(fund: Fund) -> ReferenceRule | None:
    """The reference rule of a fund of `with_rules`; None when it has none. Patterns are compiled once a process."""
    return ReferenceRule.from_config(fund.reference_rule.as_config()) if fund.reference_rule else None


def messages_now(moment: datetime) -> list[SystemMessage]:
    """The system messages to show at `moment`, the gravest first."""
    gravity = [SystemMessage.Severity.ERROR, SystemMessage.Severity.WARNING, SystemMessage.Severity.INFORMATION]
    current = SystemMessage.objects.filter(starts_at__lte=moment, ends_at__gt=moment)
    return sorted(current, key=lambda message: gravity.index(message.severity))


def fund_scope(user: User) -> frozenset[str] | None:
    """The funds a person may see: those of their groups; None (all) for a person in no group."""
    rows = list(user.fund_groups.values_list("pk", "funds__code"))
    if not rows:
        return None
    return frozenset(code for _, code in rows if code is not None)


def _valid_on(day: date) -> Q:
    return Q(valid_from__lte=day) & (Q(valid_to__isnull=True) | Q(valid_to__gte=day))
