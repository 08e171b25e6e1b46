"""Records that no room shows in the admin itself: the audit trail, background work, seals. Nobody edits them."""

from __future__ import annotations

from django.contrib import admin

from ims.audit.admin import ViewOnlyAdmin, WholeAdmin
from ims.audit.models import Event
from ims.jobs.models import JobRun
from ims.ledger.models import Seal


class EventAdmin(WholeAdmin, ViewOnlyAdmin):
    """What happened that is not the change of a record, latest first."""

    list_display = ("occurred_at", "actor_name", "verb", "subject_label", "reason")
    list_display_links = ("occurred_at",)
    list_filter = ("actor_kind",)
    search_fields = ("=subject_id",)
    search_help_text = "The number of the record it was about."
    ordering = ("-occurred_at", "-id")
    sortable_by = ()


class JobRunAdmin(WholeAdmin, ViewOnlyAdmin):
    """Background work, latest first."""

    list_display = ("title", "state", "queued_at", "finished_at", "message", "error")
    list_filter = ("state",)
    ordering = ("-id",)
    sortable_by = ()


class SealAdmin(WholeAdmin, ViewOnlyAdmin):
    """Seals over the ledger, latest first."""

    list_display = ("id", "sealed_at", "posting_count", "entry_count", "total", "hash_in_hex")
    fields = ("sealed_at", "posting_count", "entry_count", "total", "last_posting_id", "hash_in_hex")
    readonly_fields = ("hash_in_hex",)
    ordering = ("-id",)
    sortable_by = ()

    @admin.display(description="hash")
    def hash_in_hex(self, seal: Seal) -> str:
        """The hash as it is published with the daily proof."""
        return bytes(seal.hash).hex()


for model, shown_by in ((Event, EventAdmin), (JobRun, JobRunAdmin), (Seal, SealAdmin)):
    # A room that comes to show its own records in more detail goes first.
    if not admin.site.is_registered(model):
        admin.site.register(model, shown_by)
