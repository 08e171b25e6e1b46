"""One passage of a file through the import: its state, its rows and what people decided about them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.personal import Personal
from ims.audit.scope import Paths
from ims.common import masking
from ims.imports.models.files import SourceFile
from ims.imports.models.profiles import FileProfile
from ims.imports.models.routing import RoutingRule
from ims.imports.states import BatchState, Outcome
from ims.ledger.models import Posting


class ImportBatch(models.Model):
    """A file on its way into the ledger. The moves between states are in `ims.imports.states`."""

    file = models.ForeignKey(SourceFile, models.PROTECT, related_name="batches", db_index=False)
    attempt = models.SmallIntegerField(default=1, help_text="2 when the file is taken again after a reversal.")
    file_name = models.TextField(help_text="The file's name when it arrived this time.")
    profile = models.ForeignKey(FileProfile, models.PROTECT, related_name="batches", db_index=False)
    state = models.TextField(choices=BatchState.choices, default=BatchState.RECEIVED)
    error = models.TextField(blank=True, default="", help_text="Why it was refused or failed, in a sentence.")
    problems = models.JSONField(default=list, blank=True, help_text="What is wrong with the file as a whole.")
    notices = models.JSONField(default=list, blank=True, help_text="What is worth knowing and spoils nothing.")
    row_count = models.IntegerField(default=0)
    totals = models.JSONField(default=dict, blank=True, help_text="Count and sum by outcome.")
    world = models.JSONField(default=dict, blank=True, help_text="What the check relied on, to see whether it moved.")
    posting = models.OneToOneField(Posting, models.PROTECT, null=True, blank=True, related_name="import_batch")
    received_at = models.DateTimeField(db_default=Now())
    received_by = models.TextField()
    first_day = models.DateField(null=True, blank=True, help_text="The earliest day of its rows.")
    last_day = models.DateField(null=True, blank=True, help_text="The latest day of its rows.")
    checked_at = models.DateTimeField(null=True, blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    posted_by = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "import"
        default_permissions = ("view",)
        permissions = [
            ("receive_file", "Can bring in files and check them"),
            ("post_batch", "Can post imported files"),
            ("reverse_batch", "Can reverse posted files"),
            ("correct_row", "Can correct, discard and decide held rows"),
        ]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["file", "attempt"], name="batch_attempt_once"),
            models.UniqueConstraint(
                fields=["file"], condition=~Q(state__in=["reversed", "abandoned"]), name="one_live_batch_a_file"
            ),
            models.CheckConstraint(
                condition=~Q(state="posted") | Q(posted_at__isnull=False), name="posted_batch_has_a_moment"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="batch_state"),
            models.Index(fields=["profile", "-received_at"], name="batch_profile"),
            models.Index(fields=["-received_at", "-id"], name="batch_received"),
        ]

    def __str__(self) -> str:
        return f"Import {self.pk} ({self.file_name})"

    @property
    def source_key(self) -> str:
        """The natural key of its posting: the file's bytes and which attempt this is."""
        return f"{self.file.sha256}#{self.attempt}"


class BatchStep(models.Model):
    """One move of a batch from state to state."""

    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="steps", db_index=False)
    from_state = models.TextField(blank=True, default="")
    to_state = models.TextField()
    occurred_at = models.DateTimeField(db_default=Now())
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()
    note = models.TextField(blank=True, default="")

    append_only = True

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        indexes = [models.Index(fields=["batch", "id"], name="step_batch")]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.from_state} → {self.to_state}"


