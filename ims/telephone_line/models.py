"""Payments of calls to an automated telephone line."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from ims.audit.history import Tracked
from ims.audit.scope import Paths
from ims.funds.models import Fund, MethodOfPayment, Money, VatCode
from ims.ledger.models import Posting


class CallPayment(Tracked):
    """One payment of one call. `line` names the system that tells of it; `call` is its own name of the payment."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", "Announced"
        PAID = "paid", "Paid"
        FAILED = "failed", "Not paid"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.TextField(help_text="The API client that tells of it.")
    call = models.TextField(help_text="The line's own name of this payment.")
    state = models.TextField(choices=State.choices, default=State.ANNOUNCED)
    method_of_payment = models.ForeignKey(MethodOfPayment, models.PROTECT, related_name="+", db_index=False)
    total = models.DecimalField(**Money)
    announced_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When IMS was told how it ended.")
    line_reference = models.TextField(
        blank=True, default="", help_text="The card processor's reference of the payment."
    )
    card_brand = models.TextField(blank=True, default="")
    card_last_four = models.TextField(blank=True, default="")
    why_suspense = models.TextField(blank=True, default="", help_text="Why its money could not go where it belongs.")
    posting = models.ForeignKey(Posting, models.PROTECT, null=True, blank=True, related_name="call_payments")

    scope_paths = Paths(funds="", offices="")

    class Meta:
        verbose_name = "telephone line payment"
        ordering = ["-announced_at"]
        default_permissions = ("view",)
        permissions = [("take_payment", "Can take payments by the automated telephone line")]
        constraints = [
            models.UniqueConstraint(fields=["line", "call"], name="call_payment_once"),
            models.UniqueConstraint(
                fields=["line", "line_reference"], condition=~Q(line_reference=""), name="line_reference_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="paid") | Q(posting__isnull=False, taken_at__isnull=False),
                name="paid_call_has_a_receipt",
            ),
            models.CheckConstraint(condition=Q(total__gt=0), name="call_total_above_zero"),
        ]
        indexes = [
            models.Index(F("announced_at"), name="call_announced"),
            models.Index(F("posting"), name="call_posting_fk"),
        ]

    def __str__(self) -> str:
        return f"Call {self.call}"


class CallLine(models.Model):
    """One bill of a call's payment."""

    payment = models.ForeignKey(CallPayment, models.PROTECT, related_name="lines")
    number = models.SmallIntegerField()
    fund = models.ForeignKey(Fund, models.PROTECT, related_name="+", db_index=False)
    account_reference = models.TextField(blank=True, default="")
    amount = models.DecimalField(**Money)
    vat_code = models.ForeignKey(VatCode, models.PROTECT, related_name="+", db_index=False)
    narrative = models.TextField(blank=True, default="")

    append_only = True
    scope_paths = Paths(offices="", methods="")

    class Meta:
        ordering = ["number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["payment", "number"], name="call_line_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="call_line_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}/{self.number}"
