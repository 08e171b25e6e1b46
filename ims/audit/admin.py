"""What the records of every room share on screen: reasons, history, import and export, and lists that stay fast.

* `TrackedAdmin`: records people may change. Each change asks why, and the answer stands in the history.
* `ViewOnlyAdmin`: records nobody edits on screen (money above all); only actions act on them.
* `CappedPaginator`: pages that never count a whole table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import DataError, models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV, XLSX, Format
from import_export.forms import ConfirmImportForm, ImportForm, SelectableFieldsExportForm
from import_export.resources import ModelResource
from import_export.widgets import JSONWidget, Widget
from simple_history.admin import SimpleHistoryAdmin
from tablib import Dataset

from ims.audit import personal
from ims.audit.actors import Actor, acting
from ims.audit.scope import scoped
from ims.audit.services import record
from ims.common.errors import ImsError, InvalidInput

LARGEST_COUNT = 5_000
"""A list counts no further than this. Beyond it people filter instead of turning pages."""

REASON = "change_reason"
_REASON_LENGTH = 300
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?")
NO_DELETE_REASON = "Say why this is deleted. Nothing was deleted."


class CappedPaginator(Paginator):
    """Counts no further than `LARGEST_COUNT` rows, so that a page of a list of millions costs no full count."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or `LARGEST_COUNT` when there are that many or more."""
        if not isinstance(self.object_list, QuerySet):
            return min(len(self.object_list), LARGEST_COUNT)
        return min(self.object_list.order_by()[: LARGEST_COUNT + 1].count(), LARGEST_COUNT)

    @property
    def is_capped(self) -> bool:
        """Whether there may be more rows than the list offers."""
        return self.count >= LARGEST_COUNT


class JsonWidget(JSONWidget):
    """JSON out and in, where an empty object is an empty cell and the other way round."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return super().clean(value, row, **kwargs) or {}

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return super().render(value, obj, **kwargs) or ""


class TrackedResource(ModelResource):
    """How a tracked record is read from and written to a file: all rows or none, no row twice, no formula out."""

    class Meta:
        use_transactions = True
        skip_unchanged = True
        report_skipped = True
        clean_model_instances = True
        store_instance = True

    @classmethod
    def widget_from_django_field(cls, f: models.Field, default: Any = Widget) -> Any:
        """The library's choice, except for JSON."""
        return JsonWidget if isinstance(f, models.JSONField) else super().widget_from_django_field(f, default)

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        """Refuse a file that names the same record on two lines, which would let the later line win in silence."""
        super().before_import(dataset, **kwargs)
        headers = dataset.headers or []
        keys = [self.fields[name].column_name for name in self.get_import_id_fields()]
        if not headers:
            raise InvalidInput("The file has no heading line. The first line must name the columns.")
        missing = [key for key in keys if key not in headers]
        if missing:
            if missing == ["id"]:
                return  # rows without an id are new records
            raise InvalidInput(
                f"The file has no column “{missing[0]}”. Its columns are: {', '.join(map(str, headers))}."
            )
        places = [headers.index(key) for key in keys]
        first_lines: dict[tuple[str, ...], int] = {}
        for line, row in enumerate(dataset, start=2):
            key = tuple(str(row[place] if row[place] is not None else "").strip() for place in places)
            if not any(key):
                continue
            if key in first_lines:
                raise InvalidInput(
                    f"Lines {first_lines[key]} and {line} are both about “{' '.join(key)}”. "
                    "Keep one of them. Nothing was imported."
                )
            first_lines[key] = line

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Undo the apostrophe that `neutral` put before what a spreadsheet would have run as a formula."""
        super().before_import_row(row, **kwargs)
        for column, value in row.items():
            if isinstance(value, str) and value[:1] == "'" and value[1:2] in _FORMULA_STARTS:
                row[column] = value[1:]

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        """The value as written to the file, never a formula."""
        return neutral(super().export_field(field, instance, **kwargs))


def neutral(value: Any) -> Any:
    """`value`, with an apostrophe before text that a spreadsheet would run as a formula. Numbers stay as they are."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


class ReasonedImportForm(ImportForm):
    """Asks why when a file is chosen."""

    change_reason = forms.CharField(label="Reason for the change", max_length=_REASON_LENGTH)


class ReasonedConfirmForm(ConfirmImportForm):
    """Carries the reason from the preview to the import."""

    change_reason = forms.CharField(max_length=_REASON_LENGTH, widget=forms.HiddenInput)


def actor_of(request: HttpRequest) -> Actor:
    """Who sends this request."""
    return request.actor  # type: ignore[attr-defined]


