"""Imports in the records part of the console: settings to load and take away in bulk, everything else to look at.

The daily screens are in the console; profiles and rules are edited there, with a trial before they count.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ims.approvals.admin import ApprovedAdmin
from ims.audit.admin import ViewOnlyAdmin, WholeAdmin, actor_of
from ims.imports.models import FileProfile, ImportBatch, RoutingRule, SourceFile
from ims.imports.shares import batches_visible_to


class _Settings(ApprovedAdmin):
    """Kept for ever: what was imported under a setting must be explainable later. Switch it off instead."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(FileProfile)
class FileProfileAdmin(_Settings):
    list_display = ("name", "code", "format", "fund", "method_of_payment", "office", "expected_by", "is_active")
    list_filter = ("is_active", "format")
    search_fields = ("name", "code")
    list_select_related = ("fund", "method_of_payment", "office")


@admin.register(RoutingRule)
class RoutingRuleAdmin(_Settings):
    list_display = ("position", "name", "valid_from", "valid_to", "stops", "is_enabled")
    list_display_links = ("name",)
    list_filter = ("is_enabled", "stops")
    search_fields = ("name", "description")


@admin.register(ImportBatch)
class ImportBatchAdmin(ViewOnlyAdmin):
    """Imports within the scope of whoever looks. What is wrong with a file quotes its lines, and is on its own page."""

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        whole = ("row_count",) if actor_of(request).is_limited else ()
        return ("error", "problems", "notices", "totals", "world", *whole)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        hidden = set(self.get_exclude(request))
        return [name for name in self.list_display if name not in hidden]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        found = super().get_queryset(request)
        return found.filter(pk__in=batches_visible_to(actor_of(request)).values("pk"))

    list_display = ("id", "file_name", "profile", "state", "row_count", "posting", "received_at", "received_by")
    list_filter = ("state", "profile")
    search_fields = ("=id", "file_name")
    list_select_related = ("profile", "posting")


@admin.register(SourceFile)
class SourceFileAdmin(WholeAdmin, ViewOnlyAdmin):
    """Files as they arrived, which hold everybody's money."""

    list_display = ("id", "name", "size", "sha256", "received_at", "received_by")
    search_fields = ("name", "=sha256")
