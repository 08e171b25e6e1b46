"""What may be paid together: the lines of a basket, checked before anything is written or asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from ims.accounts.rules import LineToCheck, Verdict
from ims.accounts.selectors import AtHand, check_lines
from ims.audit.actors import Actor
from ims.common.money import ZERO, format_pounds
from ims.funds.models import Fund
from ims.funds.selectors import with_rules
from ims.payments import rules, selectors
from ims.payments.errors import PaymentRefusal
from ims.payments.models import Basket, BasketLine
from ims.payments.models.set_up import Channel, PaymentRoute


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """One thing to be paid. `amount` in pounds, VAT included. Empty VAT code: the fund's own."""

    fund: str
    amount: Decimal
    account_reference: str = ""
    vat_code: str = ""
    narrative: str = ""


def lines_of(basket: Basket) -> list[NewLine]:
    """The basket's lines as they would be given."""
    return [as_new(line) for line in basket.lines.order_by("line")]


def as_new(line: BasketLine) -> NewLine:
    """A line of a basket as it would be given."""
    return NewLine(
        fund=line.fund_id,
        amount=line.amount,
        account_reference=line.account_reference,
        vat_code=line.vat_code_id,
        narrative=line.narrative,
    )


@dataclass(frozen=True)
class Checked:
    """Lines that may be paid, with what was read to know it. `route` is None when there are no lines."""

    lines: list[tuple[NewLine, Verdict]]
    route: PaymentRoute | None
    funds: dict[str, Fund]

    @property
    def total(self) -> Decimal:
        """The sum of the lines, in pounds."""
        return sum((line.amount for line, _ in self.lines), ZERO)


def refuse_unpayable(basket: Basket, goods: Checked, *, ask_address: bool = True) -> None:
    """Raise `PaymentRefusal` when the basket is empty, outside its service's limits, or wants the payer's address.

    Asked before money is asked for. `ask_address` False: whoever pays later will be asked for it.
    """
    if goods.route is None:
        raise PaymentRefusal("The basket is empty. Add what is to be paid.", code="basket_empty")
    total, service = goods.total, goods.route.service
    if not service.minimum_amount <= total <= service.maximum_amount:
        raise PaymentRefusal(
            f"{format_pounds(total)} cannot be paid by card: the least is {format_pounds(service.minimum_amount)} and "
            f"the most {format_pounds(service.maximum_amount)}. Pay another way, or in parts.",
            code="outside_card_limits",
        )
    if ask_address:
        _require_address(basket, goods.funds)


def _require_address(basket: Basket, funds: Mapping[str, Fund]) -> None:
    wanting = next((fund for _, fund in sorted(funds.items()) if fund.address_is_collected), None)
    if wanting and not (basket.payer_name and basket.address and basket.postcode):
        raise PaymentRefusal(
            f"{wanting.display_name or wanting.name} needs the payer's name, address and postcode. Enter them.",
            code="address_missing",
        )


def checked(basket: Basket, lines: Sequence[NewLine], actor: Actor) -> Checked:
    """Run the chain of checks over the lines of a basket.

    Raises `PaymentRefusal` with a sentence for every line that may not be paid (any more).
    """
    if len(lines) > rules.MOST_LINES:
        raise PaymentRefusal(
            f"A basket holds {rules.MOST_LINES} lines. Pay these first, then the rest.", code="basket_full"
        )
    public = basket.channel == Channel.ONLINE
    route = selectors.route_for(basket.channel, [line.fund for line in lines]) if lines else None
    method = route.method_of_payment_id if route else ""
    funds = {fund.code: fund for fund in with_rules(line.fund for line in lines)} if lines else {}
    at_hand = AtHand(funds=funds, methods={method: route.method_of_payment} if route else {})
    to_check = [
        LineToCheck(
            fund=line.fund,
            amount=line.amount,
            account_reference=line.account_reference,
            method_of_payment=method,
            vat_code=line.vat_code,
        )
        for line in lines
    ]
    verdicts = check_lines("public" if public else "staff", to_check, actor=actor, at_hand=at_hand)
    online = {code for code, fund in funds.items() if fund.is_payable_online} if public else set(funds)
    refusals = _refusals(lines, verdicts, allowed=online)
    if refusals:
        raise PaymentRefusal(" ".join(refusals), code="lines_refused", details=refusals)
    return Checked(list(zip(lines, verdicts, strict=True)), route, funds)


def _refusals(lines: Sequence[NewLine], verdicts: Sequence[Verdict], *, allowed: Set[str]) -> list[str]:
    found, seen = [], set()
    for number, (line, verdict) in enumerate(zip(lines, verdicts, strict=True), start=1):
        start = f"Line {number}: " if len(lines) > 1 else ""
        key = (line.fund, (verdict.account_reference or "").upper())
        if not verdict.accepted:
            found.append(start + verdict.refusal)
        elif line.amount < 0:
            found.append(f"{start}{format_pounds(line.amount)} is less than nothing. Give an amount above £0.00.")
        elif line.fund not in allowed:
            found.append(f"{start}This cannot be paid online. Choose something else.")
        elif key[1] and key in seen:
            found.append(f"{start}Reference {verdict.account_reference} is in the basket already. Change its amount.")
        seen.add(key)
    return found
