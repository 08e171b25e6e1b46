"""Counts of what came from one place within one span of time."""

from __future__ import annotations

from django.db import models


class Window(models.Model):
    """How often one caller did one thing since `starts_at`. Holds a keyed hash of the caller, never the caller.

    The table is unlogged: counting costs no write-ahead log, and after a crash every count begins anew.
    """

    key = models.TextField(help_text="The name of the limit and a keyed hash of the caller.")
    starts_at = models.DateTimeField()
    hits = models.IntegerField(default=1)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key", "starts_at"], name="throttling_window_once")]
        indexes = [models.Index(fields=["starts_at"], name="throttling_window_age")]

    def __str__(self) -> str:
        return self.key
