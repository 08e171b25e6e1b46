"""Exports: journals for the general ledger, made of entries that each go out exactly once for each profile.

What was sent is kept byte for byte. Nothing here is changed afterwards: a late entry goes into a further batch.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.history import Tracked
from ims.ledger.models import Entry

Total = {"max_digits": 18, "decimal_places": 2}


class ExportProfile(Tracked):
    """How one receiving system wants its journal: which lines, in which layout."""

    class Kind(models.TextChoices):
        GL_JOURNAL = "gl_journal", "General ledger journal"

    class FileFormat(models.TextChoices):
        CSV = "csv", "CSV"
        FIXED_WIDTH = "fixed_width", "Fixed width"

    class Encoding(models.TextChoices):
        UTF_8 = "utf-8", "UTF-8"
        UTF_8_MARKED = "utf-8-sig", "UTF-8 with a mark for spreadsheets"
        WINDOWS_1252 = "cp1252", "Windows (1252)"
        ASCII = "ascii", "ASCII"

    class LineEnd(models.TextChoices):
        WINDOWS = "crlf", "Windows (CR LF)"
        UNIX = "lf", "Unix (LF)"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.GL_JOURNAL)
    file_format = models.CharField("format", max_length=12, choices=FileFormat.choices, default=FileFormat.CSV)
    is_detail = models.BooleanField(
        "full detail", default=False, help_text="A journal line for each entry. Off: entries are added up."
    )
    group_by = models.JSONField(
        "added up by",
        default=list,
        blank=True,
        help_text="Besides day, side and general ledger code: fund, method_of_payment, office, vat_code.",
    )
    layout = models.JSONField(help_text="The records of the file: header, detail and trailer, each a list of fields.")
    encoding = models.CharField(max_length=12, choices=Encoding.choices, default=Encoding.UTF_8)
    line_end = models.CharField(max_length=4, choices=LineEnd.choices, default=LineEnd.WINDOWS)
    file_name = models.CharField(
        max_length=100,
        default="{profile}-{batch:06d}.csv",
        help_text="May hold {profile}, {batch:06d}, {first:%Y%m%d}, {last:%Y%m%d}.",
    )
    neutralise_formulas = models.BooleanField(
        "for people, not machines",
        default=False,
        help_text="Text that a spreadsheet would run as a formula gets an apostrophe before it.",
    )
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        verbose_name = "export profile"
        default_permissions = ("add", "change", "view")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ExportBatch(models.Model):
    """One journal that was built: its totals and its very bytes."""

    profile = models.ForeignKey(ExportProfile, models.PROTECT, related_name="batches", db_index=False)
    sequence = models.IntegerField(help_text="From 1 within the profile, without gaps.")
    key = models.TextField(unique=True, help_text="The request that built it. The same request never builds twice.")
    first_date = models.DateField(help_text="First accounting date, included.")
    last_date = models.DateField(help_text="Last accounting date, included.")
    entry_count = models.IntegerField()
    line_count = models.IntegerField()
    debit_total = models.DecimalField(**Total)
    credit_total = models.DecimalField(**Total)
    file_name = models.TextField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    built_at = models.DateTimeField(db_default=Now())
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()
    reason = models.TextField(blank=True, default="")

    append_only = True

    class Meta:
        verbose_name = "export batch"
        verbose_name_plural = "export batches"
        default_permissions = ("view",)
        permissions = [
            ("build_export", "Can build exports"),
            ("download_export", "Can download exports"),
        ]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["profile", "sequence"], name="export_sequence_once"),
            models.CheckConstraint(condition=Q(debit_total=F("credit_total")), name="export_balances"),
            models.CheckConstraint(condition=Q(entry_count__gte=1, sequence__gte=1), name="export_has_entries"),
            models.CheckConstraint(condition=Q(last_date__gte=F("first_date")), name="export_dates_in_order"),
        ]
        indexes = [models.Index(fields=["last_date", "profile"], name="export_by_date")]

    def __str__(self) -> str:
        return f"{self.profile} {self.sequence}"


class ExportLine(models.Model):
    """One line of a journal: a debit or a credit of one general ledger code."""

    class Side(models.TextChoices):
        INCOME = "income", "Income"
        VAT = "vat", "VAT"
        CONTROL = "control", "Control account"

    batch = models.ForeignKey(ExportBatch, models.PROTECT, related_name="lines", db_index=False)
    number = models.IntegerField(help_text="Place within the journal, from 1.")
    side = models.TextField(choices=Side.choices)
    accounting_date = models.DateField()
    gl_code = models.TextField()
    cost_centre = models.TextField(blank=True, default="")
    fund = models.TextField(blank=True, default="", help_text="Empty where lines of several were added up.")
    method_of_payment = models.TextField(blank=True, default="")
    office = models.TextField(blank=True, default="")
    vat_code = models.TextField(blank=True, default="")
    debit = models.DecimalField(**Total)
    credit = models.DecimalField(**Total)
    entry_count = models.IntegerField()
    entry = models.ForeignKey(
        Entry, models.PROTECT, null=True, blank=True, related_name="+", db_index=False, help_text="In full detail."
    )
    description = models.TextField(blank=True, default="")

    append_only = True

    class Meta:
        default_permissions = ()
        ordering = ["batch", "number"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="export_line_once"),
            models.CheckConstraint(
                condition=Q(debit=0, credit__gt=0) | Q(credit=0, debit__gt=0), name="export_line_has_one_side"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.number}"


class ExportedEntry(models.Model):
    """That an entry has gone out by a profile, and in which batch. The primary key lets it go out once."""

    pk = models.CompositePrimaryKey("profile_id", "entry_id")
    profile = models.ForeignKey(ExportProfile, models.PROTECT, related_name="+", db_index=False)
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="exported", db_index=False)
    batch = models.ForeignKey(ExportBatch, models.PROTECT, related_name="entries")

    append_only = True

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.entry_id} in {self.batch_id}"
