"""Card payments of the Model Council: two services on the practice provider, a day's payments, and what comes after.

Payers, officers and the provider do what they do on their pages. Nothing needs a network, and no money moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from ims.audit.actors import Actor, acting, command
from ims.common import clock
from ims.common.money import format_pounds
from ims.demonstration import cast
from ims.demonstration.bank_files import Movement
from ims.demonstration.payments import Council
from ims.demonstration.population import Holder
from ims.demonstration.telling import Event, Tell
from ims.payments import gateways, reading, refundable, refunding
from ims.payments.actors import CARD_DESK, PUBLIC
from ims.payments.dealings import refresh, start_payment
from ims.payments.models import Basket, PaymentAttempt, PaymentLink, PaymentRoute, PaymentService, Payout
from ims.payments.services import NewLine, Payer, create_link, open_basket, request_refund
from ims.payments.services.disputes import note_dispute
from ims.payments.services.settlement import match_payouts
from ims.providers import stub

SOURCE = "demonstration"
CLEARING, FEES = "97", "98"
COUNCIL_TAX, RENTS = "23", "5"
ONLINE = "practice-online"
ONLINE_IN_THE_BANK = "PRACTICE PAY ONLINE"
_SERVICES = (
    (ONLINE, "Practice: cards online", (("online", "90"), ("link", "90")), ONLINE_IN_THE_BANK),
    (
        "practice-staff",
        "Practice: telephone and counter",
        (("telephone", "92"), ("counter", "92")),
        "PRACTICE PAY STAFF",
    ),
)
_ONLINE = ("132.00", "118.50", "96.25", "145.00", "61.40", "88.00", "203.75", "54.20")


def set_up() -> int:
    """Add the two services and their routes; the number added. What is there stays as it is."""
    added = 0
    with acting(command("demo"), cast.REASON):
        for code, name, routes, bank_text in _SERVICES:
            service, is_new = PaymentService.objects.get_or_create(
                code=code,
                defaults={
                    "name": name,
                    "provider": PaymentService.Provider.STUB,
                    "clearing_fund_id": CLEARING,
                    "fee_fund_id": FEES,
                    "bank_text": bank_text,
                },
            )
            added += is_new
            for channel, method in routes if is_new else ():
                if not PaymentRoute.objects.filter(channel=channel, fund=None).exists():
                    PaymentRoute.objects.create(channel=channel, service=service, method_of_payment_id=method)
    return added


def take_and_pay_out(day: date, model: Council) -> None:
    """Payments that the provider pays out in the night before `day`, so that the bank's files of `day` show it."""
    set_up()
    if Basket.objects.filter(source=SOURCE).exists():
        return
    payers = model.payable()[COUNCIL_TAX][40 : 40 + len(_ONLINE)]
    for payer, amount in zip(payers, _ONLINE, strict=True):
        _online(payer, amount)
    _by_telephone(model.payable()[RENTS][7], "410.00")
    _pay_out(_night_before(day))


def in_the_bank(day: date) -> list[Movement]:
    """What the bank shows on `day` of what was paid out in the night before: cards online; the others a day later."""
    found = Payout.objects.filter(service__code=ONLINE, settled_on=_night_before(day)).select_related("service")
    return [Movement(payout.net, f"{payout.service.bank_text} {payout.settled_on:%d%m%y}") for payout in found]


def take(day: date, model: Council, tell: Tell) -> None:
    """The rest of a day's card payments: paid, declined and tried again, refunded, disputed; a link is sent, and the
    payout found in the bank.
    """
    if PaymentLink.objects.exists():
        tell(Event("Card payments", "as they were"))
        return
    latest = [_online(payer, "72.10") for payer in model.payable()[COUNCIL_TAX][60:63]]
    _declined_then_paid(model.payable()[COUNCIL_TAX][70])
    _left_open(model.payable()[COUNCIL_TAX][71])
    _refund(latest[0], Decimal("30.00"))
    _dispute(PaymentAttempt.objects.filter(service__code=ONLINE).order_by("pk")[2], day)
    match_payouts(actor=CARD_DESK)
    if not Payout.objects.filter(service__code=ONLINE, bank_entry__isnull=False).exists():
        raise RuntimeError("The bank's credit of the payout was not found: no routing rule sends it to clearing.")
    _link(model.payable()[COUNCIL_TAX][72])
    paid = PaymentAttempt.objects.filter(basket__source=SOURCE, posting__isnull=False)
    total = sum((attempt.paid_total for attempt in paid), Decimal(0))
    told = "one refunded in part, one disputed, one link sent, one payout found in the bank"
    tell(Event("Card payments", f"{len(paid)} taken, {format_pounds(total)}; {told}", cast.OFFICER.name))


