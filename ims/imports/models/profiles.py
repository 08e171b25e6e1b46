"""How one sender's files are read and what is filled in where they say nothing."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from ims.audit.history import Tracked
from ims.common.errors import InvalidInput
from ims.formats.profile import Profile
from ims.formats.registry import FORMATS
from ims.funds.models import Fund, MethodOfPayment, Office, VatCode

LAYOUT = "profile"
"""The `format` of a profile whose layout the council describes itself."""


class FileProfile(Tracked):
    """One sender's file: its layout, and what IMS does with its rows."""

    class Entries(models.TextChoices):
        RECEIPTS = "receipts", "Receipts only"
        RECEIPTS_AND_RETURNS = "receipts_and_returns", "Receipts and returned receipts (unpaid, charged back)"
        ALL = "all", "Every movement, money out included"
        NOTHING = "nothing", "Nothing: the file is for information, its money comes in another"

    class Doubt(models.TextChoices):
        SUSPENSE = "suspense", "Post to suspense"
        QUARANTINE = "quarantine", "Hold for correction"

    class Duplicates(models.TextChoices):
        HOLD = "hold", "Hold rows already received in another file, for a person to decide"
        POST = "post", "Post them: this sender's files never overlap"

    class LateMoney(models.TextChoices):
        TODAY = "today", "Account for it today"
        REFUSE = "refuse", "Refuse the file"

    code = models.SlugField(max_length=40, unique=True, help_text="Short name, used on the command line.")
    name = models.CharField(max_length=80, unique=True)
    format = models.CharField(max_length=40, help_text="A format IMS knows, or “profile” for the layout below.")
    layout = models.JSONField(default=dict, blank=True, help_text="Columns, dates, signs, totals of the layout.")
    fund = models.ForeignKey(
        Fund, models.PROTECT, null=True, blank=True, related_name="+", help_text="Where the file names none."
    )
    method_of_payment = models.ForeignKey(
        MethodOfPayment, models.PROTECT, null=True, blank=True, related_name="+", help_text="Where the file names none."
    )
    office = models.ForeignKey(Office, models.PROTECT, null=True, blank=True, related_name="+")
    vat_code = models.ForeignKey(
        VatCode,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="VAT code",
        help_text="Empty: the fund's own.",
    )
    entries = models.CharField("what is posted", max_length=24, choices=Entries.choices, default=Entries.RECEIPTS)
    finds_references = models.BooleanField(
        "look for references in the narrative",
        default=True,
        help_text="Only a reference that a fund's rule or an account holder proves is used.",
    )
    doubt = models.CharField(
        "a reference that is wrong or unknown", max_length=12, choices=Doubt.choices, default=Doubt.SUSPENSE
    )
    duplicates = models.CharField(max_length=8, choices=Duplicates.choices, default=Duplicates.HOLD)
    late_money = models.CharField(
        "money received in a closed period", max_length=8, choices=LateMoney.choices, default=LateMoney.TODAY
    )
    expected_days = ArrayField(
        models.SmallIntegerField(validators=[MinValueValidator(0), MaxValueValidator(6)]),
        default=list,
        blank=True,
        help_text="Weekdays on which a file is expected; 0 is Monday. Bank holidays are left out.",
    )
    expected_by = models.TimeField(null=True, blank=True, help_text="When it is late.")
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        verbose_name = "file profile"
        default_permissions = ("add", "change", "view")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expected_days=[]) | Q(expected_by__isnull=False),
                name="expected_file_has_a_time",
                violation_error_message="Say by what time the file is expected.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a format there is not, and a layout that cannot be used, on whatever screen they were written."""
        if self.format != LAYOUT and self.format not in FORMATS:
            raise ValidationError({"format": f"There is no file format “{self.format}”. Choose one of the list."})
        if self.format == LAYOUT:
            try:
                self.as_layout()
            except InvalidInput as error:
                raise ValidationError({"layout": list(error.details) or [error.message]}) from error

    def as_layout(self) -> Profile:
        """The layout as the readers use it. Raises `InvalidInput` when it cannot be used."""
        return Profile.from_config({"name": self.code, **self.layout})
