"""No tables: only the permission to read the proof."""

from __future__ import annotations

from django.db import models


class Report(models.Model):
    """What reports are allowed by. Nothing is stored."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [("view_proof", "Can read the daily proof")]
