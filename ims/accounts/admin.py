"""Account holders on screen: to look at, never to edit; loaded from files in two steps; stop reasons."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse

from ims.accounts import selectors, services
from ims.accounts.file_layout import COLUMNS
from ims.accounts.models import AccountHolder, AccountLoad, StopReason
from ims.audit import personal
from ims.audit.admin import HistoryToLookAt, TrackedAdmin, VeiledAdmin, ViewOnlyAdmin, actor_of, tracked_resource
from ims.common.errors import ImsError
from ims.common.identifiers import record_number
from ims.common.money import format_pounds
from ims.funds.models import Fund
from ims.funds.selectors import funds_in_use
from ims.jobs.selectors import latest_run


class LoadForm(forms.Form):
    """A file of account holders, and what it is."""

    file = forms.FileField(label="File", help_text=f"CSV with a heading line. Columns: {', '.join(COLUMNS)}.")
    fund = forms.ModelChoiceField(
        Fund.objects.none(),
        required=False,
        empty_label="Each line names its fund",
        help_text="Whose accounts they are.",
    )
    is_full = forms.BooleanField(
        required=False,
        label="The file holds every account",
        help_text="Accounts of its funds that are missing from it are marked as gone.",
    )
    reason = forms.CharField(max_length=300, help_text="Kept in the history for auditors, like “Nightly extract”.")


class DiscardForm(forms.Form):
    """Why a checked file is put aside."""

    reason = forms.CharField(max_length=300)


class StopFilter(admin.SimpleListFilter):
    """Accounts on stop, without asking the database which stops are in use."""

    title = "stop"
    parameter_name = "stop"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "On stop"), ("no", "Not on stop")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("yes", "no"):
            return queryset.filter(stop_reason__isnull=self.value() == "no")
        return queryset


@admin.register(AccountHolder)
class AccountHolderAdmin(VeiledAdmin, ViewOnlyAdmin, HistoryToLookAt):
    """Account holders. Their back-office system owns them; IMS only loads them."""

    list_display = ("reference", "fund", "name", "postcode", "owed", "balance_on", "stop_reason", "is_open")
    list_filter = ("fund", StopFilter, "is_open")
    search_fields = ("reference",)
    search_help_text = "Reference or postcode from its start, or words of the name."
    list_select_related = ("fund", "stop_reason")
    ordering = ("fund", "reference")
    sortable_by = ("reference",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return selectors.accounts_visible_to(actor_of(request))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Search by index only: references and postcodes from their start, names by words."""
        if selectors.is_name_or_postcode(search_term) and not personal.may_reveal(actor_of(request), AccountHolder):
            self.message_user(request, "You may search by reference only: names and postcodes are not yours to see.")
            return queryset.none(), False
        return selectors.narrowed(queryset, text=search_term), False

    @admin.display(description="balance", ordering="balance")
    def owed(self, account: AccountHolder) -> str:
        return format_pounds(account.balance)


