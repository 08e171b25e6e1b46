"""Proof that leaves the database: each day's last seals as published, and the packs that were made for auditors."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class SealPublication(models.Model):
    """The last seals of one day, as they were written to a file outside the database."""

    day = models.DateField(unique=True, help_text="The day whose last seals these are, in the council's time zone.")
    file_name = models.TextField()
    content = models.TextField(help_text="The file, as it was written.")
    sha256 = models.CharField(max_length=64, help_text="Of the file.")
    published_at = models.DateTimeField(db_default=Now())

    append_only = True

    class Meta:
        verbose_name = "published seals"
        verbose_name_plural = "published seals"
        default_permissions = ("view",)
        permissions = [("publish_seals", "Can publish seals outside the database")]
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"Seals of {self.day:%-d %b %Y}"


class EvidencePack(models.Model):
    """A zip of evidence for a period: asked for, made in the background, kept for some weeks, then only remembered."""

    class Kind(models.TextChoices):
        PACK = "pack", "Evidence pack"
        LEDGER = "ledger", "Ledger evidence"

    class State(models.TextChoices):
        ASKED = "asked", "Being made"
        READY = "ready", "Ready"
        GONE = "gone", "No longer kept"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PACK)
    first = models.DateField(help_text="First day, included.")
    last = models.DateField(help_text="Last day, included.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    file_name = models.TextField(blank=True, default="")
    size = models.BigIntegerField(default=0, help_text="In bytes.")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    index = models.JSONField(default=dict, blank=True, help_text="What it holds: each file with its SHA-256.")
    asked_at = models.DateTimeField(db_default=Now())
    made_at = models.DateTimeField(null=True, blank=True)
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()
    reason = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "evidence pack"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="pack_days_in_order"),
            models.CheckConstraint(
                condition=~Q(state="ready") | (~Q(sha256="") & Q(made_at__isnull=False)), name="pack_ready_has_a_hash"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.first:%-d %b %Y} to {self.last:%-d %b %Y}"


def pack_name(kind: str, first: date, last: date) -> str:
    """What the file of a pack is called."""
    word = "ledger-evidence" if kind == EvidencePack.Kind.LEDGER else "evidence-pack"
    return f"{word}-{first:%Y%m%d}-{last:%Y%m%d}.zip"


class PackPiece(models.Model):
    """A piece of a pack's bytes. All pieces in order are the file."""

    pack = models.ForeignKey(EvidencePack, models.PROTECT, related_name="pieces", db_index=False)
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        default_permissions = ()
        ordering = ["pack", "number"]
        constraints = [models.UniqueConstraint(fields=["pack", "number"], name="pack_piece_once")]

    def __str__(self) -> str:
        return f"{self.pack_id}/{self.number}"
