"""Append-only events: what happened that is not the change of a row."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Event(models.Model):
    """One thing that happened. The database refuses to change or remove it.

    The actor is kept by kind, identifier and name, without a foreign key: the trail outlives the person's account,
    and this room knows nothing of the rooms above it.
    """

    occurred_at = models.DateTimeField(auto_now_add=True)
    verb = models.TextField(help_text="What was done: signed_in, import_posted, export_downloaded …")
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()
    address = models.TextField(blank=True, default="")
    subject_type = models.TextField(blank=True, default="")
    subject_id = models.TextField(blank=True, default="")
    subject_label = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")
    data = models.JSONField(default=dict, blank=True)

    append_only = True

    class Meta:
        default_permissions = ("view",)
        ordering = ["-occurred_at", "-id"]
        indexes = [
            models.Index(fields=["occurred_at", "id"], name="event_when"),
            models.Index(fields=["subject_type", "subject_id", "id"], name="event_subject"),
            models.Index(fields=["actor_kind", "actor_id", "id"], name="event_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_label}".strip()


class EventSeal(models.Model):
    """Proof over a run of events: what they said when they were sealed, chained to the seal before."""

    sealed_at = models.DateTimeField(db_default=Now())
    event_count = models.IntegerField()
    last_event_id = models.BigIntegerField(help_text="The highest event sealed so far.")
    digest = models.BinaryField(help_text="SHA-256 over the events' digests, in order.")
    previous = models.BinaryField(help_text="The hash of the seal before.")
    hash = models.BinaryField(help_text="SHA-256 over all of the above.")

    append_only = True

    class Meta:
        verbose_name = "seal of audit events"
        verbose_name_plural = "seals of audit events"
        default_permissions = ("view",)
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Event seal {self.pk}"


class SealedEvent(models.Model):
    """Which seal covers an event, and the digest of the event at that time."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="sealed")
    seal = models.ForeignKey(EventSeal, models.PROTECT, related_name="events")
    digest = models.BinaryField()

    append_only = True

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.event_id} under event seal {self.seal_id}"


class HistorySeal(models.Model):
    """Proof over a run of one history table: every row between two keys as it was when it was sealed, and no other.

    Chained to the seal before, of whichever table. `marks` tell the rows apart where the digest no longer fits: for
    each its place after `first_id` (four bytes) and the first eight bytes of its hash.
    """

    table_name = models.TextField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    row_count = models.IntegerField()
    columns = ArrayField(models.TextField(), help_text="What was hashed of each row, in this order.")
    marks = models.BinaryField()
    sealed_at = models.DateTimeField(db_default=Now())
    digest = models.BinaryField(help_text="SHA-256 over the rows' hashes, in order.")
    previous = models.BinaryField(help_text="The hash of the seal before.")
    hash = models.BinaryField(help_text="SHA-256 over all of the above.")

    append_only = True

    class Meta:
        verbose_name = "seal of a history"
        verbose_name_plural = "seals of histories"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["table_name", "first_id"], name="history_sealed_once")]

    def __str__(self) -> str:
        return f"History seal {self.pk}"