@admin.register(AccountLoad)
class AccountLoadAdmin(ViewOnlyAdmin):
    """Files of account holders: load one, look at what it would do, confirm or discard it."""

    list_display = ("file_name", "fund", "state", "rows", "added", "changed", "gone", "received_at", "received_by")
    list_filter = ("state", "fund")
    list_select_related = ("fund",)
    search_fields = ("file_name", "received_by")
    exclude = ("content",)
    change_list_template = "accounts/change_list_loads.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return selectors.loads_visible_to(actor_of(request))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("load/", wrap(self.load_view), name="accounts_accountload_load"),
            path("<int:load_id>/preview/", wrap(self.preview_view), name="accounts_accountload_preview"),
            path("<int:load_id>/progress/", wrap(self.progress_view), name="accounts_accountload_progress"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may_load = actor_of(request).may(services.PERMISSION)
        return super().changelist_view(request, {**(extra_context or {}), "may_load": may_load})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """A load is shown by its own page, which says what it did or would do."""
        if record_number(object_id) is None:
            return super().change_view(request, object_id, form_url, extra_context)
        return HttpResponseRedirect(reverse("admin:accounts_accountload_preview", args=[object_id]))

    def load_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a file; it is checked, and nothing is loaded yet."""
        actor = actor_of(request)
        if not actor.may(services.PERMISSION):
            raise PermissionDenied
        form = LoadForm(request.POST or None, request.FILES or None)
        form.fields["fund"].queryset = funds_in_use(actor)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            # A few accounts are checked while somebody waits; a nightly extract by a worker.
            receive = services.receive_later if given["file"].size > services.LARGE else services.receive_file
            try:
                load = receive(
                    actor=actor,
                    file=given["file"],
                    file_name=given["file"].name,
                    fund=given["fund"].code if given["fund"] else "",
                    is_full=given["is_full"],
                    reason=given["reason"],
                )
            except ImsError as refusal:
                form.add_error("file", str(refusal))
            else:
                return HttpResponseRedirect(reverse("admin:accounts_accountload_preview", args=[load.pk]))
        return render(request, "accounts/load.html", self._context(request, "Load account holders", form=form))

    def preview_view(self, request: HttpRequest, load_id: int) -> HttpResponse:
        """What the file would do, or did; confirm or discard it."""
        actor = actor_of(request)
        load = self.get_object(request, str(load_id))
        if load is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(load_id))
        if not self.has_view_permission(request, load):
            raise PermissionDenied
        form = DiscardForm(request.POST if "discard" in request.POST else None)
        run = latest_run(load)
        works = run is not None and not run.is_finished
        if request.method == "POST" and not works:
            answer = self._decided(request, load, form)
            if answer is not None:
                return answer
        title = f"{load.file_name}: {load.get_state_display().lower()}"
        shown = {
            "problems": load.problems if personal.may_reveal(actor, AccountHolder) else [],
            "examples": load.examples if personal.reveals(actor, AccountHolder) else [],
        }
        context = self._context(
            request,
            title,
            **shown,
            load=load,
            form=form,
            run=run,
            works=works,
            may_load=actor.may(services.PERMISSION) and not works,
            waits=load.state == AccountLoad.State.CHECKED,
            is_new=load.state == AccountLoad.State.RECEIVED,
        )
        return render(request, "accounts/preview.html", context)

    def progress_view(self, request: HttpRequest, load_id: int) -> HttpResponse:
        """How far the work on a file is, for the progress bar."""
        load = self.get_object(request, str(load_id))
        if load is None:
            raise Http404("There is no such file of account holders.")
        if not self.has_view_permission(request, load):
            raise PermissionDenied
        run = latest_run(load)
        if run is None:
            return JsonResponse({"done": 0, "total": 0, "text": "", "finished": True})
        text = run.message or ("Waiting for a worker" if run.state == run.State.QUEUED else run.title)
        return JsonResponse({"done": run.done, "total": run.total, "text": text, "finished": run.is_finished})

    def _decided(self, request: HttpRequest, load: AccountLoad, form: DiscardForm) -> HttpResponse | None:
        where = reverse("admin:accounts_accountload_preview", args=[load.pk])
        try:
            if "confirm" in request.POST and load.rows > services.MANY:
                services.confirm_later(actor=actor_of(request), load_id=load.pk)
                return HttpResponseRedirect(where)
            if "confirm" in request.POST:
                done = services.confirm_load(actor=actor_of(request), load_id=load.pk)
                told = f"{done.added:,} accounts added, {done.changed:,} changed, {done.gone:,} gone."
            elif form.is_valid():
                services.discard_load(actor=actor_of(request), load_id=load.pk, reason=form.cleaned_data["reason"])
                told = f"{load.file_name} was discarded."
            else:
                return None
        except ImsError as refusal:
            return self.refused(request, refusal, where)
        self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(where)

    def _context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        loads = reverse("admin:accounts_accountload_changelist")
        return {**self.admin_site.each_context(request), "title": title, "loads": loads, **more}


@admin.register(StopReason)
class StopReasonAdmin(TrackedAdmin):
    """Why payments to an account are stopped, whom that concerns, and whether it refuses or warns."""

    allow_delete = True
    delete_asks_reason = True
    delete_confirmation_template = "funds/delete_confirmation.html"
    resource_classes = [tracked_resource(StopReason, ("fund", "code"))]
    list_display = ("fund", "code", "message", "audience", "effect")
    list_display_links = ("code",)
    list_filter = ("fund", "audience", "effect")
    list_select_related = ("fund",)
    search_fields = ("code", "message")
