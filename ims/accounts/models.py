"""Account holders: who owes what under which reference, loaded from revenues, housing and debtors systems."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.audit.scope import Paths
from ims.common import masking
from ims.funds.models import Fund, Money


class StopReason(Tracked):
    """Why payments to an account are stopped or remarked on, and whom that concerns."""

    class Audience(models.TextChoices):
        STAFF = "staff", "Staff"
        PUBLIC = "public", "The public"
        BOTH = "both", "Staff and the public"

    class Effect(models.TextChoices):
        REFUSE = "refuse", "Refuse the payment"
        WARN = "warn", "Accept, with a warning"

    fund = models.ForeignKey(Fund, models.PROTECT, related_name="stop_reasons")
    code = models.CharField(max_length=10, help_text="As the back-office system calls it.")
    message = models.CharField(max_length=100, help_text="Shown to whoever tries to pay.")
    audience = models.CharField(max_length=10, choices=Audience.choices, default=Audience.BOTH)
    effect = models.CharField(max_length=10, choices=Effect.choices, default=Effect.REFUSE)

    class Meta:
        ordering = ["fund", "code"]
        constraints = [models.UniqueConstraint(fields=["fund", "code"], name="stop_reason_once_per_fund")]

    def __str__(self) -> str:
        return self.message


class AccountHolder(Tracked):
    """One account of one fund. The same reference may exist in two funds."""

    fund = models.ForeignKey(Fund, models.PROTECT, related_name="account_holders", db_index=False)
    reference = models.TextField(help_text="As the back-office system writes it, without spaces at the ends.")
    name = models.TextField(blank=True, default="", help_text="Title, forename and surname together.")
    surname = models.TextField(blank=True, default="")
    address = models.TextField(blank=True, default="", help_text="Lines separated by commas, without the postcode.")
    postcode = models.TextField(blank=True, default="")
    balance = models.DecimalField(
        **Money, null=True, blank=True, help_text="Owed on the day it was loaded; positive is a debt."
    )
    balance_on = models.DateField(null=True, blank=True, help_text="The day the balance was true.")
    stop_reason = models.ForeignKey(StopReason, models.PROTECT, null=True, blank=True, db_index=False)
    is_open = models.BooleanField("open", default=True, help_text="Off: gone from the last full load.")
    source_record = models.TextField(blank=True, default="", help_text="The back-office system's record type.")

    scope_paths = Paths(offices="", methods="")
    personal = Personal(
        "accounts.see_personal_data",
        {
            "name": masking.name,
            "surname": masking.name,
            "address": masking.hidden,
            "postcode": masking.postcode,
        },
    )

    class Meta:
        ordering = ["fund", "reference"]
        default_permissions = ("view",)
        permissions = [
            ("see_personal_data", "Can see the names and addresses of account holders"),
            ("load_accounts", "Can load files of account holders"),
            ("pay_stopped_account", "Can post to an account that is on stop"),
        ]
        constraints = [models.UniqueConstraint(fields=["fund", "reference"], name="account_once_per_fund")]
        indexes = [
            models.Index(OpClass(Upper("reference"), name="text_pattern_ops"), name="account_reference_prefix"),
            models.Index(OpClass(Upper("postcode"), name="text_pattern_ops"), name="account_postcode_prefix"),
            models.Index(fields=["fund", "balance"], name="account_balance", condition=Q(is_open=True)),
            GinIndex(SearchVector("name", config="simple"), name="account_name_words"),
        ]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.reference}"


class AccountLoad(models.Model):
    """One file of account holders that was loaded, with what it changed."""

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        CHECKED = "checked", "Checked"
        LOADED = "loaded", "Loaded"
        REFUSED = "refused", "Refused"
        DISCARDED = "discarded", "Discarded"

    fund = models.ForeignKey(Fund, models.PROTECT, null=True, blank=True, help_text="Empty: the file names the fund.")
    file_name = models.TextField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    is_full = models.BooleanField(
        "full load", default=False, help_text="Accounts missing from the file are marked as gone."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    rows = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True, help_text="Line and sentence of each, the first hundred.")
    examples = models.JSONField(default=list, blank=True, help_text="A few of the changes, with before and after.")
    received_at = models.DateTimeField(auto_now_add=True)
    loaded_at = models.DateTimeField(null=True, blank=True)
    received_by = models.TextField(default="")
    reason = models.TextField(blank=True, default="")

    scope_paths = Paths(offices="", methods="")

    class Meta:
        verbose_name = "account load"
        ordering = ["-received_at"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"],
                condition=Q(state__in=["received", "checked", "loaded"]),
                name="account_file_loaded_once",
                violation_error_message="The same file has been loaded already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.received_at:%-d %b %Y %H:%M})"