class ListAdmin(admin.ModelAdmin):
    """A list that opens fast whatever its size, and refusals shown as messages."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form; a refusal from a service becomes a message above it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ImsError as refusal:
            return self.refused(request, refusal)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The record's past, to who may look at such records: asked before it is said whether there is this one."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def refused(self, request: HttpRequest, refusal: ImsError, where: str = "") -> HttpResponse:
        """Show a refusal, then the page at `where` (the same page unless told)."""
        self.message_user(request, str(refusal), messages.ERROR)
        for detail in refusal.details:
            self.message_user(request, detail, messages.ERROR)
        return HttpResponseRedirect(where or request.path)


class ViewOnlyAdmin(ListAdmin):
    """Records that are never added, edited or deleted on screen. Actions may act on them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScopedAdmin(ListAdmin):
    """Records that hold money: a person finds those within their scope and no others (`ims.audit.scope`)."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return scoped(actor_of(request), super().get_queryset(request))


class WholeAdmin(ListAdmin):
    """Records that add up or tell of everybody's money: for people whose scope is not limited."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        actor = getattr(request, "actor", None)
        return super().has_view_permission(request, obj) and not (actor and actor.is_limited)


class _VeiledList(ChangeList):
    """A list whose personal fields are masked for whoever needs only the money."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = personal.veil(actor_of(request), self.result_list)


class VeiledAdmin(ListAdmin):
    """Records with personal data (`ims.audit.personal`): masked in lists and pages, their past kept to who sees it."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _VeiledList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return personal.veil_one(actor_of(request), super().get_object(request, object_id, from_field))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._without_details(request) or super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        refusal = self._without_details(request)
        return refusal or super().history_form_view(request, object_id, version_id, extra_context)

    def _without_details(self, request: HttpRequest) -> HttpResponse | None:
        """Where to go instead while details are hidden: a history would tell what its record hides."""
        if not self.has_view_permission(request) or personal.reveals(actor_of(request), self.model):
            return None
        refusal = ImsError(
            "This history names people and addresses. If you may see personal details, show them first (at the top of "
            "the page), then open it again."
        )
        changelist = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return self.refused(request, refusal, reverse(changelist))


