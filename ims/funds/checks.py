"""Findings about the configuration: what would stop money from being posted or exported. They never put it right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ims.common.clock import today
from ims.common.errors import ImsError
from ims.common.findings import Finding
from ims.funds import modulus, rules, selectors
from ims.funds.models import (
    _SINGLE_USE,
    BankHoliday,
    CheckDigitScheme,
    Fund,
    GeneralLedgerMapping,
    MethodOfPayment,
    ReferenceRule,
    VatCode,
)
from ims.references import check_digits
from ims.references import rules as reference_rules

_NEEDED_METHODS = ("is_journal", "is_journal_reallocation", "is_transfer_in", "is_transfer_out")


def verify(day: date | None = None) -> Iterator[Finding]:
    """What is wrong with, or missing from, the modulus tables as things stand on `day` (today)."""
    yield from modulus.altered_tables()
    state = modulus.modulus_state(day)
    if state.finding:
        yield state.finding


def findings(day: date | None = None) -> Iterator[str]:
    """One sentence for each thing an administrator should put right, as things stand on `day` (today)."""
    day = day or today()
    yield from _suspense()
    yield from _methods()
    yield from _vat(day)
    yield from _general_ledger(day)
    yield from _references()
    yield from _calendar(day)


def _suspense() -> Iterator[str]:
    if not Fund.objects.filter(is_suspense=True).exists():
        yield "No fund is the suspense fund: files with unidentified receipts cannot be posted."
    if not VatCode.objects.filter(is_for_suspense=True).exists():
        yield "No VAT code is marked for suspense."


def _methods() -> Iterator[str]:
    for flag in _NEEDED_METHODS:
        if not MethodOfPayment.objects.filter(**{flag: True, "is_active": True}).exists():
            yield f"No method of payment in use {_SINGLE_USE[flag]}."


def _vat(day: date) -> Iterator[str]:
    in_use = set(Fund.objects.filter(is_active=True).values_list("vat_code_id", flat=True))
    in_use |= set(VatCode.objects.filter(is_active=True).values_list("code", flat=True))
    for code in sorted(in_use):
        try:
            selectors.rate_on(code, day)
        except ImsError as refusal:
            yield str(refusal)
    for fund in Fund.objects.filter(is_active=True, vat_code__is_active=False):
        yield f"Fund {fund} carries VAT code {fund.vat_code_id}, which is no longer in use."


def _general_ledger(day: date) -> Iterator[str]:
    mappings = selectors.mappings_on(day, day)
    income, control, vat = GeneralLedgerMapping.Side.values
    for fund in Fund.objects.filter(is_active=True, is_exported_to_ledger=True):
        if rules.choose_mapping(mappings, side=income, day=day, fund=fund.code, vat_code=fund.vat_code_id) is None:
            yield f"Fund {fund} goes into the ledger journal but has no general ledger code for its income."
    for method in MethodOfPayment.objects.filter(is_active=True):
        if rules.choose_mapping(mappings, side=control, day=day, method_of_payment=method.code) is None:
            yield f"Method of payment {method} has no general ledger code for its control account."
    for code in VatCode.objects.filter(is_active=True, rates__rate__gt=0).distinct():
        if rules.choose_mapping(mappings, side=vat, day=day, vat_code=code.code) is None:
            yield f"VAT code {code} has no general ledger code for the VAT."


def _references() -> Iterator[str]:
    for scheme in CheckDigitScheme.objects.all():
        try:
            check_digits.CheckDigitScheme.from_config(scheme.as_config())
        except ImsError as refusal:
            yield f"Check digit scheme “{scheme}”: {refusal}"
    for stored in ReferenceRule.objects.select_related("check_digit"):
        try:
            rule = reference_rules.ReferenceRule.from_config(stored.as_config())
        except ImsError as refusal:
            yield f"Reference rule “{stored}”: {refusal}"
            continue
        for problem in reference_rules.validate_rule(rule):
            yield f"Reference rule “{stored}”: {problem}"


def _calendar(day: date) -> Iterator[str]:
    if not BankHoliday.objects.filter(day__gte=day, day__year=day.year + 1).exists():
        yield f"No bank holidays are known for {day.year + 1}. Load them under Bank holidays."
