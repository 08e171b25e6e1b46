"""Accounts that members of staff have an interest in."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.common import masking
from ims.funds.models import Fund


class Interest(Tracked):
    """One account of one member of staff, declared by them or for them. It is ended, never deleted."""

    class Relation(models.TextChoices):
        OWN = "own", "My own account"
        HOUSEHOLD = "household", "Somebody I live with"
        RELATIVE = "relative", "A relative or close friend"
        BUSINESS = "business", "My business, or an organisation I help to run"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="interests")
    fund = models.ForeignKey(
        Fund, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: this reference in any fund."
    )
    account_reference = models.CharField(
        max_length=50, help_text="As it stands on the bill. Its letters and digits are kept, in capital letters."
    )
    relation = models.CharField("whose it is", max_length=12, choices=Relation.choices)
    note = models.CharField(max_length=200, blank=True, default="")
    declared_on = models.DateField()
    ended_on = models.DateField(null=True, blank=True)

    personal = Personal("interests.see_interest", {"account_reference": masking.hidden, "note": masking.hidden})

    class Meta:
        verbose_name = "declared interest"
        default_permissions = ()
        permissions = [
            ("see_interest", "Can see which accounts people have an interest in"),
            ("keep_interest", "Can declare interests for other people, and end them"),
        ]
        ordering = ["person", "account_reference", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "fund", "account_reference"],
                condition=Q(ended_on__isnull=True),
                nulls_distinct=False,
                name="interest_declared_once",
            ),
            models.CheckConstraint(condition=~Q(account_reference=""), name="interest_names_an_account"),
        ]

    def __str__(self) -> str:
        return f"Interest {self.pk}"

    @property
    def is_current(self) -> bool:
        """Whether it still holds."""
        return self.ended_on is None
