"""The people who use IMS."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models

from ims.audit.history import Tracked


class User(Tracked, AbstractUser):
    """A member of staff. Never deleted: leavers are made inactive, so that history keeps its names."""

    display_name = models.CharField("name", max_length=150, help_text="As colleagues and the audit trail know them.")
    office_code = models.CharField(
        "office", max_length=5, blank=True, default="", help_text="Stamped on the receipts this person creates."
    )
    must_change_password = models.BooleanField(default=False, help_text="Asked for a new password at next sign-in.")

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        default_permissions = ("add", "change", "view")
        ordering = ["display_name", "username"]

    def __str__(self) -> str:
        return self.display_name or self.username
