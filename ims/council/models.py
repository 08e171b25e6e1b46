"""Who the council is, to the people who pay it."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from ims.audit.history import Tracked
from ims.council import rules


def readable_colour(value: str) -> None:
    """Refuse what is no colour, or a colour that white text cannot be read on."""
    fault = rules.colour_fault(value)
    if fault:
        raise ValidationError(fault)


def possible_vat_number(value: str) -> None:
    """Refuse what cannot be a VAT number."""
    fault = rules.vat_number_fault(value)
    if fault:
        raise ValidationError(fault)


class CouncilDetails(Tracked):
    """The council's name, colours and contacts, as its payers see them. There is one row."""

    ONLY = 1

    id = models.SmallIntegerField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=80, blank=True, help_text="Empty: the name the server was set up with.")
    name_welsh = models.CharField("name in Welsh", max_length=80, blank=True, help_text="Empty: the name above.")
    logo_text = models.CharField(
        max_length=40, blank=True, help_text="What stands at the top of every payment page. Empty: the name."
    )
    brand_colour = models.CharField(
        max_length=7,
        default="#0c2a38",
        validators=[readable_colour],
        help_text="Behind the white text at the top of the payment pages, like #0c2a38. Too light a colour is refused.",
    )
    accent_colour = models.CharField(
        max_length=7,
        default="#0b5c5c",
        validators=[readable_colour],
        help_text="Of the line below the top, and of links. Too light a colour is refused.",
    )
    telephone = models.CharField(max_length=40, blank=True, help_text="Where payers who need help can ring.")
    telephone_hours = models.CharField(max_length=80, blank=True, help_text="Like: Monday to Friday, 9am to 5pm.")
    telephone_hours_welsh = models.CharField("telephone hours in Welsh", max_length=80, blank=True)
    email = models.EmailField("e-mail", blank=True, help_text="Where payers who need help can write.")
    website = models.URLField(blank=True, help_text="The council's own site, which the top of the pages leads to.")
    address = models.TextField(blank=True, help_text="Stands on receipts and letters, one line of it on each line.")
    vat_number = models.CharField(
        "VAT registration number",
        max_length=20,
        blank=True,
        validators=[possible_vat_number],
        help_text="Stands on receipts for payments that include VAT.",
    )
    privacy_notice = models.URLField(blank=True, help_text="Where the council says what it does with personal data.")
    offers_welsh = models.BooleanField(
        "offers Welsh", default=True, help_text="The payment pages can be read in Welsh as well as in English."
    )
    accessibility_contact = models.EmailField(
        blank=True, help_text="Who answers people who cannot use the payment pages. Empty: the e-mail above."
    )
    accessibility_reviewed_on = models.DateField(
        null=True, blank=True, help_text="The day the council last tested its payment pages and reviewed the statement."
    )

    class Meta:
        verbose_name = verbose_name_plural = "council details"
        default_permissions = ("add", "change", "view")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="council_has_one_set_of_details")]

    def __str__(self) -> str:
        return self.known_as

    @property
    def known_as(self) -> str:
        """The council's name."""
        return self.name or settings.COUNCIL_NAME

    def name_in(self, language: str) -> str:
        """The council's name in `language` (``en`` or ``cy``)."""
        return (self.name_welsh if language == "cy" else "") or self.known_as