class ImportStatement(models.Model):
    """The head and foot of a statement within a file, to see that the next one follows on."""

    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="statements", db_index=False)
    account = models.TextField(blank=True, default="")
    currency = models.TextField(default="GBP")
    number = models.TextField(blank=True, default="")
    opening = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    opening_on = models.DateField(null=True)
    closing = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    closing_on = models.DateField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        indexes = [
            models.Index(fields=["batch"], name="statement_batch"),
            models.Index(fields=["account", "-closing_on", "-id"], name="statement_account"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.number}".strip()


class ImportRow(models.Model):
    """One row of a file: what it said, what IMS made of it and what became of it.

    Written by one INSERT … SELECT for a whole file; only rows that a person decides about ever change, and each such
    change leaves a `RowDecision`. Codes are plain text, because a file may name codes that do not exist.
    """

    # That the batch and the posting exist is promised by sql/references.sql, in sets.
    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="rows", db_index=False, db_constraint=False)
    line = models.IntegerField(help_text="The line of the file (or the number of the record), from 1.")
    outcome = models.TextField(choices=Outcome.choices)
    reason_code = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="", help_text="Why, in a sentence.")
    field = models.TextField(blank=True, default="", help_text="The field the reason is about.")
    kind = models.TextField(default="receipt", help_text="What the file says the row is.")
    currency = models.TextField(default="GBP")
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    received_on = models.DateField(null=True)
    file_fund = models.TextField(blank=True, default="", help_text="As the file has it.")
    file_reference = models.TextField(blank=True, default="", help_text="As the file has it.")
    fund = models.TextField(blank=True, default="", help_text="After rules and search.")
    account_reference = models.TextField(blank=True, default="")
    method_of_payment = models.TextField(blank=True, default="")
    office = models.TextField(blank=True, default="")
    vat_code = models.TextField(blank=True, default="", help_text="The code it is posted with.")
    posting_fund = models.TextField(blank=True, default="", help_text="The fund it is posted to: suspense, or its own.")
    narrative = models.TextField(blank=True, default="")
    payer_name = models.TextField(blank=True, default="")
    source_reference = models.TextField(blank=True, default="")
    type_code = models.TextField(blank=True, default="")
    end_to_end = models.TextField(blank=True, default="")
    account = models.TextField(blank=True, default="", help_text="Our bank account, as the file names it.")
    raw = models.TextField(blank=True, default="")
    content = models.UUIDField(null=True, help_text="Digest of profile, account and content, alike for twins.")
    across = models.UUIDField(
        null=True, help_text="Digest of what the bank says of the money, alike in every file of the account."
    )
    occurrence = models.IntegerField(default=1, help_text="Which of its twins in the file, from 1.")
    rules = ArrayField(models.IntegerField(), null=True, help_text="The routing rules that fired.")
    posting = models.ForeignKey(
        Posting,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        help_text="When posted by itself.",
    )

    personal = Personal(
        "ledger.see_payer_details",
        {
            "payer_name": masking.name,
            "narrative": masking.hidden,
            "end_to_end": masking.hidden,
            "raw": masking.hidden,
        },
    )

    class Meta:
        verbose_name = "imported row"
        default_permissions = ("view",)
        ordering = ["batch", "line"]
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="row_line_once")]
        indexes = [
            models.Index(F("batch"), F("outcome"), F("line"), name="row_outcome", condition=~Q(outcome="to_post")),
        ]

    def __str__(self) -> str:
        return f"line {self.line}"

    @property
    def fingerprint(self) -> str:
        """Source, content and which of its twins: the same in two files when the same line came twice."""
        return f"{self.content}/{self.occurrence}"


class BatchShare(models.Model):
    """How much of a batch belongs to one fund, office, method and outcome: what a limited person's list is made of."""

    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="shares", db_index=False)
    fund = models.TextField(help_text="The fund it is, or would be, posted to; suspense where nobody has placed it.")
    office = models.TextField()
    method_of_payment = models.TextField()
    outcome = models.TextField(choices=Outcome.choices)
    count = models.IntegerField()
    amount = models.DecimalField(max_digits=16, decimal_places=2)

    scope_paths = Paths()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "fund", "office", "method_of_payment", "outcome"], name="batch_share_once"
            )
        ]
        indexes = [models.Index(fields=["fund", "batch"], name="batch_share_fund")]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.fund} {self.outcome}"


class RowDecision(models.Model):
    """What a person decided about a row, with the row before and after."""

    row = models.ForeignKey(ImportRow, models.PROTECT, related_name="decisions", db_index=False)
    verb = models.TextField(help_text="corrected, discarded, accepted …")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(db_default=Now())
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()

    append_only = True

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        indexes = [models.Index(fields=["row", "id"], name="decision_row")]

    def __str__(self) -> str:
        return f"{self.verb} {self.row_id}"


class RuleHit(models.Model):
    """How often a routing rule fired in one file."""

    rule = models.ForeignKey(RoutingRule, models.PROTECT, related_name="hits", db_index=False)
    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="rule_hits", db_index=False)
    count = models.IntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["rule", "batch"], name="rule_hits_once")]
        indexes = [models.Index(fields=["batch"], name="rule_hit_batch")]

    def __str__(self) -> str:
        return f"{self.rule_id} × {self.count}"