def _basket(actor: Actor, channel: str, holder: Holder, amount: str) -> Basket:
    line = NewLine(fund=holder.fund, amount=Decimal(amount), account_reference=holder.reference)
    payer = Payer(name=holder.name, email=f"{holder.surname.lower()}@example.org")
    return open_basket(actor=actor, channel=channel, lines=[line], payer=payer, source=SOURCE)


def _start(actor: Actor, basket: Basket, outcome: str | None) -> PaymentAttempt:
    started = start_payment(
        actor=actor, basket_id=basket.pk, return_url=lambda token: f"https://council.example/paid/{token}"
    )
    if outcome is None:
        return started.attempt
    token = started.next_step.url.removeprefix(gateways.STUB_PAGE)
    stub.choose(gateways.practice_books(), token, outcome)
    return refresh(actor=actor, attempt_id=started.attempt.pk)


def _online(holder: Holder, amount: str) -> PaymentAttempt:
    return _start(PUBLIC, _basket(PUBLIC, "online", holder, amount), "pay")


def _by_telephone(holder: Holder, amount: str) -> PaymentAttempt:
    officer = cast.act_as(cast.OFFICER)
    return _start(officer, _basket(officer, "telephone", holder, amount), "pay")


def _declined_then_paid(holder: Holder) -> None:
    basket = _basket(PUBLIC, "online", holder, "118.00")
    for outcome in ("decline", "pay"):
        _start(PUBLIC, basket, outcome)


def _left_open(holder: Holder) -> None:
    _start(PUBLIC, _basket(PUBLIC, "online", holder, "99.00"), None)


def _each_service(act: Callable[[PaymentService], object]) -> None:
    for service in PaymentService.objects.filter(code__in=[code for code, *_ in _SERVICES]):
        act(service)


def _night_before(day: date) -> date:
    return min(day, clock.today()) - timedelta(days=1)


def _pay_out(on: date) -> None:
    """The provider's night: everything paid so far goes to the bank."""

    def night(service: PaymentService) -> None:
        gateways.provider_for(service).settle(on)
        reading.read_payouts(actor=CARD_DESK, service=service)

    _each_service(night)


def _refund(attempt: PaymentAttempt, amount: Decimal) -> None:
    manager = cast.act_as(cast.MANAGER)
    lines: Sequence[refundable.RefundableLine] = refundable.lines_of(attempt)
    refund = request_refund(
        actor=manager,
        attempt_id=attempt.pk,
        amounts={lines[0].entry.pk: amount},
        reason="Paid for the wrong month; the rest stands",
        unclaimed_seen=lines[0].refundable,
        available_seen=refunding.available(actor=manager, attempt_id=attempt.pk),
    )
    refunding.send_refund(actor=CARD_DESK, refund_id=refund.pk)


def _dispute(attempt: PaymentAttempt, day: date) -> None:
    provider = gateways.provider_for(attempt.service)
    provider.raise_dispute(attempt.provider_id, respond_by=day + timedelta(days=9), reason="unrecognised")
    reading.compare(actor=CARD_DESK, service=attempt.service)
    for dispute in attempt.disputes.all():
        note_dispute(actor=cast.act_as(cast.OFFICER), dispute_id=dispute.pk, note="Asked revenues for the bill.")


def _link(holder: Holder) -> None:
    line = NewLine(fund=holder.fund, amount=Decimal("84.60"), account_reference=holder.reference)
    payer = Payer(name=holder.name, email=f"{holder.surname.lower()}@example.org")
    create_link(
        actor=cast.act_as(cast.OFFICER), lines=[line], payer=payer, message="The instalment we spoke about today."
    )
