"""Modulus tables on screen: what is in force, loading the two files, and trying a sort code and account number."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse

from ims.audit.admin import ViewOnlyAdmin, actor_of
from ims.common import clock
from ims.common.errors import ImsError
from ims.funds import modulus
from ims.funds.modulus_models import ModulusTableLoad
from ims.references.modulus import ModulusVerdict

_VERDICTS = {"valid": ("Valid", "green"), "invalid": ("Not valid", "red"), "not_checkable": ("Cannot be told", "grey")}


class TablesForm(forms.Form):
    """The publisher's two files, and from when they are valid."""

    valacdos = forms.FileField(label="Weight table", help_text="The file VALACDOS.txt, as Vocalink publishes it.")
    scsubtab = forms.FileField(label="Substitution table", help_text="The file SCSUBTAB.txt published with it.")
    valid_from = forms.DateField(
        label="Valid from",
        input_formats=["%d %b %Y", "%d %B %Y", "%d/%m/%Y", "%d/%m/%y", "%Y-%m-%d"],
        help_text="The date the publisher gives, like 2 Nov 2026. It may be in the future.",
        widget=forms.TextInput(attrs={"size": 12}),
    )
    version = forms.CharField(
        label="Version", max_length=30, required=False, help_text="As the publisher names it. May be empty."
    )
    reason = forms.CharField(
        label="Reason", max_length=300, required=False, help_text="Kept with the tables for auditors. May be empty."
    )

    def clean_valacdos(self) -> bytes:
        return _content(self.cleaned_data["valacdos"])

    def clean_scsubtab(self) -> bytes:
        return _content(self.cleaned_data["scsubtab"])


class TryAccountForm(forms.Form):
    """A bank account to try the tables with. What is typed is kept nowhere."""

    sort_code = forms.CharField(label="Sort code", max_length=20, widget=forms.TextInput(attrs={"size": 10}))
    account = forms.CharField(label="Account number", max_length=20, widget=forms.TextInput(attrs={"size": 12}))


@admin.register(ModulusTableLoad)
class ModulusTableLoadAdmin(ViewOnlyAdmin):
    """Every pair of tables loaded, and the screen to load and try them."""

    change_list_template = "funds/change_list_modulus.html"
    list_display = ("valid_from", "version", "weight_rows", "substitutions", "loaded_at", "loaded_by", "reason")
    fields = (
        "valid_from",
        "version",
        "weight_rows",
        "valacdos_sha256",
        "substitutions",
        "scsubtab_sha256",
        "loaded_at",
        "loaded_by",
        "reason",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("valacdos", "scsubtab")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.tables_view)
        return [path("check/", view, name="funds_modulustableload_check"), *super().get_urls()]

    def tables_view(self, request: HttpRequest) -> HttpResponse:
        """What is in force; try an account; load tables."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.POST.get("act", "") if request.method == "POST" else ""
        tables_form = TablesForm(*((request.POST, request.FILES) if asked == "load" else ()))
        trial_form = TryAccountForm(request.POST if asked == "try" else None)
        verdict = None
        if asked == "load" and tables_form.is_valid() and self._loaded(request, tables_form):
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:funds_modulustableload_check"))
        if asked == "try" and trial_form.is_valid():
            verdict = _tried(trial_form)
        context = {
            **self.admin_site.each_context(request),
            "title": "Modulus tables",
            "state": modulus.modulus_state(),
            "today": clock.today(),
            "tables_form": tables_form,
            "trial_form": trial_form,
            "verdict": verdict,
            "verdict_label": _VERDICTS[verdict.verdict] if verdict else None,
            "may_load": actor_of(request).may("funds.load_modulus_tables"),
            "list_url": reverse(f"{self.admin_site.name}:funds_modulustableload_changelist"),
        }
        refused = bool(tables_form.errors or trial_form.errors)
        return render(request, "funds/modulus.html", context, status=400 if refused else 200)

    def _loaded(self, request: HttpRequest, form: TablesForm) -> bool:
        try:
            load = modulus.load_modulus_tables(actor=actor_of(request), **form.cleaned_data)
        except ImsError as refusal:
            form.add_error(None, [str(refusal), *refusal.details])
            return False
        text = f"{load} were loaded: {load.weight_rows:,} rows of weights, {load.substitutions:,} substitutions."
        self.message_user(request, text, messages.SUCCESS)
        return True


def _tried(form: TryAccountForm) -> ModulusVerdict | None:
    try:
        return modulus.check_bank_account(form.cleaned_data["sort_code"], form.cleaned_data["account"])
    except ImsError as refusal:
        form.add_error(None, str(refusal))
        return None


def _content(upload: UploadedFile) -> bytes:
    """The bytes of an upload; of one that is too large, just enough for the service to refuse it."""
    return upload.read(modulus.LARGEST_FILE_BYTES + 1)
