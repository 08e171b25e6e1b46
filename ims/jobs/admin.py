"""Background work to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ims.jobs.models import JobRun
from ims.jobs.selectors import visible_to


@admin.register(JobRun)
class JobRunAdmin(admin.ModelAdmin):
    """Nobody edits what a worker did."""

    list_display = ("id", "title", "state", "message", "error", "attempts", "queued_at", "finished_at")
    list_filter = ("state", "task")
    search_fields = ("=id", "title")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobRun]:
        return visible_to(request.actor)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
