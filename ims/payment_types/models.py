"""What a payer may pay for, in the payer's words."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from ims.audit.history import Tracked
from ims.funds.models import Fund


class PaymentType(Tracked):
    """One kind of bill the council sends: the fund it is paid into, and what the payment page says about it.

    Two types may pay into one fund (house rent and garage rent), each with its own words.
    """

    code = models.SlugField(
        max_length=50, primary_key=True, help_text="Stands in the page's address: small letters, digits and hyphens."
    )
    fund = models.ForeignKey(Fund, models.PROTECT, related_name="payment_types")
    title = models.CharField(max_length=60, help_text="What payers call it: Council Tax, Parking fine.")
    title_welsh = models.CharField("title in Welsh", max_length=60, blank=True)
    summary = models.CharField(max_length=120, blank=True, help_text="One line below the title, where it helps.")
    summary_welsh = models.CharField("summary in Welsh", max_length=120, blank=True)
    reference_label = models.CharField(max_length=60, help_text="What the reference is called on the bill.")
    reference_label_welsh = models.CharField("reference label in Welsh", max_length=60, blank=True)
    reference_hint = models.CharField(max_length=200, blank=True, help_text="How long it is and where to find it.")
    reference_hint_welsh = models.CharField("reference hint in Welsh", max_length=200, blank=True)
    reference_example = models.CharField(max_length=36, blank=True, help_text="An example that nobody has.")
    help_text = models.TextField(blank=True, help_text="More help, opened by those who want it. Lines are kept.")
    help_text_welsh = models.TextField("help text in Welsh", blank=True)
    asks_for_address = models.BooleanField(
        default=False, help_text="The payer's name and address are asked for before they pay."
    )
    position = models.PositiveSmallIntegerField(default=100, help_text="Small numbers come first.")
    is_active = models.BooleanField("offered", default=True)

    class Meta:
        verbose_name = "payment type"
        ordering = ["position", "title"]
        default_permissions = ("add", "change", "view")
        permissions = [("check_reference", "Can ask whether a reference and an amount may be paid")]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        super().clean()
        fund = Fund.objects.filter(pk=self.fund_id).first()
        if fund is not None and fund.is_suspense:
            raise ValidationError({"fund": "The suspense fund cannot be offered to payers. Choose another fund."})

    def words(self, name: str, language: str) -> str:
        """The text called `name` (``title``, ``reference_hint`` …) in `language`: English where there is no Welsh."""
        return (getattr(self, f"{name}_welsh") if language == "cy" else "") or getattr(self, name)
