"""The people who use IMS."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from simple_history.models import HistoricalRecords

from ims.audit.history import ActorStamp


class User(AbstractUser):
    """A member of staff. Never deleted: leavers are made inactive, so that history keeps its names.

    History leaves out the password (nobody's business) and the last sign-in (not a change of rights).
    """

    display_name = models.CharField("name", max_length=150, help_text="As colleagues and the audit trail know them.")
    office_code = models.CharField(
        "office", max_length=5, blank=True, default="", help_text="Stamped on the receipts this person creates."
    )
    must_change_password = models.BooleanField(default=False, help_text="Asked for a new password at next sign-in.")
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

    password_is_temporary = False
    """Set by whoever gives a password that the person must replace at the next sign-in."""

    def __str__(self) -> str:
        return self.display_name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new password ends the request for one, and a sign-in alone is no change to remember."""
        if self._password is not None and not self.password_is_temporary:
            self.must_change_password = False
        fields = kwargs.get("update_fields")
        if fields is not None and set(fields) <= {"last_login"}:
            self.skip_history_when_saving = True
            try:
                super().save(*args, **kwargs)
            finally:
                del self.skip_history_when_saving
            return
        super().save(*args, **kwargs)