class HistoryToLookAt(SimpleHistoryAdmin):
    """History pages that take nothing back: the library's own save whatever is sent to them, by whoever may look.

    Addresses that name no record, whatever they hold, are simply not found.
    """

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The record with this key; None also for what cannot be a key at all."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Every state the record has had."""
        with _not_found_unless_readable():
            return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """One earlier state of a record, to be looked at."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied("A row of history is to be looked at. Change the record itself.")
        with _not_found_unless_readable():
            return super().history_form_view(request, object_id, version_id, extra_context)


@contextmanager
def _not_found_unless_readable() -> Iterator[None]:
    """Answer 404 to an address whose key is not one: letters for a number, a number no column holds."""
    try:
        yield
    except (ValueError, ValidationError, DataError) as error:
        raise Http404("There is no such record.") from error


class TrackedAdmin(ListAdmin, HistoryToLookAt, ImportExportModelAdmin):
    """Records with a history: a reason with each change, differences in words, import and export of lists.

    * `allow_delete`: whether a record that nothing uses may be deleted (by who holds the delete permission).
    * `allow_import`, `allow_export`: whether lists go in and out as CSV or XLSX.
    """

    allow_delete = False
    allow_import = True
    allow_export = True
    delete_asks_reason = False
    """Set where `delete_confirmation_template` has a field called change_reason."""

    import_form_class = ReasonedImportForm
    confirm_form_class = ReasonedConfirmForm
    export_form_class = SelectableFieldsExportForm

    # --- reasons -----------------------------------------------------------------------------------------------

    def asks_reason(self, request: HttpRequest, obj: models.Model | None) -> bool:
        """Whether the form has a field for the reason: not when the person may only look."""
        if obj is None:
            return self.has_add_permission(request)
        return self.has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, with the reason: required to change a record, welcome when adding one."""
        if self.asks_reason(request, obj):
            field = forms.CharField(
                label="Reason for the change" if obj else "Reason",
                required=obj is not None,
                max_length=_REASON_LENGTH,
                help_text="Kept in the history for auditors.",
                widget=forms.TextInput(attrs={"class": "vTextField"}),
            )
            base = kwargs.get("form", self.form)
            kwargs["form"] = type(base)("ReasonedForm", (base,), {REASON: field})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form's sections; the reason comes last."""
        fieldsets = super().get_fieldsets(request, obj)
        if not self.asks_reason(request, obj):
            return fieldsets
        kept = [
            (title, {**options, "fields": [name for name in options["fields"] if name != REASON]})
            for title, options in fieldsets
        ]
        return [*kept, ("Why", {"fields": [REASON]})]

    @contextmanager
    def acting(self, request: HttpRequest, form: Any = None) -> Iterator[None]:
        """History rows written inside name the person and the reason they typed in `form`."""
        reason = form.cleaned_data.get(REASON, "") if form is not None else ""
        with acting(actor_of(request), reason):
            yield

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with self.acting(request, form):
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with self.acting(request, form):
            super().save_related(request, form, formsets, change)

    # --- deleting ----------------------------------------------------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allow_delete and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """Never deletes many at once."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Delete one record that nothing uses, with a reason."""
        record = self.get_object(request, object_id)
        if record is not None and self.has_delete_permission(request, record):
            refusal = self._why_not_deleted(request, record)
            if refusal:
                return self.refused(request, ImsError(refusal), self.reverse_url("change", record))
        return super().delete_view(request, object_id, extra_context)

    def _why_not_deleted(self, request: HttpRequest, record: models.Model) -> str:
        used_by = next(uses_of(record), None)
        if used_by:
            return (
                f"“{record}” cannot be deleted: {used_by} use it, and the past must stay readable. "
                "Take it out of use instead."
            )
        if request.method == "POST" and self.delete_asks_reason and not request.POST.get(REASON, "").strip():
            return NO_DELETE_REASON
        return ""

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        """Only the records themselves: `delete_view` has made sure that nothing refers to them."""
        records = list(objs)
        return [str(record) for record in records], {self.opts.verbose_name: len(records)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with acting(actor_of(request), request.POST.get(REASON, "").strip()[:_REASON_LENGTH]):
            super().delete_model(request, obj)

    # --- history -----------------------------------------------------------------------------------------------

    def get_history_list_display(self, request: HttpRequest) -> list[str]:
        return ["Acting", *self.history_list_display]

    def set_history_delta_changes(
        self, request: Any, historical_records: Any, foreign_keys_are_objs: bool = True
    ) -> Any:
        """Differences in words, and the actor whatever its kind (jobs and commands have no user)."""
        for row in historical_records:
            row.Acting = " ".join(part for part in (row.actor_name, row.actor_address) if part) or row.actor_kind
        return super().set_history_delta_changes(request, historical_records, foreign_keys_are_objs)

    # --- import and export -------------------------------------------------------------------------------------

    def get_import_formats(self) -> list[type[Format]]:
        return [CSV, XLSX]

    def get_export_formats(self) -> list[type[Format]]:
        return [CSV, XLSX]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """A file can add and change records, so both permissions are needed."""
        return self.allow_import and self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.allow_export and self.has_view_permission(request)

    def get_resource_classes(self, request: HttpRequest) -> list[type[ModelResource]]:
        """The declared resource, or one made of the model's own columns."""
        if self.resource_classes or self.resource_class:
            return super().get_resource_classes(request)
        return [tracked_resource(self.model)]

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            initial[REASON] = import_form.cleaned_data[REASON]
        return initial

    def process_dataset(self, dataset: Dataset, form: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Import in earnest; every history row carries the reason. Raises `InvalidInput` when a row fails now."""
        with self.acting(request, form):
            result = super().process_dataset(dataset, form, request, **kwargs)
        if result.has_errors() or result.has_validation_errors():
            raise InvalidInput(
                "The records changed since the preview, and a line no longer fits. Nothing was imported."
            )
        reason = form.cleaned_data.get(REASON, "") if form is not None else ""
        data = {"records": self.opts.label_lower, **{kind: count for kind, count in result.totals.items() if count}}
        record("settings_imported", actor=actor_of(request), reason=reason, data=data)
        return result

    def get_export_data(self, file_format: Format, request: HttpRequest, queryset: QuerySet, **kwargs: Any) -> Any:
        """The list as a file; that it was taken away stays on record."""
        content = super().get_export_data(file_format, request, queryset, **kwargs)
        data = {"records": self.opts.label_lower, "format": file_format.get_title()}
        record("list_exported", actor=actor_of(request), data=data)
        return content

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            return super().process_import(request, **kwargs)
        except ImsError as refusal:
            return self.refused(request, refusal, self.reverse_url("import"))

    def reverse_url(self, view: str, record: models.Model | None = None) -> str:
        """The address of one of this admin's pages: changelist, change, import …"""
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{view}"
        return reverse(name, args=[record.pk] if record is not None else [])


def tracked_resource(model: type[models.Model], keys: Iterable[str] = ()) -> type[ModelResource]:
    """A resource over every column of `model`, keyed by `keys` (its primary key unless told).

    Give natural keys where the primary key is a number, so that a file moves between two councils' systems.
    """
    options: dict[str, Any] = {"model": model, "import_id_fields": list(keys) or [model._meta.pk.name]}
    if keys:
        options["exclude"] = ("id",)
    meta = type("Meta", (TrackedResource.Meta,), options)
    return type(f"{model.__name__}Resource", (TrackedResource,), {"Meta": meta})


def uses_of(record: models.Model) -> Iterator[str]:
    """What refers to `record`, in the plural: “entries”, “general ledger mappings” … Looks for one row of each."""
    for relation in record._meta.get_fields(include_hidden=True):
        if not relation.auto_created or relation.concrete or not (relation.one_to_many or relation.one_to_one):
            continue
        related = relation.related_model
        if related._meta.auto_created or hasattr(related, "history_id"):
            continue  # its own many-to-many rows go with it; history keeps names, not links
        name = relation.field.name
        if related._base_manager.filter(**{name: record.pk}).exists():
            yield str(related._meta.verbose_name_plural)
