"""Suspense: work over receipts that nobody could identify.

The money itself is in the ledger, on the suspense fund. An item here is the work of finding whose it is: who does it,
by when, what was found out. What remains to be identified follows the ledger by a trigger, in the same transaction,
whichever room moved the money.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.audit.scope import Paths
from ims.common import masking
from ims.funds.models import Fund, Money
from ims.ledger.models import Entry


class SuspenseItem(Tracked):
    """One unidentified receipt. `amount`, `received_on` and `payer_key` repeat the entry, so that lists are fast."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ALLOCATED = "allocated", "Allocated"
        REVERSED = "reversed", "Reversed"

    entry = models.OneToOneField(Entry, models.PROTECT, related_name="suspense_item")
    amount = models.DecimalField(**Money)
    remaining = models.DecimalField(**Money, help_text="What is still to be identified. Kept by the database.")
    received_on = models.DateField(help_text="The day the money was received: age counts from here.")
    opened_on = models.DateField(help_text="The day it fell into suspense.")
    closed_at = models.DateTimeField(null=True, blank=True)
    state = models.TextField(choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True, default="", help_text="Why the receipt could not be identified.")
    payer_key = models.TextField(blank=True, default="", help_text="Payer or narrative without its digits.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    due_on = models.DateField(null=True, blank=True)

    scope_paths = Paths("entry__fund", "entry__office", "entry__method_of_payment")
    personal = Personal("ledger.see_payer_details", {"payer_key": masking.hidden})

    class Meta:
        verbose_name = "suspense item"
        default_permissions = ("view",)
        permissions = [
            ("allocate", "Can allocate suspense to accounts"),
            ("assign", "Can give suspense items to people and set due dates"),
            ("add_note", "Can add notes to suspense items"),
            ("write_off", "Can write off suspense items"),
        ]
        ordering = ["received_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True) & ~Q(remaining=0)
                | ~Q(state="open") & Q(remaining=0, closed_at__isnull=False),
                name="suspense_open_while_money_remains",
            )
        ]
        # The work list is the open items: partial indexes keep it fast however many were cleared over the years.
        indexes = [
            models.Index(F("received_on"), F("id"), name="suspense_open_by_age", condition=Q(state="open")),
            models.Index(F("remaining"), F("id"), name="suspense_open_by_amount", condition=Q(state="open")),
            models.Index(
                F("owner"), F("received_on"), F("id"), name="suspense_open_by_owner", condition=Q(state="open")
            ),
            models.Index(F("state"), F("received_on"), F("id"), name="suspense_by_state"),
            models.Index(F("payer_key"), F("id"), name="suspense_by_payer", condition=~Q(payer_key="")),
        ]

    def __str__(self) -> str:
        return f"Suspense {self.pk}"


class SuspenseNote(models.Model):
    """What somebody found out or did about an item. Notes are added, never changed."""

    item = models.ForeignKey(SuspenseItem, models.PROTECT, related_name="notes", db_index=False)
    text = models.TextField()
    written_at = models.DateTimeField(db_default=Now())
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()

    append_only = True

    class Meta:
        default_permissions = ("view",)
        ordering = ["id"]
        indexes = [models.Index(fields=["item", "id"], name="suspense_note_item")]

    def __str__(self) -> str:
        return self.text[:80]


class MatchSuggestion(models.Model):
    """A remembered guess at whose receipt an open item is, so that the work list can show and filter it at once.

    Made again whenever accounts or items change; the page of an item and every allocation reckon afresh.
    """

    item = models.ForeignKey(SuspenseItem, models.CASCADE, related_name="suggestions", db_index=False)
    rank = models.SmallIntegerField(help_text="1 is the likeliest.")
    fund = models.ForeignKey(Fund, models.PROTECT, related_name="+", db_index=False)
    account_reference = models.TextField()
    name = models.TextField(blank=True, default="")
    confidence = models.SmallIntegerField(help_text="0 to 100.")
    reasons = models.JSONField(default=list)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        ordering = ["item", "rank"]
        constraints = [models.UniqueConstraint(fields=["item", "rank"], name="match_rank_once")]
        indexes = [models.Index(fields=["fund", "item"], name="match_by_fund", condition=Q(rank=1))]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.account_reference}"
