"""Which accounts at card providers a council has, and which takes what."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from ims.audit.history import Tracked
from ims.funds.models import Fund, MethodOfPayment, Money

NAME_OF_A_SECRET = RegexValidator(
    r"^[a-z0-9][a-z0-9_-]{0,60}\Z", "Small letters, digits, hyphens and underscores; it names a file."
)


class Channel(models.TextChoices):
    """How a payer is reached."""

    ONLINE = "online", "Online, by the payer"
    LINK = "link", "Payment link, sent by staff"
    TELEPHONE = "telephone", "By telephone, keyed by staff"
    COUNTER = "counter", "At a counter"


class PaymentService(Tracked):
    """One account at a card provider, paid out to one bank account. Keys and signing secrets are only named here."""

    class Provider(models.TextChoices):
        GOVUK_PAY = "govuk_pay", "GOV.UK Pay"
        SIGNED_FORM = "signed_form", "Hosted page with a signed form"
        STUB = "stub", "Practice provider (takes no money)"

    code = models.CharField(
        max_length=30,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9-]+\Z", "Small letters, digits and hyphens.")],
        help_text="Part of the address notifications are sent to. It cannot be changed later.",
    )
    name = models.CharField(max_length=80)
    provider = models.CharField(max_length=20, choices=Provider.choices)
    base_url = models.URLField(
        "address", blank=True, help_text="Where the provider answers. Empty: the provider's own, for GOV.UK Pay."
    )
    account = models.CharField(
        max_length=80, blank=True, help_text="What the provider calls this account; part of a signed form."
    )
    key_name = models.CharField(
        "name of the key", max_length=61, blank=True, validators=[NAME_OF_A_SECRET], help_text="The key is a file."
    )
    signing_secret_name = models.CharField(
        "name of the signing secret",
        max_length=61,
        blank=True,
        validators=[NAME_OF_A_SECRET],
        help_text="Verifies notifications.",
    )
    next_signing_secret_name = models.CharField(
        "name of the next signing secret",
        max_length=61,
        blank=True,
        validators=[NAME_OF_A_SECRET],
        help_text="Accepted as well, while secrets are changed over.",
    )
    is_live = models.BooleanField("takes real money", default=False)
    is_active = models.BooleanField("in use", default=True)
    minimum_amount = models.DecimalField(**Money, default=Decimal("0.30"))
    maximum_amount = models.DecimalField(**Money, default=Decimal("5000.00"))
    clearing_fund = models.ForeignKey(
        Fund,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where the bank's credit of a payout is posted, so that it is not counted as income a second time.",
    )
    fee_fund = models.ForeignKey(
        Fund, models.PROTECT, null=True, blank=True, related_name="+", help_text="What bears the provider's fees."
    )
    bank_text = models.CharField(
        max_length=40, blank=True, help_text="What the bank's line of a payout says, to know it by."
    )

    class Meta:
        default_permissions = ("add", "change", "view")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum_amount__gt=0, maximum_amount__gte=F("minimum_amount")),
                name="payment_service_limits_in_order",
                violation_error_message="The smallest amount is above £0.00 and no more than the largest.",
            ),
            models.CheckConstraint(
                condition=~Q(provider="stub", is_live=True),
                name="practice_takes_no_money",
                violation_error_message="The practice provider cannot take real money.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PaymentRoute(Tracked):
    """Which service takes payments of a channel for a fund, and with which method of payment they are posted."""

    channel = models.CharField(max_length=20, choices=Channel.choices)
    fund = models.ForeignKey(
        Fund, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: every other fund."
    )
    service = models.ForeignKey(PaymentService, models.PROTECT, related_name="routes")
    method_of_payment = models.ForeignKey(MethodOfPayment, models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "payment route"
        default_permissions = ("add", "change", "delete", "view")
        ordering = ["channel", "fund"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "fund"],
                name="one_route_a_channel_and_fund",
                nulls_distinct=False,
                violation_error_message="That channel and fund have a route already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.fund or 'every other fund'}"


class ServiceHealth(models.Model):
    """Whether a service answers. Kept by whoever talks to it; lost without harm."""

    service = models.OneToOneField(PaymentService, models.PROTECT, primary_key=True, related_name="health")
    failures = models.IntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True, help_text="Background work leaves the service alone until then.")
    last_error = models.TextField(blank=True, default="")
    answered_at = models.DateTimeField(null=True)
    read_to = models.DateTimeField(null=True, help_text="Payments made up to then were compared with the provider's.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.service_id}: {self.failures} failures"
