"""The ledger: what was received and how it was moved. Rows are added, never changed or removed.

A `Posting` is one atomic event; its `Entry` rows are signed lines. Amounts credit the fund and debit the control
account of the method of payment. The rules stand in `sql/` as constraints and triggers, so that no bug, shell or
import can break them; `services.py` explains a refusal before the database has to make one.
"""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.approvals.models import Request
from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.audit.scope import Paths
from ims.common import masking
from ims.funds.models import DateRange, Fund, MethodOfPayment, Money, Office, VatCode


class AccountingPeriod(Tracked):
    """A span of accounting dates, open or closed. A closed period refuses entries."""

    name = models.CharField(max_length=30, unique=True, help_text="Like 2026-27 P08.")
    starts_on = models.DateField()
    ends_on = models.DateField()
    is_open = models.BooleanField(default=True)

    class Meta:
        ordering = ["starts_on"]
        default_permissions = ("add", "change", "view")
        permissions = [("close_accountingperiod", "Can close and reopen accounting periods")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")),
                name="period_dates_in_order",
                violation_error_message="The period ends before it starts.",
            ),
            ExclusionConstraint(
                name="periods_do_not_overlap",
                expressions=[(DateRange("starts_on", "ends_on"), "&&")],
                violation_error_message="Another accounting period already has some of those days.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NumberSeries(models.Model):
    """The next number of a series of postings. One row a series, so that one series never waits for another."""

    prefix = models.TextField(primary_key=True)
    last_number = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.prefix


class Posting(models.Model):
    """One atomic event: a card payment, an imported file, a journal, a reversal."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt", "Receipt"
        IMPORT = "import", "Imported file"
        JOURNAL = "journal", "Journal"
        TRANSFER = "transfer", "Transfer"
        ALLOCATION = "allocation", "Allocation from suspense"
        REVERSAL = "reversal", "Reversal"

    kind = models.TextField(choices=Kind.choices)
    series = models.TextField(help_text="The number series, like IMP.")
    number = models.BigIntegerField()
    source_kind = models.TextField(help_text="What kind of thing this posting came from.")
    source_key = models.TextField(help_text="Its natural key. The same source never posts twice.")
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", help_text="The posting undone."
    )
    approval = models.ForeignKey(
        Request,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="The request by which a second person allowed it.",
    )
    entry_count = models.IntegerField()
    total = models.DecimalField(max_digits=16, decimal_places=2, help_text="The sum of its entries.")
    reason = models.TextField(blank=True, default="")
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()
    posted_at = models.DateTimeField(db_default=Now())

    append_only = True

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("post_receipt", "Can post receipts"),
            ("post_journal", "Can post journals"),
            ("post_transfer", "Can post transfers"),
            ("reverse_posting", "Can reverse postings"),
        ]
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["approval"], name="posting_approval", condition=Q(approval__isnull=False)),
            models.Index(fields=["kind"], name="posting_kind"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source_kind", "source_key"], name="posting_once_per_source"),
            models.UniqueConstraint(fields=["series", "number"], name="posting_number_once"),
            models.CheckConstraint(condition=Q(entry_count__gte=1), name="posting_has_entries"),
            models.CheckConstraint(
                condition=~Q(kind__in=["journal", "transfer", "allocation"]) | Q(total=0),
                name="moving_money_balances",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False) | (~Q(kind="reversal") & Q(reverses__isnull=True)),
                name="reversal_names_what_it_reverses",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """The posting's number as people quote it, like ``IMP-000123``."""
        return f"{self.series}-{self.number:06d}"


class Entry(models.Model):
    """One signed line of a posting. Positive is money received by the fund."""

    # That what an entry names exists is promised by sql/references.sql, in sets; a foreign key would look up every row.
    posting = models.ForeignKey(Posting, models.PROTECT, related_name="entries", db_index=False, db_constraint=False)
    line = models.IntegerField(help_text="Place within the posting, from 1.")
    fund = models.ForeignKey(Fund, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    account_reference = models.TextField(blank=True, default="")
    method_of_payment = models.ForeignKey(
        MethodOfPayment, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    office = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    amount = models.DecimalField(**Money)
    vat_code = models.ForeignKey(VatCode, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    vat_rate = models.DecimalField(max_digits=6, decimal_places=4)
    vat_amount = models.DecimalField(**Money, help_text="The VAT within the amount.")
    narrative = models.TextField(blank=True, default="")
    payer_name = models.TextField(blank=True, default="")
    source_reference = models.TextField(
        blank=True, default="", help_text="The bank's or provider's own reference of this receipt."
    )
    source_line = models.IntegerField(null=True, blank=True, help_text="The line of the file it came from.")
    received_on = models.DateField(help_text="The day the money was received.")
    accounting_date = models.DateField(help_text="Decides the accounting period.")
    posted_at = models.DateTimeField(db_default=Now())
    corrects = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        db_index=False,
        db_constraint=False,
        help_text="The entry this one takes money from, or gives it back to.",
    )
    leaf = models.BinaryField(help_text="SHA-256 of the line's content, computed by the database.", default=b"")

    append_only = True
    scope_paths = Paths()
    personal = Personal(
        "ledger.see_payer_details",
        {"payer_name": masking.name, "narrative": masking.hidden},
    )

    class Meta:
        verbose_name_plural = "entries"
        default_permissions = ("view",)
        permissions = [("see_payer_details", "Can see who paid: names and narratives")]
        ordering = ["-received_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["posting", "line"], name="entry_line_once"),
            models.CheckConstraint(condition=Q(line__gte=1), name="entry_line_from_one"),
            models.CheckConstraint(condition=~Q(amount=0), name="entry_amount_is_not_zero"),
            models.CheckConstraint(
                condition=Q(vat_amount=0)
                | Q(amount__gt=0, vat_amount__gt=0, vat_amount__lt=F("amount"))
                | Q(amount__lt=0, vat_amount__lt=0, vat_amount__gt=F("amount")),
                name="entry_vat_within_amount",
            ),
        ]
        # Few and chosen: each costs every import. All but the last end in the order lists are shown in.
        indexes = [
            models.Index(F("received_on"), F("id"), name="entry_received"),
            models.Index(F("fund"), F("received_on"), F("id"), name="entry_fund"),
            models.Index(
                OpClass(F("account_reference"), name="text_pattern_ops"),
                F("received_on"),
                F("id"),
                name="entry_account",
            ),
            models.Index(F("method_of_payment"), F("received_on"), F("id"), name="entry_method"),
            models.Index(F("office"), F("received_on"), F("id"), name="entry_office"),
            models.Index(F("amount"), F("received_on"), F("id"), name="entry_amount"),
            models.Index(fields=["corrects"], name="entry_corrects", condition=Q(corrects__isnull=False)),
            BrinIndex(fields=["accounting_date"], name="entry_accounting_date", autosummarize=True),
            GinIndex(SearchVector("narrative", "payer_name", "source_reference", config="simple"), name="entry_words"),
        ]

    def __str__(self) -> str:
        return f"{self.posting}/{self.line}"

    @property
    def receipt_number(self) -> str:
        """The number printed on a receipt: the posting's number and the line, like ``IMP-000123/7``."""
        return f"{self.posting.reference}/{self.line}"


class Seal(models.Model):
    """Proof over a run of postings: what they held when they were sealed, chained to the seal before."""

    sealed_at = models.DateTimeField(db_default=Now())
    posting_count = models.IntegerField()
    entry_count = models.BigIntegerField()
    total = models.DecimalField(max_digits=18, decimal_places=2)
    last_posting_id = models.BigIntegerField(help_text="The highest posting sealed so far.")
    digest = models.BinaryField(help_text="SHA-256 over the postings' digests, in order.")
    previous = models.BinaryField(help_text="The hash of the seal before.")
    hash = models.BinaryField(help_text="SHA-256 over all of the above.")

    append_only = True

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Seal {self.pk}"


class SealedPosting(models.Model):
    """Which seal covers a posting, and the digest of the posting and its entries at that time."""

    posting = models.OneToOneField(Posting, models.PROTECT, primary_key=True, related_name="sealed")
    seal = models.ForeignKey(Seal, models.PROTECT, related_name="postings")
    digest = models.BinaryField()

    append_only = True

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.posting_id} under seal {self.seal_id}"


class DailyTotal(models.Model):
    """Sealed entries added up by day, fund, method, office and kind of posting: what dashboards and the proof read.

    Written only while sealing, so that posting a receipt never waits for a total. What is not sealed yet is added live.
    """

    accounting_date = models.DateField()
    fund = models.ForeignKey(Fund, models.PROTECT, related_name="+", db_index=False)
    method_of_payment = models.ForeignKey(MethodOfPayment, models.PROTECT, related_name="+", db_index=False)
    office = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)
    kind = models.TextField(choices=Posting.Kind.choices)
    entry_count = models.BigIntegerField()
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    vat_amount = models.DecimalField(max_digits=18, decimal_places=2)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["accounting_date", "fund", "method_of_payment", "office", "kind"], name="daily_total_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.accounting_date} {self.fund_id} {self.method_of_payment_id}"
