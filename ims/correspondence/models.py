"""Messages to payers: by which carrier, in which words, and what became of each."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.common import masking
from ims.correspondence import rules
from ims.funds.models import Fund
from ims.ledger.models import Posting
from ims.providers.messages import Channel as CarrierChannel

NAME_OF_A_SECRET = RegexValidator(
    r"^[a-z0-9][a-z0-9_-]{0,60}\Z", "Small letters, digits, hyphens and underscores; it names a file."
)


class Channel(models.TextChoices):
    """How a message travels."""

    EMAIL = CarrierChannel.EMAIL.value, "E-mail"
    TEXT = CarrierChannel.TEXT.value, "Text message"
    LETTER = CarrierChannel.LETTER.value, "Letter"


class Purpose(models.TextChoices):
    """What a message is for."""

    RECEIPT = "receipt", "Receipt"
    UNDONE = "undone", "A payment that failed after all"
    REFUND = "refund", "Refund made"
    LINK = "link", "Payment link"


class CarrierAccount(Tracked):
    """Who carries the messages of one channel. Keys and passwords are only named here."""

    class Kind(models.TextChoices):
        NOTIFY = "govuk_notify", "GOV.UK Notify"
        SMTP = "smtp", "A mail server (SMTP)"
        PRACTICE = "practice", "Practice (kept here, sent to nobody)"

    class Security(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS"
        TLS = "tls", "TLS from the start"
        NONE = "none", "None (only for a server on this machine)"

    channel = models.CharField(max_length=10, choices=Channel.choices, primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    is_active = models.BooleanField("in use", default=True)
    key_name = models.CharField(
        "name of the key or password",
        max_length=61,
        blank=True,
        validators=[NAME_OF_A_SECRET],
        help_text="The key of GOV.UK Notify or the password of the mail server is a file of this name.",
    )
    callback_token_name = models.CharField(
        "name of the callback token",
        max_length=61,
        blank=True,
        validators=[NAME_OF_A_SECRET],
        help_text="Proves that news of a delivery comes from GOV.UK Notify.",
    )
    template = models.CharField(
        max_length=36, blank=True, help_text="GOV.UK Notify's id of the template with ((subject)) and ((body))."
    )
    base_url = models.URLField("address", blank=True, help_text="Empty: GOV.UK Notify's own.")
    host = models.CharField(max_length=120, blank=True, help_text="The mail server.")
    port = models.PositiveIntegerField(default=587)
    security = models.CharField(max_length=10, choices=Security.choices, default=Security.STARTTLS)
    user = models.CharField(max_length=120, blank=True)
    sender = models.EmailField(blank=True, help_text="The address e-mails come from.")

    class Meta:
        verbose_name = "carrier of messages"
        verbose_name_plural = "carriers of messages"
        ordering = ["channel"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.get_kind_display()}"

    def clean(self) -> None:
        super().clean()
        if self.kind not in self.Kind.values:
            return  # said beside the field
        wanted = {
            self.Kind.NOTIFY: ("key_name", "template"),
            self.Kind.SMTP: ("host", "sender"),
            self.Kind.PRACTICE: (),
        }[self.Kind(self.kind)]
        missing = [name for name in wanted if not getattr(self, name)]
        if missing:
            raise ValidationError(dict.fromkeys(missing, f"{self.get_kind_display()} needs this."))
        if self.kind == self.Kind.SMTP and self.channel != Channel.EMAIL:
            raise ValidationError({"kind": "A mail server carries e-mail only."})


class Wording(Tracked):
    """The council's own words for one purpose and channel: for one fund, or for every other fund.

    What stands in double round brackets is filled in; see `rules.PLACES`.
    """

    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    fund = models.ForeignKey(
        Fund, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: every other fund."
    )
    subject = models.CharField(max_length=150, blank=True, help_text="Text messages have none.")
    body = models.TextField()
    subject_welsh = models.CharField("subject in Welsh", max_length=150, blank=True)
    body_welsh = models.TextField("body in Welsh", blank=True)

    class Meta:
        ordering = ["purpose", "channel", "fund"]
        default_permissions = ("add", "change", "delete", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "channel", "fund"],
                nulls_distinct=False,
                name="wording_once",
                violation_error_message="There is a wording for this purpose, channel and fund already. Change that.",
            )
        ]

    def __str__(self) -> str:
        return (
            f"{self.get_purpose_display()} by {self.get_channel_display().lower()}, {self.fund or 'every other fund'}"
        )

    def clean(self) -> None:
        super().clean()
        faults = {
            name: fault
            for name in ("subject", "body", "subject_welsh", "body_welsh")
            if (fault := rules.wording_fault(getattr(self, name), self.purpose))
        }
        if self.channel != Channel.TEXT and not self.subject:
            faults["subject"] = "An e-mail or a letter needs a subject."
        if faults:
            raise ValidationError(faults)


class Message(Tracked):
    """One message to one payer. `key` is natural: the same thing is never said twice by itself.

    What a payer was told is kept as it was sent. History leaves the words out: they never change.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be sent"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Not delivered"

    key = models.TextField(unique=True)
    purpose = models.TextField(choices=Purpose.choices)
    channel = models.TextField(choices=Channel.choices)
    language = models.TextField(default="en")
    to = models.TextField(help_text="The e-mail address, the telephone number, or the lines of the address.")
    subject = models.TextField(blank=True, default="")
    body = models.TextField()
    posting = models.ForeignKey(Posting, models.PROTECT, null=True, blank=True, related_name="messages")
    copy_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="copies")
    state = models.TextField(choices=State.choices, default=State.WAITING)
    carrier = models.TextField(blank=True, default="", help_text="The kind of carrier that took it.")
    carrier_id = models.TextField(blank=True, default="")
    carrier_word = models.TextField(blank=True, default="", help_text="The carrier's own word for what became of it.")
    failure = models.TextField(blank=True, default="", help_text="Why it was not delivered, in a sentence.")
    tries = models.SmallIntegerField(default=0)
    may_have_gone = models.BooleanField(default=False, help_text="A try ended without an answer.")
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When it is sent, tried or asked about next.")
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    personal = Personal(
        "ledger.see_payer_details",
        {"to": masking.contact, "subject": masking.hidden, "body": masking.hidden},
    )

    class Meta:
        verbose_name = "message to a payer"
        verbose_name_plural = "messages to payers"
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("send_message", "Can send receipts again")]
        indexes = [
            models.Index(F("due_at"), name="message_due", condition=Q(state__in=["waiting", "sending", "sent"])),
            models.Index(F("state"), F("id"), name="message_state"),
            models.Index(F("carrier_id"), name="message_carrier_id"),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.reference}"

    @property
    def reference(self) -> str:
        """What the carrier is told: unique, and about nobody."""
        return f"ims-message-{self.pk}"

    @property
    def masked_to(self) -> str:
        """Where it went, enough to recognise and not enough to write to."""
        return masking.contact(self.to)
