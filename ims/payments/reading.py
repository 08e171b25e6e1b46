"""What nobody told us of: compared with the provider every hour, and every morning for what was paid out.

Payments made outside IMS (a payment link of the provider's, its own pages), payments whose creation nobody heard the
answer of, refunds made in the provider's pages, disputes, payouts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from io import BytesIO

from ims.audit.actors import Actor, authorise
from ims.common import clock
from ims.common.money import ZERO
from ims.formats import registry
from ims.formats.records import Entry as ReportEntry
from ims.formats.records import StatementEnd, StatementStart, UnreadableFile
from ims.payments import rules
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import note_failure, refresh
from ims.payments.errors import PaymentRefusal
from ims.payments.gateways import ABILITIES, provider_for
from ims.payments.models import Dispute, PaymentAttempt, PaymentService, Payout, Refund, ServiceHealth
from ims.payments.services import attempts, disputes, refunds, settlement, watching
from ims.payments.states import NOT_PAID, TAKEN, State
from ims.providers.card import Payment, ProviderError, Search, Status

OVERLAP = timedelta(hours=3)
"""Searches lag, and payments end up to ninety minutes after they are made: each reading goes back so far."""

FIRST_READING = timedelta(days=2)
SETTLED_DAYS = 10
_PAYMENT, _REFUND, _DISPUTE = "payment", "refund", "dispute"


def compare_all(*, actor: Actor) -> None:
    """Compare every service in use with its provider. One that does not answer does not stop the others."""
    authorise(actor, "payments.view_paymentattempt", what="look at card payments")
    for service in PaymentService.objects.filter(is_active=True):
        if not ABILITIES[service.provider].lists:
            continue
        try:
            compare(actor=actor, service=service)
            if ABILITIES[service.provider].settlement:
                read_payouts(actor=actor, service=service)
        except ProviderError as error:
            note_failure(service, error)


def compare(*, actor: Actor, service: PaymentService, since: datetime | None = None) -> int:
    """Take in what the provider has and we do not: the number of payments, refunds and disputes looked at.

    Raises `ProviderError` when the provider does not answer; what was read until then is kept, and is read again.
    """
    authorise(actor, "payments.view_paymentattempt", what="look at card payments")
    health, _ = ServiceHealth.objects.get_or_create(service=service)
    began = clock.now()
    since = since or (health.read_to - OVERLAP if health.read_to else began - FIRST_READING)
    provider, looked = provider_for(service), 0
    for seen in provider.search(Search(created_from=since)):
        looked += 1
        _compare_payment(actor, service, seen)
    for seen in provider.refunds(Search(created_from=since)):
        looked += 1
        made = refunds.found_refund(actor=actor, service=service, seen=seen)
        if made is not None:
            refunds.hear_refund(actor=actor, refund_id=made.pk, seen=seen)
    if ABILITIES[service.provider].disputes:
        for seen in provider.disputes(Search()):
            looked += 1
            disputes.hear_dispute(actor=actor, service=service, seen=seen)
    watching.note_answer(actor=CARD_DESK, service=service)
    watching.note_read(actor=CARD_DESK, service=service, read_to=began)
    return looked


def _compare_payment(actor: Actor, service: PaymentService, seen: Payment) -> None:
    ours = PaymentAttempt.objects.filter(service=service, provider_id=seen.payment_id).first()
    if ours is None:
        lost = PaymentAttempt.objects.filter(service=service, reference=seen.reference, provider_id=None).first()
        ours = lost or attempts.found(actor=actor, service=service, seen=seen)
        if ours is None:
            return
        # Read again before anything is posted: a search may lag, and nothing rests on its word alone.
        refresh(actor=actor, attempt_id=ours.pk, heard_by="search")
    elif _disagrees(ours, seen):
        refresh(actor=actor, attempt_id=ours.pk, heard_by="search")


def _disagrees(ours: PaymentAttempt, seen: Payment) -> bool:
    paid_there, paid_here = seen.status is Status.SUCCESS, ours.state in TAKEN
    failed_there = seen.status in (Status.DECLINED, Status.EXPIRED, Status.CANCELLED, Status.ERROR)
    return (paid_there and not paid_here and ours.state != State.UNDONE) or (
        failed_there and ours.state not in (*NOT_PAID, State.UNDONE)
    )


def read_payouts(*, actor: Actor, service: PaymentService, today: date | None = None) -> list[Payout]:
    """Read what was paid out on each of the last days but today, whose payout may not be whole yet."""
    authorise(actor, "payments.view_paymentattempt", what="read payouts")
    last = (today or clock.today()) - timedelta(days=1)
    window = Search(settled_from=last - timedelta(days=SETTLED_DAYS), settled_to=last)
    provider = provider_for(service)
    days: dict[date, list[settlement.NewLine]] = defaultdict(list)
    for payment in provider.search(window):
        days[payment.settled_on].append(_of_payment(actor, service, payment))
    for refund in provider.refunds(window):
        days[refund.settled_on].append(_of_refund(actor, service, refund))
    for dispute in provider.disputes(window):
        days[dispute.settled_on].append(_of_dispute(actor, service, dispute))
    made = []
    for day, lines in sorted(days.items()):
        earlier = Payout.objects.filter(service=service, settled_on=day).count()
        key = day.isoformat() if not earlier else f"{day.isoformat()}/{earlier + 1}"
        payout = settlement.take_in_payout(
            actor=actor, service=service, settled_on=day, key=key, source=Payout.Source.SEARCH, lines=lines
        )
        if payout is not None:
            made.append(payout)
    return made


def _of_payment(actor: Actor, service: PaymentService, seen: Payment) -> settlement.NewLine:
    attempt = PaymentAttempt.objects.filter(service=service, provider_id=seen.payment_id).first()
    if attempt is not None and attempt.state in TAKEN and attempt.settled_on is None:
        attempt = attempts.hear(actor=actor, attempt_id=attempt.pk, seen=seen, heard_by="settlement", strong=False)
    gross = rules.pounds(seen.total) if seen.status is Status.SUCCESS else ZERO
    net = gross if seen.net is None else rules.pounds(seen.net)
    return settlement.NewLine(kind=_PAYMENT, provider_id=seen.payment_id, gross=gross, fee=gross - net, attempt=attempt)


def _of_refund(actor: Actor, service: PaymentService, seen) -> settlement.NewLine:
    found = Refund.objects.filter(attempt__service=service, provider_refund_id=seen.refund_id).first()
    if found is not None:
        refunds.hear_refund(actor=actor, refund_id=found.pk, seen=seen)
    return settlement.NewLine(
        kind=_REFUND, provider_id=seen.refund_id, gross=-rules.pounds(seen.amount), fee=ZERO, refund=found
    )


def _of_dispute(actor: Actor, service: PaymentService, seen) -> settlement.NewLine:
    found = disputes.hear_dispute(actor=actor, service=service, seen=seen)
    return settlement.NewLine(
        kind=_DISPUTE,
        provider_id=seen.dispute_id,
        gross=-rules.pounds(seen.amount),
        fee=rules.pounds(seen.fee),
        dispute=found,
    )


def load_payout_report(*, actor: Actor, service: PaymentService, content: bytes, settled_on: date) -> list[Payout]:
    """Read a provider's own report of payouts (GOV.UK Pay, Stripe, Adyen), for providers whose search does not say.

    Nothing is posted as income: the report only says which payments a payout is made of. Loading it again adds nothing.
    Raises `UnreadableFile`, or `PaymentRefusal` when a row cannot be read: a report is taken whole or not at all.
    """
    authorise(actor, "payments.match_payout", what="load reports of payouts")
    records = list(registry.read(BytesIO(content)))
    faults = [record for record in records if type(record).__name__ == "Problem" and record.scope != "notice"]
    if faults:
        raise PaymentRefusal(
            f"The report cannot be read: line {faults[0].line}: {faults[0].message}",
            code="unreadable_report",
            details=[f"Line {fault.line}: {fault.message}" for fault in faults[:20]],
        )
    made = []
    for number, lines in _statements(service, records):
        key = number or f"{settled_on.isoformat()} report"
        payout = settlement.take_in_payout(
            actor=actor, service=service, settled_on=settled_on, key=key, source=Payout.Source.FILE, lines=lines
        )
        if payout is not None:
            made.append(payout)
    return made


def _statements(service: PaymentService, records: Iterable[object]) -> list[tuple[str, list[settlement.NewLine]]]:
    found: list[tuple[str, list[settlement.NewLine]]] = []
    for record in records:
        if isinstance(record, StatementStart):
            found.append((record.number, []))
        elif isinstance(record, ReportEntry) and record.status == "booked":
            if not found:
                raise UnreadableFile("The report has rows before its first payout.")
            found[-1][1].append(_of_row(service, record, taken=[line.refund for line in found[-1][1]]))
        elif isinstance(record, StatementEnd):
            continue
    return [(number, lines) for number, lines in found if lines]


def _of_row(service: PaymentService, row: ReportEntry, *, taken: list[Refund | None]) -> settlement.NewLine:
    ours = PaymentAttempt.objects.filter(service=service)
    attempt = (
        ours.filter(provider_id=row.end_to_end_reference).first()
        or (ours.filter(gateway_id=row.bank_reference).first() if row.bank_reference else None)
        or ours.filter(reference=row.reference).first()
    )
    gross = row.gross if row.gross is not None else row.amount
    fee = row.fee if row.fee is not None else gross - (row.net if row.net is not None else gross)
    identity = row.end_to_end_reference or row.bank_reference or row.reference
    if row.kind == "refund":
        refund = (
            attempt
            and attempt.refunds.filter(amount=-gross, payout_lines=None)
            .exclude(pk__in=[known.pk for known in taken if known])
            .order_by("id")
            .first()
        )
        name = refund.provider_refund_id if refund else f"{identity}:{row.line}"
        return settlement.NewLine(kind=_REFUND, provider_id=name, gross=gross, fee=fee, refund=refund)
    if row.kind == "chargeback":
        dispute = attempt and Dispute.objects.filter(attempt=attempt, payout_lines=None).first()
        name = dispute.provider_dispute_id if dispute else f"{identity}:{row.line}"
        return settlement.NewLine(kind=_DISPUTE, provider_id=name, gross=gross, fee=fee, dispute=dispute)
    is_payment = row.kind == "receipt"
    name = (attempt.provider_id if attempt else identity) if is_payment else f"{identity or row.type_code}:{row.line}"
    return settlement.NewLine(
        kind=_PAYMENT, provider_id=name, gross=gross, fee=fee, attempt=attempt if is_payment else None
    )
