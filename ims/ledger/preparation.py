"""Filling in what callers leave empty on a line: method, office, VAT code, dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from ims.accounts.selectors import check_lines
from ims.audit.actors import Actor
from ims.audit.scope import in_words, outside
from ims.common import clock
from ims.funds.models import Fund, Office
from ims.funds.selectors import rate_on
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line

FALLBACK_OFFICE = "99"
"""The office stamped on what no office took in, unless the actor has one."""


def complete(lines: Sequence[Line], *, actor: Actor) -> list[Line]:
    """`lines` with every code and date filled in.

    An empty VAT code becomes the fund's; an empty office the actor's, then the batch office. Raises `LedgerRefusal`
    for a fund that does not exist, and for a line outside the actor's scope.
    """
    funds = Fund.objects.in_bulk({line.fund for line in lines})
    offices = [code for code in (actor.office, FALLBACK_OFFICE) if code]
    office = next((code for code in offices if Office.objects.filter(pk=code).exists()), "")
    completed = []
    for line in lines:
        fund = funds.get(line.fund)
        if fund is None or not actor.may_see_fund(line.fund):
            raise LedgerRefusal(f"There is no fund {line.fund!r}, or it is not one of yours.", code="unknown_fund")
        completed.append(
            replace(
                line,
                vat_code=line.vat_code or fund.vat_code_id,
                office=line.office or office,
                received_on=line.received_on or clock.today(),
            )
        )
        _refuse_outside(actor, completed[-1])
    return completed


def _refuse_outside(actor: Actor, line: Line) -> None:
    """What somebody may not see they may not write either."""
    found = outside(actor, fund=line.fund, office=line.office, method=line.method_of_payment)
    if found:
        raise LedgerRefusal(
            f"This would post to {found}, and your account is limited to {in_words(actor)}. "
            "Ask an administrator to widen it, or a colleague to post this.",
            code="outside_scope",
        )


def vat_rates(lines: Sequence[Line]) -> dict[tuple[str, date], Decimal]:
    """The rate of each line's VAT code on the day it was received. Raises `FundsRefusal` where there is none."""
    wanted = {(line.vat_code, line.received_on) for line in lines}
    return {(code, day): rate_on(code, day) for code, day in wanted}


def payable(lines: Sequence[Line], *, actor: Actor) -> list[Line]:
    """`lines` as the accounts they name are really spelt, each allowed by its fund's rules.

    Amounts are given positive. Raises `LedgerRefusal` with a sentence for every line that may not be posted. Limits of
    a method of payment are about taking money, and are not applied to moving it.
    """
    verdicts = check_lines("staff", [replace(line, method_of_payment="") for line in lines], actor=actor)
    refusals = [
        f"Line {number}: {verdict.refusal}" for number, verdict in enumerate(verdicts, start=1) if not verdict.accepted
    ]
    if refusals:
        raise LedgerRefusal(" ".join(refusals), code="lines_refused", details=refusals)
    return [
        replace(line, account_reference=verdict.account_reference, vat_code=verdict.vat_code)
        for line, verdict in zip(lines, verdicts, strict=True)
    ]
