"""Which changes of what finance owns move money, and so need a second person."""

from __future__ import annotations

from ims.approvals import records
from ims.audit.actors import Actor
from ims.funds import services
from ims.funds.models import (
    CheckDigitScheme,
    Fund,
    GeneralLedgerMapping,
    MethodOfPayment,
    ReferenceRule,
    VatCode,
    VatRate,
)

MAPPING = "funds.mapping"
SETTING = "funds.setting"


def register() -> None:
    """Guard general ledger mappings, and the codes and rules that decide where money goes."""
    records.register_kind(MAPPING, label="General ledger mapping", limit_label="Changes of general ledger mappings")
    records.register_kind(
        SETTING,
        label="Fund, method or rule",
        limit_label="Changes of funds, methods, VAT and reference rules",
    )
    records.guard(GeneralLedgerMapping, MAPPING, funds=lambda mapping: [mapping.fund_id or ""])
    records.guard(
        Fund,
        SETTING,
        harmless=("name", "display_name", "reference_label", "reference_hint", "address_is_collected", "extra"),
        funds=lambda fund: [fund.code],
    )
    records.guard(MethodOfPayment, SETTING, harmless=("name", "extra"))
    records.guard(ReferenceRule, SETTING, harmless=("name",), save=_save_rule)
    records.guard(CheckDigitScheme, SETTING, harmless=("name",), save=_save_scheme)
    records.guard(VatCode, SETTING, harmless=("name",))
    records.guard(VatRate, SETTING)


def _save_rule(actor: Actor, rule: ReferenceRule, reason: str) -> None:
    services.save_reference_rule(actor=actor, rule=rule, reason=reason)


def _save_scheme(actor: Actor, scheme: CheckDigitScheme, reason: str) -> None:
    services.save_check_digit_scheme(actor=actor, scheme=scheme, reason=reason)
