"""What people may see besides their funds, and the reviews in which others confirm that they still need it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ims.audit.history import Tracked


class PersonScope(Tracked):
    """The offices and methods of payment a person is limited to; empty means all. Funds are in `funds.FundGroup`.

    Codes are kept as text, so that history shows them as they stand; a code that is gone lets nobody see more.
    """

    person = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="scope")
    offices = ArrayField(models.CharField(max_length=5), null=True, blank=True, help_text="Empty: every office.")
    methods = ArrayField(
        models.CharField(max_length=5), null=True, blank=True, help_text="Empty: every method of payment."
    )

    class Meta:
        verbose_name = "scope"
        default_permissions = ("change", "view")
        permissions = [("view_who_can", "Can see who may do what, and how they came to it")]
        constraints = [
            models.CheckConstraint(condition=~Q(offices=[]) & ~Q(methods=[]), name="scope_names_something_or_all")
        ]

    def __str__(self) -> str:
        return f"Scope of {self.person}"


class AccessReview(Tracked):
    """A review of everybody's access, as it stood when the review was opened. Signed off, it never changes again."""

    title = models.CharField(max_length=60, unique=True, help_text="Like “Quarter 3 of 2026-27”.")
    opened_at = models.DateTimeField()
    opened_by = models.TextField()
    due_on = models.DateField(help_text="The day by which everybody should be decided about.")
    signed_off_at = models.DateTimeField(null=True, blank=True)
    signed_off_by = models.TextField(blank=True, default="")
    statement = models.TextField(blank=True, default="", help_text="What whoever signed off says of it.")

    class Meta:
        ordering = ["-opened_at"]
        default_permissions = ("view",)
        permissions = [
            ("open_review", "Can open access reviews and sign them off"),
            ("decide_review", "Can decide about people in access reviews"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_off_at__isnull=True, signed_off_by="") | Q(signed_off_at__isnull=False),
                name="review_signed_off_by_somebody",
            ),
            models.UniqueConstraint(
                models.Value(1), condition=Q(signed_off_at__isnull=True), name="one_open_access_review"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether it waits to be signed off."""
        return self.signed_off_at is None


class ReviewLine(Tracked):
    """One person in a review: their access when it was opened, and what was decided about it."""

    class Decision(models.TextChoices):
        WAITING = "", "Not decided"
        CONFIRMED = "confirmed", "Still needed"
        CHANGED = "changed", "Changed"
        REMOVED = "removed", "Removed"

    review = models.ForeignKey(AccessReview, models.PROTECT, related_name="lines")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    name = models.TextField()
    username = models.TextField()
    roles = models.TextField(blank=True, help_text="As they were when the review was opened.")
    scope = models.TextField(blank=True, help_text="As it was when the review was opened.")
    kind = models.TextField()
    ends_on = models.DateField(null=True, blank=True)
    last_signed_in_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True, default=Decision.WAITING)
    reason = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["name", "pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["review", "person"], name="reviewed_once"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("person")), name="nobody_reviews_themselves"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at__isnull=True, decided_by__isnull=True)
                | (~Q(decision="") & Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(reason="")),
                name="review_decision_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.review}"
