"""Payments that clients asked for."""

from __future__ import annotations

import uuid

from django.db import models

from ims.api.models.clients import Client
from ims.payments.models import Basket


class ClientPayment(models.Model):
    """A basket that a client filled for a payer, and where the payer goes back to. Never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="payments", db_index=False)
    basket = models.OneToOneField(Basket, models.PROTECT, related_name="client_payment")
    return_url = models.TextField(help_text="Where the payer goes when it is over.")
    client_reference = models.TextField(blank=True, default="", help_text="The client's own name of it.")
    made_at = models.DateTimeField(auto_now_add=True)

    append_only = True

    class Meta:
        verbose_name = "payment of an API client"
        verbose_name_plural = "payments of API clients"
        ordering = ["-made_at"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["client", "made_at", "id"], name="api_payment_client")]

    def __str__(self) -> str:
        return str(self.basket)
