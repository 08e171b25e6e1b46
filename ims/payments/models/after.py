"""What comes after a payment: money given back, and money disputed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.approvals.models import Request
from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.common import masking
from ims.funds.models import Money
from ims.ledger.models import Entry, Posting
from ims.payments.models.attempts import OptionalMoney, PaymentAttempt
from ims.payments.models.set_up import PaymentService


class Refund(Tracked):
    """Money given back to the card that paid. Posted when the provider has confirmed it."""

    class State(models.TextChoices):
        APPROVED = "approved", "About to be sent"
        SENDING = "sending", "Being sent"
        SUBMITTED = "submitted", "On its way"
        SUCCEEDED = "succeeded", "Refunded"
        FAILED = "failed", "Failed"

    LIVE = ("approved", "sending", "submitted")
    """Claims money of the payment that is not yet posted as given back."""

    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, related_name="refunds")
    number = models.SmallIntegerField(help_text="Which refund of the payment, from 1.")
    amount = models.DecimalField(**Money)
    reason = models.TextField()
    state = models.TextField(choices=State.choices, default=State.APPROVED)
    available_seen = models.DecimalField(
        **OptionalMoney,
        help_text="What the officer saw as refundable. The provider is told, and refuses if it differs.",
    )
    provider_refund_id = models.TextField(null=True, blank=True)
    failure = models.TextField(blank=True, default="", help_text="What the provider said when it failed.")
    is_ours = models.BooleanField(default=True, help_text="False: made at the provider, outside IMS.")
    requested_at = models.DateTimeField(db_default=Now())
    requested_kind = models.TextField()
    requested_id = models.TextField()
    requested_name = models.TextField()
    approval = models.ForeignKey(
        Request, models.PROTECT, null=True, blank=True, related_name="+", help_text="Who allowed it; empty: done alone."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    known_before = models.JSONField(
        default=list, blank=True, help_text="The provider's refunds of this payment before this one was sent."
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    settled_on = models.DateField(null=True, blank=True)
    posting = models.ForeignKey(Posting, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("request_refund", "Can refund a whole payment"),
            ("request_part_refund", "Can refund part of a payment"),
        ]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "number"], name="refund_number_once"),
            models.UniqueConstraint(fields=["attempt", "provider_refund_id"], name="refund_once_per_provider_refund"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_above_zero"),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(state="succeeded") | Q(posting__isnull=False), name="refund_done_is_posted"
            ),
        ]
        indexes = [models.Index(F("state"), F("id"), name="refund_state")]

    def __str__(self) -> str:
        return f"{self.attempt.reference}-R{self.number}"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in self.LIVE


class RefundLine(models.Model):
    """How much of which line of the receipt a refund gives back."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="refund_lines")
    amount = models.DecimalField(**Money)

    append_only = True

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["refund", "entry"], name="refund_line_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_line_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id}: {self.amount}"


class Dispute(Tracked):
    """A payer's bank asks for a payment back (chargeback)."""

    class State(models.TextChoices):
        NEEDS_RESPONSE = "needs_response", "Needs an answer"
        UNDER_REVIEW = "under_review", "Being looked at by the bank"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        UNKNOWN = "unknown", "In a state nobody knows"

    OPEN = ("needs_response", "under_review", "unknown")

    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="disputes", db_index=False)
    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, null=True, blank=True, related_name="disputes")
    provider_dispute_id = models.TextField()
    payment_id = models.TextField()
    amount = models.DecimalField(**Money)
    fee = models.DecimalField(**Money, default=0)
    state = models.TextField(choices=State.choices)
    cause = models.TextField(blank=True, default="", help_text="The bank's reason.")
    respond_by = models.DateField(null=True, blank=True)
    raised_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(db_default=Now())
    settled_on = models.DateField(null=True, blank=True)
    note = models.TextField(blank=True, default="", help_text="What was done about it.")
    posting = models.ForeignKey(
        Posting, models.PROTECT, null=True, blank=True, related_name="+", help_text="What took the money back out."
    )

    personal = Personal("ledger.see_payer_details", {"note": masking.hidden})

    class Meta:
        default_permissions = ("view",)
        permissions = [("answer_dispute", "Can note what was done about a dispute")]
        ordering = ["respond_by", "id"]
        constraints = [
            models.UniqueConstraint(fields=["service", "provider_dispute_id"], name="dispute_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_above_zero"),
        ]
        indexes = [models.Index(F("respond_by"), name="dispute_deadline", condition=Q(state="needs_response"))]

    def __str__(self) -> str:
        return f"Dispute {self.provider_dispute_id}"
