"""The systems that may call the API, and their keys."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from ims.audit.history import Tracked


class Client(Tracked):
    """Another system that calls the API: the e-forms, the telephone line, the housing system.

    `funds` are the codes of the funds it may deal with; none, unless `every_fund` says so.
    """

    name = models.CharField(max_length=60, unique=True, help_text="As the audit trail will name it.")
    purpose = models.CharField(max_length=200, help_text="What it does with the API.")
    contact = models.CharField(max_length=120, help_text="Whom to tell when something is wrong, or a key is due.")
    scopes = ArrayField(models.CharField(max_length=40), default=list, help_text="What it may do.")
    every_fund = models.BooleanField(default=False, help_text="It may deal with every fund, those to come included.")
    funds = ArrayField(
        models.CharField(max_length=5), default=list, blank=True, help_text="The funds it may deal with."
    )
    calls_a_minute = models.PositiveIntegerField(default=120, help_text="More are refused until the minute is over.")
    is_active = models.BooleanField("in use", default=True, help_text="Off: every call is refused at once.")

    class Meta:
        verbose_name = "API client"
        ordering = ["name"]
        default_permissions = ("add", "change", "view")
        permissions = [("issue_key", "Can issue and revoke keys of API clients")]

    def __str__(self) -> str:
        return self.name


class ClientKey(models.Model):
    """One key of a client. Only its SHA-256 is kept: the key itself is shown once, to whoever issued it.

    A key is 256 random bits, so a plain hash cannot be guessed back. What changes here is recorded as audit events.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="keys")
    prefix = models.CharField(max_length=12, unique=True, help_text="The beginning of the key, by which it is known.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the whole key.")
    issued_at = models.DateTimeField()
    issued_by = models.TextField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ["-issued_at"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=models.F("issued_at")), name="api_key_expires_later")
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    def works_at(self, moment: datetime) -> bool:
        """Whether the key opens anything at `moment`."""
        return self.revoked_at is None and self.expires_at > moment

    def state_at(self, moment: datetime) -> str:
        """In a word: in use, revoked, expired."""
        if self.revoked_at is not None:
            return "Revoked"
        return "In use" if self.expires_at > moment else "Expired"
