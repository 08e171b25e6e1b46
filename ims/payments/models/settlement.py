"""What the provider pays out to the bank: which payments a credit is made of, and what was kept as fees."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.history import Tracked
from ims.funds.models import Money
from ims.ledger.models import Entry, Posting
from ims.payments.models.after import Dispute, Refund
from ims.payments.models.attempts import PaymentAttempt
from ims.payments.models.set_up import PaymentService


class Payout(Tracked):
    """One payment of a provider to the council's bank. Net is what the bank should show."""

    class Source(models.TextChoices):
        SEARCH = "search", "Read from the provider"
        FILE = "file", "Read from the provider's report"

    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="payouts", db_index=False)
    settled_on = models.DateField()
    key = models.TextField(help_text="The payout's own name, or its day when the provider gives none.")
    source = models.TextField(choices=Source.choices)
    gross = models.DecimalField(**Money)
    fees = models.DecimalField(**Money)
    net = models.DecimalField(**Money)
    fee_posting = models.ForeignKey(Posting, models.PROTECT, null=True, blank=True, related_name="+")
    bank_entry = models.ForeignKey(
        Entry,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="payouts",
        help_text="The bank's credit, posted on the clearing fund; one credit may hold several payouts.",
    )
    matched_at = models.DateTimeField(null=True, blank=True)
    matched_by = models.TextField(blank=True, default="")
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        permissions = [("match_payout", "Can match payouts with the bank")]
        ordering = ["-settled_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["service", "key"], name="payout_once"),
            models.CheckConstraint(condition=Q(net=F("gross") - F("fees")), name="payout_adds_up"),
        ]

    def __str__(self) -> str:
        day = self.settled_on.isoformat()
        rest = self.key.removeprefix(day) if self.key.startswith(day) else f", {self.key}"
        return f"{self.service}, {self.settled_on:%-d %b %Y}{rest}"


class PayoutLine(models.Model):
    """One payment, refund or lost dispute in a payout. Refunds and disputes are negative."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", "Payment"
        REFUND = "refund", "Refund"
        DISPUTE = "dispute", "Dispute lost"

    payout = models.ForeignKey(Payout, models.PROTECT, related_name="lines")
    kind = models.TextField(choices=Kind.choices)
    provider_id = models.TextField(help_text="The provider's id of the payment, refund or dispute.")
    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, null=True, related_name="payout_lines")
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, related_name="payout_lines")
    dispute = models.ForeignKey(Dispute, models.PROTECT, null=True, related_name="payout_lines")
    gross = models.DecimalField(**Money)
    fee = models.DecimalField(**Money)
    net = models.DecimalField(**Money)

    append_only = True

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["payout", "kind", "provider_id"], name="payout_line_once"),
            models.UniqueConstraint(fields=["attempt"], condition=Q(kind="payment"), name="payment_paid_out_once"),
            models.UniqueConstraint(fields=["refund"], name="refund_paid_out_once"),
            models.UniqueConstraint(fields=["dispute"], name="dispute_paid_out_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.provider_id}"
