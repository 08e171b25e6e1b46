"""What is to be paid: a basket of lines, and links that invite somebody to pay one."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.audit.scope import Paths
from ims.common import masking
from ims.funds.models import Fund, Money, Office, VatCode
from ims.payments.models.set_up import Channel


class Basket(Tracked):
    """What somebody means to pay at once. Once a payment was started its lines never change."""

    class State(models.TextChoices):
        OPEN = "open", "Being filled"
        PAYING = "paying", "Being paid"
        PAID = "paid", "Paid"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    reference = models.TextField(unique=True, help_text="Our own reference of it all, like P7K2M4QXTW.")
    token = models.TextField(unique=True, help_text="Names the basket in a payer's address; not to be guessed.")
    channel = models.TextField(choices=Channel.choices)
    state = models.TextField(choices=State.choices, default=State.OPEN)
    office = models.ForeignKey(Office, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    payer_name = models.TextField(blank=True, default="")
    email = models.TextField(blank=True, default="")
    telephone = models.TextField(blank=True, default="")
    address = models.TextField(blank=True, default="", help_text="Lines of the address, one a line.")
    postcode = models.TextField(blank=True, default="")
    language = models.TextField(default="en")
    source = models.TextField(blank=True, default="", help_text="Which face or system filled it.")
    source_key = models.TextField(blank=True, default="", help_text="Its own key there; the same key finds the same.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(help_text="Nothing can be started afterwards.")
    sealed_at = models.DateTimeField(null=True, blank=True, help_text="When the first payment was started.")
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()

    personal = Personal(
        "ledger.see_payer_details",
        {
            "payer_name": masking.name,
            "email": masking.hidden,
            "telephone": masking.hidden,
            "address": masking.hidden,
            "postcode": masking.postcode,
        },
    )

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("pay_online", "Can pay on the public pages"),
            ("take_payment", "Can take card payments by telephone or at a counter"),
        ]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_key"], condition=~Q(source_key=""), name="basket_once_per_source"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["paying", "paid"]) | Q(sealed_at__isnull=False), name="basket_sealed_when_paid"
            ),
        ]
        indexes = [models.Index(F("expires_at"), name="basket_open", condition=Q(state__in=["open", "paying"]))]

    def __str__(self) -> str:
        return self.reference

    @property
    def total(self) -> Decimal:
        """The sum of its lines, in pounds."""
        return sum((line.amount for line in self.lines.all()), Decimal("0.00"))


class BasketLine(Tracked):
    """One thing to be paid. The database refuses any change once the basket is sealed."""

    basket = models.ForeignKey(Basket, models.PROTECT, related_name="lines", db_index=False)
    line = models.SmallIntegerField(help_text="Place within the basket, from 1.")
    fund = models.ForeignKey(Fund, models.PROTECT, related_name="+", db_index=False)
    account_reference = models.TextField(blank=True, default="")
    amount = models.DecimalField(**Money)
    vat_code = models.ForeignKey(VatCode, models.PROTECT, related_name="+", db_index=False)
    narrative = models.TextField(blank=True, default="")

    scope_paths = Paths(offices="", methods="")
    personal = Personal("ledger.see_payer_details", {"narrative": masking.hidden})

    class Meta:
        default_permissions = ("view",)
        ordering = ["basket", "line"]
        constraints = [
            models.UniqueConstraint(fields=["basket", "line"], name="basket_line_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="basket_line_above_zero"),
        ]
        indexes = [models.Index(F("account_reference"), F("fund"), name="basket_line_account")]

    def __str__(self) -> str:
        return f"{self.basket_id}/{self.line}"

    @property
    def reference(self) -> str:
        """The line as people quote it: ``P7K2M4QXTW_1``."""
        return f"{self.basket.reference}_{self.line}"


class PaymentLink(Tracked):
    """An invitation to pay one basket, sent to one person. It works once, until it expires or is cancelled."""

    class State(models.TextChoices):
        READY = "ready", "Ready to send"
        SENT = "sent", "Sent"
        OPENED = "opened", "Opened"
        PAID = "paid", "Paid"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    basket = models.OneToOneField(Basket, models.PROTECT, related_name="link")
    nonce = models.TextField(help_text="Part of what the link's signature covers. The link itself is never stored.")
    state = models.TextField(choices=State.choices, default=State.READY)
    email = models.TextField(blank=True, default="")
    telephone = models.TextField(blank=True, default="")
    message = models.TextField(blank=True, default="", help_text="What the payer reads above the amount.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    first_opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()

    scope_paths = Paths(funds="", offices="basket__office", methods="")
    personal = Personal(
        "ledger.see_payer_details",
        {"email": masking.hidden, "telephone": masking.hidden, "message": masking.hidden},
    )

    class Meta:
        verbose_name = "payment link"
        default_permissions = ("view",)
        permissions = [("send_link", "Can make, send and cancel payment links")]
        ordering = ["-id"]
        indexes = [models.Index(F("expires_at"), name="link_open", condition=Q(state__in=["ready", "sent", "opened"]))]

    def __str__(self) -> str:
        return f"Link {self.pk}"
