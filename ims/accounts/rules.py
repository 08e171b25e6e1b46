"""May this line be posted to this fund and account? The whole chain of checks, decided without the database.

The order is that of LocalGov IMS, so that a council's people get the answers they know: fund and method, amounts,
VAT, the reference, the account, its stop. The first failure decides. Unlike there, a fund without a reference rule
still has its largest amount, its accounts and their stops checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, Protocol

from ims.common.money import LARGEST, format_pounds
from ims.funds.rules import vat_for_line
from ims.references.rules import ReferenceRule, check_reference
from ims.references.rules import Verdict as ReferenceVerdict

Audience = Literal["staff", "public"]


class CheckableLine(Protocol):
    """What a line to be checked must have. A ledger line has it."""

    @property
    def fund(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def account_reference(self) -> str: ...
    @property
    def method_of_payment(self) -> str: ...
    @property
    def vat_code(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class LineToCheck:
    """A line that is not a ledger line yet. Empty texts: not given."""

    fund: str
    amount: Decimal
    account_reference: str = ""
    method_of_payment: str = ""
    vat_code: str = ""


@dataclass(frozen=True, kw_only=True)
class FundFacts:
    """What the chain must know of a fund."""

    code: str
    name: str
    is_active: bool
    vat_code: str
    vat_may_be_overridden: bool
    maximum_amount: Decimal | None
    account_must_exist: bool
    rule: ReferenceRule | None


@dataclass(frozen=True, kw_only=True)
class MethodFacts:
    """What the chain must know of a method of payment."""

    code: str
    name: str
    is_active: bool
    minimum_amount: Decimal
    maximum_amount: Decimal


@dataclass(frozen=True, kw_only=True)
class AccountFacts:
    """What the chain must know of a known account. `stop_…` are empty when it has no stop."""

    pk: int
    reference: str
    name: str
    is_open: bool
    stop_message: str = ""
    stop_audience: str = ""
    stop_effect: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything known about the codes and accounts that the lines name."""

    funds: Mapping[str, FundFacts]
    methods: Mapping[str, MethodFacts]
    vat_codes: Mapping[str, bool]
    """VAT code to whether it is in use: of the codes lines ask for beside their fund's own."""
    accounts: Mapping[tuple[str, str], AccountFacts]
    """By fund and reference in capitals."""
    may_pay_stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one line. `refusal` is empty when it may be posted; `warnings` are to be shown in either case.

    `vat_code` is the code the line will carry; `account_reference` is spelt as the account holder's record has it.
    `code` names the failed check for machines.
    """

    accepted: bool
    code: str = ""
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    vat_code: str = ""
    account_reference: str = ""
    account: AccountFacts | None = None
    reference_verdict: ReferenceVerdict | None = None
    """What exactly is wrong with the reference, for faces that word it themselves."""


class _Refused(Exception):
    """Carries the first failure out of the chain."""

    def __init__(self, code: str, sentence: str, verdict: ReferenceVerdict | None = None) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.verdict = code, sentence, verdict


def check_line(line: CheckableLine, facts: Facts, audience: Audience) -> Verdict:
    """Run the chain over one line. Never raises."""
    try:
        return _checked(line, facts, audience)
    except _Refused as refused:
        return Verdict(
            accepted=False,
            code=refused.code,
            refusal=refused.sentence,
            account_reference=line.account_reference,
            vat_code=line.vat_code,
            reference_verdict=refused.verdict,
        )


def _checked(line: CheckableLine, facts: Facts, audience: Audience) -> Verdict:
    fund = _fund(line, facts)
    method = _method(line, facts)
    _amount(line.amount, fund, method)
    vat_code = _vat(line, fund, facts)
    reference = line.account_reference.strip()
    account = facts.accounts.get((fund.code, reference.upper()))
    _reference(reference, fund, account)
    warnings = _account(reference, fund, account, facts, audience)
    return Verdict(
        accepted=True,
        warnings=warnings,
        vat_code=vat_code,
        account_reference=account.reference if account else reference,
        account=account,
    )


def _fund(line: CheckableLine, facts: Facts) -> FundFacts:
    fund = facts.funds.get(line.fund)
    if fund is None:
        if not line.fund:
            raise _Refused("fund_missing", "No fund is given. Choose the fund.")
        raise _Refused("fund_unknown", f"There is no fund “{line.fund}”. Choose one of the funds.")
    if not fund.is_active:
        raise _Refused("fund_not_in_use", f"Fund {fund.code} {fund.name} is no longer in use. Choose another.")
    return fund


def _method(line: CheckableLine, facts: Facts) -> MethodFacts | None:
    if not line.method_of_payment:
        return None
    method = facts.methods.get(line.method_of_payment)
    if method is None:
        raise _Refused("method_unknown", f"There is no method of payment “{line.method_of_payment}”. Choose another.")
    if not method.is_active:
        raise _Refused(
            "method_not_in_use", f"Method of payment {method.code} {method.name} is no longer in use. Choose another."
        )
    return method


def _amount(amount: Decimal, fund: FundFacts, method: MethodFacts | None) -> None:
    if amount != amount.quantize(Decimal("0.01")):
        raise _Refused("amount_too_fine", f"{amount} has more than two decimal places. Give pounds and whole pence.")
    if amount == 0:
        raise _Refused("amount_is_zero", "The amount is £0.00. Give an amount.")
    if abs(amount) > LARGEST:
        raise _Refused("amount_too_large", f"{format_pounds(amount)} is more than IMS can hold.")
    if fund.maximum_amount is not None and amount > fund.maximum_amount:
        raise _Refused(
            "above_fund_maximum",
            f"{format_pounds(amount)} is more than {format_pounds(fund.maximum_amount)}, the most that fund "
            f"{fund.code} {fund.name} takes in one receipt.",
        )
    if method is None:
        return
    if amount > method.maximum_amount:
        raise _Refused(
            "above_method_maximum",
            f"{format_pounds(amount)} is more than {format_pounds(method.maximum_amount)}, the most that method of "
            f"payment {method.code} {method.name} takes.",
        )
    if amount < method.minimum_amount:
        raise _Refused(
            "below_method_minimum",
            f"{format_pounds(amount)} is less than {format_pounds(method.minimum_amount)}, the least that method of "
            f"payment {method.code} {method.name} takes.",
        )


def _vat(line: CheckableLine, fund: FundFacts, facts: Facts) -> str:
    if line.vat_code not in ("", fund.vat_code) and line.vat_code not in facts.vat_codes:
        raise _Refused("vat_unknown", f"There is no VAT code “{line.vat_code}”. Choose one of the VAT codes.")
    choice = vat_for_line(
        fund=fund.code,
        fund_vat_code=fund.vat_code,
        may_be_overridden=fund.vat_may_be_overridden,
        requested=line.vat_code,
    )
    if choice.refusal:
        raise _Refused("vat_may_not_be_overridden", choice.refusal)
    if choice.code != fund.vat_code and not facts.vat_codes[choice.code]:
        raise _Refused("vat_not_in_use", f"VAT code {choice.code} is no longer in use. Choose another.")
    return choice.code


def _reference(reference: str, fund: FundFacts, account: AccountFacts | None) -> None:
    if fund.rule is None:
        return
    # The back-office system's own reference proves itself: its mask and check digit are not run against it.
    rule = fund.rule if account is None else replace(fund.rule, mask="", check_digit=None)
    verdict = check_reference(rule, reference)
    if not verdict.valid:
        code = "reference_pattern_too_slow" if verdict.gave_up else "reference_not_valid"
        raise _Refused(code, f"Fund {fund.code} {fund.name}: {verdict.reason}", verdict)


def _account(
    reference: str, fund: FundFacts, account: AccountFacts | None, facts: Facts, audience: Audience
) -> tuple[str, ...]:
    """The warnings to show; raises when the account must exist and does not, or is on a stop that refuses."""
    if account is None:
        if not fund.account_must_exist:
            return ()
        if not reference:
            raise _Refused(
                "account_missing", f"Fund {fund.code} {fund.name} needs an account reference. Enter the reference."
            )
        raise _Refused(
            "account_unknown",
            f"Fund {fund.code} {fund.name} has no account “{reference}”. Compare the reference with the bill.",
        )
    warnings = [] if account.is_open else [f"Account {account.reference} is gone from the last full load."]
    if account.stop_audience in ("both", audience):
        if account.stop_effect == "refuse" and not facts.may_pay_stopped:
            raise _Refused("account_stopped", f"Account {account.reference} is on stop: {account.stop_message}")
        warnings.append(f"Account {account.reference}: {account.stop_message}")
    elif account.stop_message and audience == "staff":
        warnings.append(f"Account {account.reference}, for the public only: {account.stop_message}")
    return tuple(warnings)
