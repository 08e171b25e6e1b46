"""What would stop payments, let practice be taken for money, or has gone wrong. Checks report; they never repair."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import connection

from ims.common.findings import Finding
from ims.payments.models import PaymentRoute, PaymentService

LIMIT = 20

_PAID_TWICE = """
SELECT b.reference FROM payments_basket b
WHERE (SELECT count(*) FROM payments_paymentattempt a JOIN ledger_posting p ON p.id = a.posting_id
       WHERE a.basket_id = b.id AND a.state IN ('paid', 'captured', 'settled')
         AND EXISTS (SELECT 1 FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id
                     WHERE e.posting_id = p.id AND NOT f.is_suspense)) > 1
ORDER BY b.id LIMIT %s
"""
_OTHER_TOTAL = """
SELECT a.reference, a.paid_total, p.total FROM payments_paymentattempt a JOIN ledger_posting p ON p.id = a.posting_id
WHERE a.paid_total IS DISTINCT FROM p.total ORDER BY a.id LIMIT %s
"""
_NOBODY_LOOKS = """
SELECT a.reference FROM payments_paymentattempt a
WHERE a.state IN ('new', 'open', 'in_progress', 'held') AND a.asked_at < now() - interval '10 minutes'
  AND NOT EXISTS (SELECT 1 FROM payments_watch w WHERE w.kind = 'attempt' AND w.subject_id = a.id)
ORDER BY a.id LIMIT %s
"""
_REFUND_TOTAL = """
SELECT r.attempt_id, r.number, r.amount, -p.total FROM payments_refund r JOIN ledger_posting p ON p.id = r.posting_id
WHERE r.amount <> -p.total ORDER BY r.id LIMIT %s
"""
_PAYOUT_REVERSED = """
SELECT s.code || ' ' || o.key, ims_posting_reference(p) FROM payments_payout o
JOIN payments_paymentservice s ON s.id = o.service_id JOIN ledger_entry e ON e.id = o.bank_entry_id
JOIN ledger_posting p ON p.id = e.posting_id
WHERE EXISTS (SELECT 1 FROM ledger_posting r WHERE r.reverses_id = p.id) ORDER BY o.id LIMIT %s
"""


def faults_of(service: PaymentService) -> list[str]:
    """What keeps one payment service from working as it should, in sentences."""
    return list(_faults_of(service))


def _faults_of(service: PaymentService) -> Iterator[str]:
    if not service.is_active:
        return
    if service.provider == PaymentService.Provider.STUB:
        if settings.PRACTICE_PROVIDER_BOOKS is None:
            yield "The practice provider takes no money and is refused here. Choose a real one, or take it out of use."
        return
    if not service.key_name or not settings.NAMED_SECRET(service.key_name):
        yield (
            f"Its key “{service.key_name}” is not to be found: no payment can be taken. Put the file of that name "
            "into the directory of secrets (IMS_SECRETS_DIRECTORY)."
        )
    for name in filter(None, (service.signing_secret_name, service.next_signing_secret_name)):
        if not settings.NAMED_SECRET(name):
            yield f"Its signing secret “{name}” is not to be found: notifications signed with it are thrown away."
    if not service.signing_secret_name and service.provider == PaymentService.Provider.GOVUK_PAY:
        yield "It names no signing secret: payments are followed by looking alone, which is right but slower."
    if service.clearing_fund_id is None or service.fee_fund_id is None:
        yield "It has no clearing fund or no fund for fees: payouts cannot be matched with the bank, nor fees posted."


def verify() -> Iterator[Finding]:
    """What must never be so, and what is wrong with the settings."""
    yield from _settings()
    with connection.cursor() as cursor:
        for (reference,) in _rows(cursor, _PAID_TWICE):
            yield Finding(
                "payments.paid_twice", "error", f"Basket {reference} was posted twice. Refund one.", reference
            )
        for reference, paid, posted in _rows(cursor, _OTHER_TOTAL):
            yield Finding(
                "payments.total",
                "error",
                f"Payment {reference} brought £{paid} and £{posted} was posted. Tell support.",
                reference,
            )
        for (reference,) in _rows(cursor, _NOBODY_LOOKS):
            yield Finding(
                "payments.followed",
                "error",
                f"Payment {reference} is not finished and nobody looks at it again. Open it and choose “Look again”.",
                reference,
            )
        for attempt, number, amount, posted in _rows(cursor, _REFUND_TOTAL):
            name = f"refund {number} of payment {attempt}"
            yield Finding(
                "payments.refund_total",
                "error",
                f"£{amount} left by {name} and £{posted} was posted. Tell support.",
                name,
            )
        for payout, posting in _rows(cursor, _PAYOUT_REVERSED):
            yield Finding(
                "payments.payout_reversed",
                "warning",
                f"Payout {payout} is matched with a line of {posting}, which was reversed. Take the match back, and "
                "match it with the line that took its place.",
                payout,
            )


def _settings() -> Iterator[Finding]:
    """What is wrong with the settings of card payments."""
    for service in PaymentService.objects.order_by("code"):
        for fault in faults_of(service):
            grave = "key" in fault or "refused" in fault
            yield Finding("payments.service", "error" if grave else "warning", f"{service}: {fault}", str(service))
    for route in PaymentRoute.objects.filter(method_of_payment__is_active=False).select_related("method_of_payment"):
        yield Finding(
            "payments.route",
            "error",
            f"{route} posts with method of payment {route.method_of_payment}, which is not in use. Choose another.",
            str(route),
        )


def _rows(cursor, question: str) -> list[tuple]:
    cursor.execute(question, [LIMIT])
    return cursor.fetchall()
