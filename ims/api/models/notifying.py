"""What clients are told of, by calling them: where, what, and how it went."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.api.models.clients import Client
from ims.audit.history import Tracked


class NotifyAddress(Tracked):
    """Where a client is told of its payments. What is sent is signed with a secret that follows from `secret_number`.

    The secret itself is nowhere kept: it is worked out from the server's own key, the address and the number.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="notify_addresses")
    url = models.URLField("address", max_length=500, help_text="Begins with https://, on the internet.")
    is_active = models.BooleanField("in use", default=True)
    secret_number = models.PositiveIntegerField(default=1, editable=False)
    previous_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Until when the secret before is used to sign as well."
    )

    class Meta:
        verbose_name = "notify address"
        verbose_name_plural = "notify addresses"
        ordering = ["client", "url"]
        default_permissions = ("add", "change", "view")
        permissions = [("see_secret", "Can see and change secrets of notify addresses, and send notifications again")]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "url"],
                name="notify_address_once",
                violation_error_message="The client has this address already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.client}: {self.url}"

    def clean(self) -> None:
        super().clean()
        from django.core.exceptions import ValidationError

        from ims.api.outward import address_fault

        fault = address_fault(self.url)
        if fault:
            raise ValidationError({"url": fault})


class Notification(models.Model):
    """One thing a client is told at one address: delivered, or tried until it is given up."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.ForeignKey(NotifyAddress, models.PROTECT, related_name="notifications", db_index=False)
    event = models.TextField(help_text="What happened: payment.paid …")
    key = models.TextField(help_text="Natural: the same thing is told once by itself.")
    body = models.JSONField()
    state = models.TextField(choices=State.choices, default=State.WAITING)
    tries = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    made_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-made_at"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["address", "key"], name="notification_of_client_once")]
        indexes = [
            models.Index(F("due_at"), name="api_notification_due", condition=Q(state="waiting")),
            models.Index(fields=["address", "made_at"], name="api_notification_address"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"


class NotificationTry(models.Model):
    """One call to a client's address, and what came of it."""

    notification = models.ForeignKey(Notification, models.PROTECT, related_name="log")
    happened_at = models.DateTimeField(db_default=Now())
    status = models.SmallIntegerField(null=True, blank=True, help_text="The answer's status; empty: no answer.")
    outcome = models.TextField()

    append_only = True

    class Meta:
        verbose_name_plural = "notification tries"
        ordering = ["id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.outcome
