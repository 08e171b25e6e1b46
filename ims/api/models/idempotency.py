"""Idempotency keys that were spent, so that the same request again is answered and not done again."""

from __future__ import annotations

from django.db import models

from ims.api.models.clients import Client


class SpentKey(models.Model):
    """The first request that succeeded with a key, by what it asked and what it was answered. Kept for ninety days."""

    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    request = models.CharField(max_length=64, help_text="SHA-256 of the method, the address and the body.")
    status = models.SmallIntegerField()
    answer = models.JSONField()
    spent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="api_key_spent_once")]
        indexes = [models.Index(fields=["spent_at"], name="api_spent_key_age")]

    def __str__(self) -> str:
        return self.key
