"""The story of every piece of background work."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.actors import Actor


class JobRun(models.Model):
    """One piece of work asked for, and what became of it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Done"
        FAILED = "failed", "Failed"

    task = models.TextField()
    title = models.TextField(help_text="What the work is, as an officer would say it.")
    subject_type = models.TextField(blank=True, default="")
    subject_id = models.TextField(blank=True, default="")
    arguments = models.JSONField(default=dict)
    actor = models.JSONField(help_text="Who asked, with the permissions they had then.")
    queue_id = models.BigIntegerField(null=True, help_text="The job's number in the queue.")
    state = models.TextField(choices=State.choices, default=State.QUEUED)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0, help_text="0: not known.")
    message = models.TextField(blank=True, default="", help_text="What it is doing, or what it did.")
    error = models.TextField(blank=True, default="", help_text="The sentence to show when it failed.")
    attempts = models.SmallIntegerField(default=0)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "background job"
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="job_subject"),
            models.Index(F("state"), F("id"), name="job_unfinished", condition=Q(state__in=["queued", "running"])),
            models.Index(F("finished_at"), name="job_failed", condition=Q(state="failed")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in (self.State.SUCCEEDED, self.State.FAILED)

    @property
    def percent(self) -> int | None:
        """How far it is, from 0 to 100; None when the total is not known."""
        return min(100, self.done * 100 // self.total) if self.total else None


_SCOPE = ("funds", "offices", "methods")


def actor_as_data(actor: Actor) -> dict[str, Any]:
    """`actor` as JSON, for the run that will act for them."""
    return {
        "kind": actor.kind,
        "identifier": actor.identifier,
        "name": actor.name,
        "permissions": sorted(actor.permissions),
        "everything": actor.everything,
        **{name: _listed(getattr(actor, name)) for name in _SCOPE},
        "office": actor.office,
        "address": actor.address,
        "unveiled": actor.unveiled,
    }


def actor_from_data(data: dict[str, Any]) -> Actor:
    """The actor that `actor_as_data` wrote down."""
    scope = {name: None if data.get(name) is None else frozenset(data[name]) for name in _SCOPE}
    return Actor(**{**data, **scope, "permissions": frozenset(data["permissions"])})


def _listed(codes: frozenset[str] | None) -> list[str] | None:
    return None if codes is None else sorted(codes)
