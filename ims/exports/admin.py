"""Profiles and batches under Settings and records. Journals are built and fetched on the exports screens."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from ims.approvals.admin import ApprovedAdmin
from ims.audit.admin import ViewOnlyAdmin, WholeAdmin
from ims.common.errors import ImsError
from ims.exports.models import ExportBatch, ExportProfile
from ims.exports.services import check_profile


class _Indented(json.JSONEncoder):
    """Layouts are read by people: one setting a line."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "indent": 2, "ensure_ascii": False, "sort_keys": False})


class ProfileForm(forms.ModelForm):
    """A profile whose layout is tried before it is kept."""

    layout = forms.JSONField(
        encoder=_Indented,
        widget=forms.Textarea(attrs={"rows": 24, "cols": 100, "spellcheck": "false"}),
        help_text="The records of the file as JSON: detail, and perhaps header, trailer and heading. See the manual.",
    )

    class Meta:
        model = ExportProfile
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        """Refuse a profile that could not build a journal."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        tried = ExportProfile(**{name: cleaned[name] for name in cleaned if name in _columns()})
        try:
            check_profile(tried)
        except ImsError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return cleaned


def _columns() -> set[str]:
    return {field.name for field in ExportProfile._meta.fields}


@admin.register(ExportProfile)
class ExportProfileAdmin(ApprovedAdmin):
    """How each receiving system wants its journal."""

    form = ProfileForm
    list_display = ("name", "file_format", "is_detail", "file_name", "is_active")
    list_filter = ("is_active", "file_format")
    search_fields = ("name",)
    allow_import = False
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_active")}),
        ("Lines", {"fields": ("is_detail", "group_by")}),
        ("File", {"fields": ("file_format", "encoding", "line_end", "file_name", "neutralise_formulas", "layout")}),
    )


@admin.register(ExportBatch)
class ExportBatchAdmin(WholeAdmin, ViewOnlyAdmin):
    """What was built. The bytes themselves are fetched on the exports screens, which keep a record of it."""

    list_display = ("__str__", "first_date", "last_date", "entry_count", "line_count", "debit_total", "built_at")
    list_filter = ("profile",)
    date_hierarchy = None
    exclude = ("content",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Every batch, without its bytes."""
        return super().get_queryset(request).select_related("profile").defer("content")
