"""The people who use IMS."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser, Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from simple_history.models import HistoricalRecords

from ims.audit.history import ActorStamp, Tracked
from ims.common import clock


class AccessKind(models.TextChoices):
    """Why somebody has access, which decides whether it must end and whether it may lie unused."""

    STAFF = "staff", "Staff"
    TEMPORARY = "temporary", "Temporary or agency staff"
    SUPPLIER = "supplier", "Supplier"


class User(AbstractUser):
    """A member of staff. Never deleted: leavers are made inactive, so that history keeps its names.

    History leaves out the password (nobody's business) and the last sign-in (not a change of rights).
    """

    display_name = models.CharField("name", max_length=150, help_text="As colleagues and the audit trail know them.")
    office_code = models.CharField(
        "office", max_length=5, blank=True, default="", help_text="Stamped on the receipts this person creates."
    )
    # Nothing reads this any more: people choose their passwords by one-time links. What the release before reads is
    # taken away one release later.
    must_change_password = models.BooleanField(default=False, help_text="Asked for a new password at next sign-in.")
    access_kind = models.CharField(
        "kind of access", max_length=12, choices=AccessKind.choices, default=AccessKind.STAFF
    )
    access_ends_on = models.DateField(
        "last day of access",
        null=True,
        blank=True,
        help_text="Access ends at the end of this day, without anybody acting. Suppliers and temporary staff need one.",
    )
    access_began_at = models.DateTimeField(
        null=True, blank=True, help_text="When access was last given: an account nobody uses counts its days from here."
    )
    role_names = models.TextField(
        "roles",
        blank=True,
        default="",
        help_text="The person's roles in words, written with them, so that history can compare them.",
    )

    history = HistoricalRecords(
        bases=[ActorStamp],
        excluded_fields=["password", "last_login"],
        history_id_field=models.BigAutoField(),
        history_change_reason_field=models.TextField(null=True),
        user_db_constraint=False,
    )

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        default_permissions = ("add", "change", "view")
        permissions = [("grant_administrator", "Can grant and remove the role Administrator")]
        ordering = ["display_name", "username"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(access_kind__in=["supplier", "temporary"]) | models.Q(access_ends_on__isnull=False),
                name="borrowed_access_has_an_end",
                violation_error_message="Access for suppliers and temporary staff needs a last day.",
            )
        ]

    AccessKind = AccessKind

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def access_is_over(self) -> bool:
        """Whether the last day of access has passed. It needs no job to be true."""
        return self.access_ends_on is not None and self.access_ends_on < clock.today()

    @property
    def last_used_at(self) -> datetime:
        """The last sign-in, or the moment access was given where that is later."""
        return max(filter(None, (self.last_login, self.access_began_at, self.date_joined)))

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        """What the roles allow; nothing once the last day of access has passed."""
        return set() if self.access_is_over else super().get_all_permissions(obj)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether the person holds `perm`; never once the last day of access has passed."""
        return not self.access_is_over and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the person holds anything of a room; never once the last day of access has passed."""
        return not self.access_is_over and super().has_module_perms(app_label)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a sign-in alone is no change to remember."""
        fields = kwargs.get("update_fields")
        if fields is not None and set(fields) <= {"last_login"}:
            self.skip_history_when_saving = True
            try:
                super().save(*args, **kwargs)
            finally:
                del self.skip_history_when_saving
            return
        super().save(*args, **kwargs)


class CouncilRole(Tracked):
    """A role that a council composed itself from named permissions, beside the six that come with IMS."""

    name = models.CharField(max_length=60, unique=True)
    purpose = models.CharField(max_length=200, help_text="What it is for, in one sentence.")
    permissions = ArrayField(models.TextField(), help_text="Named like ledger.post_journal.")
    is_in_use = models.BooleanField("in use", default=True, help_text="Off: given to nobody new.")
    group = models.OneToOneField(Group, models.PROTECT, related_name="council_role", editable=False)

    class Meta:
        verbose_name = "council role"
        ordering = ["name"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name
