"""Attempts to pay a basket, and everything the provider said of them."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.history import Tracked
from ims.audit.scope import Paths
from ims.funds.models import MethodOfPayment, Money
from ims.ledger.models import Posting
from ims.payments import states
from ims.payments.models.baskets import Basket
from ims.payments.models.set_up import PaymentService

OptionalMoney = {**Money, "null": True, "blank": True}


class PaymentAttempt(Tracked):
    """One payment asked of one service for one basket; or one that the provider has and we did not ask for.

    The service is that it was made with: the same id means nothing to another.
    """

    State = states.State

    basket = models.ForeignKey(
        Basket, models.PROTECT, null=True, blank=True, related_name="attempts", help_text="Empty: found, not asked for."
    )
    number = models.SmallIntegerField(default=1, help_text="Which attempt of the basket, from 1.")
    reference = models.TextField(unique=True, help_text="What the provider was told, unique to this attempt.")
    return_token = models.TextField(unique=True, help_text="Names the attempt when the payer's browser returns.")
    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="attempts", db_index=False)
    method_of_payment = models.ForeignKey(MethodOfPayment, models.PROTECT, related_name="+", db_index=False)
    amount = models.DecimalField(**Money, help_text="What was asked for.")
    state = models.TextField(choices=states.State.choices, default=states.State.NEW)
    provider_id = models.TextField(null=True, blank=True, help_text="The provider's payment id.")
    provider_status = models.TextField(blank=True, default="")
    provider_code = models.TextField(blank=True, default="", help_text="Why it failed, in the provider's code.")
    gateway_id = models.TextField(blank=True, default="", help_text="The acquirer's own number.")
    paid_total = models.DecimalField(**OptionalMoney, help_text="What the payer paid, a surcharge included.")
    fee = models.DecimalField(**OptionalMoney)
    net = models.DecimalField(**OptionalMoney, help_text="What reaches the bank.")
    card_brand = models.TextField(blank=True, default="")
    card_last_four = models.TextField(blank=True, default="")
    card_kind = models.TextField(blank=True, default="")
    wallet = models.TextField(blank=True, default="")
    asked_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(null=True, blank=True, help_text="When the provider says it was made.")
    paid_at = models.DateTimeField(null=True, blank=True)
    captured_on = models.DateField(null=True, blank=True)
    settled_on = models.DateField(null=True, blank=True)
    posting = models.ForeignKey(
        Posting, models.PROTECT, null=True, blank=True, related_name="payment_attempts", help_text="The receipt."
    )
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()

    scope_paths = Paths(funds="", offices="basket__office")

    class Meta:
        verbose_name = "card payment"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["basket", "number"], name="attempt_number_once"),
            models.UniqueConstraint(fields=["service", "provider_id"], name="attempt_once_per_provider_payment"),
            models.UniqueConstraint(
                fields=["basket"], condition=Q(state__in=states.UNFINISHED), name="one_unfinished_attempt_a_basket"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[*states.POSTED, states.State.UNDONE]) | Q(posting__isnull=False),
                name="paid_attempt_has_a_receipt",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="attempt_amount_above_zero"),
        ]
        indexes = [
            models.Index(F("asked_at"), F("id"), name="attempt_asked"),
            models.Index(F("state"), F("asked_at"), F("id"), name="attempt_state"),
            models.Index(F("service"), F("settled_on"), name="attempt_settled"),
            models.Index(F("provider_id"), name="attempt_provider_id"),
            models.Index(F("posting"), name="attempt_posting_fk"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_finished(self) -> bool:
        """Whether the payer can do nothing more about it."""
        return self.state not in states.UNFINISHED

    @property
    def is_paid(self) -> bool:
        """Whether money was taken, as far as is known now."""
        return self.state in states.TAKEN

    @property
    def badge(self) -> str:
        """The state as badges colour it: what waits for the payer is not “open” as an accounting period is."""
        return "waiting" if self.state == states.State.OPEN else self.state

    @property
    def surcharge(self) -> Decimal:
        """What the payer paid above what was asked for."""
        return (self.paid_total or self.amount) - self.amount


class AttemptMove(models.Model):
    """One change of an attempt: from which state to which, who looked, and what the provider said."""

    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, related_name="moves", db_index=False)
    before = models.TextField(blank=True, default="")
    after = models.TextField(choices=states.State.choices)
    happened_at = models.DateTimeField(db_default=Now())
    heard_by = models.TextField(help_text="How we came to know: return, notification, poll, search, staff …")
    said = models.JSONField(default=dict, help_text="The provider's words: states, sums and dates, nothing personal.")
    reason = models.TextField(blank=True, default="")
    actor_name = models.TextField()

    append_only = True

    class Meta:
        default_permissions = ("view",)
        ordering = ["id"]
        indexes = [models.Index(fields=["attempt", "id"], name="attempt_move_of")]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class ProviderNotification(models.Model):
    """A verified message from a provider. Kept once for each message id, however often it is sent."""

    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="notifications", db_index=False)
    message_id = models.TextField()
    payment_id = models.TextField()
    event = models.TextField(blank=True, default="")
    received_at = models.DateTimeField(db_default=Now())
    body_sha256 = models.TextField(help_text="Of the message as it came. The message itself names payers; not kept.")
    said = models.JSONField(default=dict)

    append_only = True

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["service", "message_id"], name="notification_once")]
        indexes = [models.Index(F("payment_id"), F("id"), name="notification_payment")]

    def __str__(self) -> str:
        return f"{self.event} {self.payment_id}"


class PaymentException(Tracked):
    """Something about a payment that a person must look at. Its money, if any, is posted: to suspense at the least."""

    class Kind(models.TextChoices):
        AMOUNT_DIFFERS = "amount_differs", "Another amount than was asked for"
        DUPLICATE = "duplicate", "Paid twice"
        MAY_BE_DUPLICATE = "may_be_duplicate", "Perhaps paid twice"
        NOT_OURS = "not_ours", "Taken outside IMS"
        NOT_POSTABLE = "not_postable", "Could not be posted where it belongs"
        HELD = "held", "Paid and not posted"
        UNDONE = "undone", "Failed after it had succeeded"
        STUCK = "stuck", "Never finished"
        UNKNOWN_STATE = "unknown_state", "A state nobody knows"
        REFUND_FAILED = "refund_failed", "Refund failed"
        REFUND_NOT_OURS = "refund_not_ours", "Refunded outside IMS"
        REFUND_NOT_POSTED = "refund_not_posted", "Refunded and not posted"
        DISPUTE_NOT_POSTED = "dispute_not_posted", "Dispute lost and not posted"
        PAYOUT_DIFFERS = "payout_differs", "Payout differs from its parts"

    kind = models.TextField(choices=Kind.choices)
    key = models.TextField(help_text="What it is about; the same thing is told once.")
    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="+", db_index=False)
    attempt = models.ForeignKey(
        PaymentAttempt, models.PROTECT, null=True, blank=True, related_name="exceptions", db_index=False
    )
    amount = models.DecimalField(**OptionalMoney)
    message = models.TextField(help_text="What happened and what to do.")
    raised_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.TextField(blank=True, default="")
    resolution = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "payment exception"
        default_permissions = ("view",)
        permissions = [("resolve_exception", "Can resolve payment exceptions")]
        ordering = ["raised_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="payment_exception_once"),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True) | ~Q(resolution=""), name="payment_exception_says_why"
            ),
        ]
        indexes = [
            models.Index(F("raised_at"), name="exception_open", condition=Q(resolved_at__isnull=True)),
            models.Index(F("attempt"), name="exception_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.key}"


class Watch(models.Model):
    """When to look at something next. Rows come and go; nothing is lost with them but the appointment."""

    class Kind(models.TextChoices):
        ATTEMPT = "attempt", "Payment"
        REFUND = "refund", "Refund"

    kind = models.TextField(choices=Kind.choices)
    subject_id = models.BigIntegerField()
    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="+", db_index=False)
    due_at = models.DateTimeField()
    looks = models.IntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "subject_id"], name="watch_once")]
        indexes = [models.Index(F("due_at"), name="watch_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id} at {self.due_at}"
