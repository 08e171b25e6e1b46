"""Routing rules and file profiles: listing, changing, and trying them before they count."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from ims.common import clock
from ims.common.errors import InvalidInput
from ims.console.import_setting_forms import (
    DATE_NAMES,
    ColumnForm,
    ColumnSet,
    ConditionSet,
    FileProfileForm,
    LayoutForm,
    RecordForm,
    RecordSet,
    RuleForm,
    SampleForm,
    condition_rows,
    groups_from,
)
from ims.console.views.base import refusals, screen
from ims.formats import registry
from ims.imports import selectors, services
from ims.imports.models import FileProfile, RoutingRule
from ims.imports.models.profiles import LAYOUT
from ims.imports.rules import FIELDS, conditions_in_words

VIEW_RULES = "imports.view_routingrule"
VIEW_PROFILES = "imports.view_fileprofile"


@screen(permission=VIEW_RULES, what="see routing rules")
@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The rules in the order in which they run, with how often each fired."""
    hits = selectors.hit_counts(request.actor)
    today = clock.today()
    context = {
        "title": "Routing rules",
        "rules": [
            {
                "rule": rule,
                "when": conditions_in_words(rule.groups),
                "sets": [f"{FIELDS.get(name, name)}: {value}" for name, value in rule.actions.items()],
                "hits": hits[rule.pk][0],
                "last": hits[rule.pk][1],
                "is_over": bool(rule.valid_to and rule.valid_to < today),
            }
            for rule in RoutingRule.objects.all()
        ],
        "may_add": request.actor.may("imports.add_routingrule"),
    }
    return render(request, "console/imports/rules.html", context)


@screen(permission=VIEW_RULES, what="see routing rules")
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, rule_id: int | None = None) -> HttpResponse:
    """One rule: change it, try it over past rows, save it."""
    found = get_object_or_404(RoutingRule, pk=rule_id) if rule_id else RoutingRule(position=_next_position())
    step = request.POST.get("step", "")
    data = request.POST if request.method == "POST" else None
    form = RuleForm(data, rule=found)
    form.fields["reason"].required = step not in ("try", "add")
    conditions = ConditionSet(_with_more(data, step, "conditions"), initial=condition_rows(found.groups),
                              prefix="conditions")  # fmt: skip
    trial = None
    if data and step not in ("add", "change") and form.is_valid() and conditions.is_valid():
        form.fill(found)
        found.groups = groups_from(conditions.forms)
        with refusals(form) as attempt:
            if step == "try":
                trial = services.try_rule(actor=request.actor, rule=found)
            else:
                services.save_rule(actor=request.actor, rule=found, reason=form.cleaned_data["reason"])
        if attempt.succeeded and step != "try":
            messages.success(request, f"The rule “{found.name}” was saved.")
            return redirect("imports:rules")
    form.is_quiet = step in ("add", "change")
    context = {
        "title": found.name if rule_id else "New routing rule",
        "rule": found,
        "form": form,
        "conditions": conditions,
        "trial": trial,
        "may_save": request.actor.may(f"imports.{'change' if rule_id else 'add'}_routingrule"),
        "history": found.history.all()[:20] if rule_id else [],
    }
    return render(request, "console/imports/rule.html", context)


def _next_position() -> int:
    last = RoutingRule.objects.order_by("-position").values_list("position", flat=True).first()
    return (last or 0) + 10


def _with_more(data: Any, step: str, prefix: str) -> Any:
    """The posted boxes, with some empty ones more when that was asked for."""
    if data is None or step not in ("add", f"add_{prefix}"):
        return data
    grown = data.copy()
    grown[f"{prefix}-TOTAL_FORMS"] = str(min(int(data.get(f"{prefix}-TOTAL_FORMS") or 0) + 3, 200))
    return grown


@screen(permission=VIEW_PROFILES, what="see file profiles")
@require_safe
def profiles(request: HttpRequest) -> HttpResponse:
    """The profiles, with how each is read and when its files are due."""
    titles = {name: known.title for name, known in registry.FORMATS.items()}
    context = {
        "title": "File profiles",
        "profiles": [
            (found, titles.get(found.format, "Own layout" if found.format == LAYOUT else found.format))
            for found in FileProfile.objects.select_related("fund", "method_of_payment", "office")
        ],
        "may_add": request.actor.may("imports.add_fileprofile"),
    }
    return render(request, "console/imports/profiles.html", context)


@screen(permission=VIEW_PROFILES, what="see file profiles")
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest, profile_id: int | None = None) -> HttpResponse:
    """One profile: have its columns told from a file, change it, try it on the file, save it."""
    found = get_object_or_404(FileProfile, pk=profile_id) if profile_id else FileProfile(format=LAYOUT)
    step = request.POST.get("step", "")
    forms = _ProfileForms(request, found, step)
    sample = None
    if step == "draft":
        with refusals(forms.sample):
            forms.draft(request)
    only_shown = step == "change" or step.startswith("add")
    if request.method == "POST" and not only_shown and forms.are_valid():
        forms.fill(found)
        with refusals(forms.profile) as attempt:
            if step in ("try", "draft"):
                sample = forms.try_sample(request)
            else:
                services.save_profile(actor=request.actor, profile=found, reason=forms.profile.cleaned_data["reason"])
        if attempt.succeeded and step not in ("try", "draft"):
            messages.success(request, f"The profile “{found.name}” was saved.")
            return redirect("imports:profile", found.pk)
    if only_shown:
        forms.profile.is_quiet = True
    context = {
        "title": found.name if profile_id else "New file profile",
        "profile": found,
        "forms": forms,
        "sample": sample,
        "date_names": DATE_NAMES,
        "column_headings": ColumnForm.headings(),
        "record_headings": RecordForm.headings(),
        "may_save": request.actor.may(f"imports.{'change' if profile_id else 'add'}_fileprofile"),
        "history": found.history.all()[:20] if profile_id else [],
        "back": reverse("imports:profiles"),
    }
    return render(request, "console/imports/profile.html", context)


_NEEDED_TO_SAVE = ("name", "code", "reason")


class _ProfileForms:
    """All the forms of one profile together."""

    def __init__(self, request: HttpRequest, found: FileProfile, step: str) -> None:
        data = request.POST if request.method == "POST" else None
        layout = found.layout
        self.profile = FileProfileForm(data, instance=found)
        if step in ("try", "draft", "change") or step.startswith("add"):
            for name in _NEEDED_TO_SAVE:
                self.profile.fields[name].required = False
        else:
            self.profile.fields["reason"].required = True
        self.layout = LayoutForm(data, initial=LayoutForm.values_of(layout), prefix="layout")
        self.columns = ColumnSet(
            _with_more(data, step, "columns"),
            initial=[ColumnForm.values_of(column) for column in layout.get("columns", [])],
            prefix="columns",
        )
        self.records = RecordSet(
            _with_more(data, step, "records"),
            initial=[RecordForm.values_of(rule) for rule in layout.get("records", [])],
            prefix="records",
        )
        self.sample = SampleForm(data, request.FILES or None, prefix="sample")

    def are_valid(self) -> bool:
        """Whether every box can be read."""
        valid = [form.is_valid() for form in (self.profile, self.layout, self.columns, self.records, self.sample)]
        for name in _NEEDED_TO_SAVE:
            self.profile.fields[name].required = True  # a trial does without them; the page still asks
        return all(valid)  # all are asked, so that every box says what is wrong with it at once

    def fill(self, found: FileProfile) -> None:
        """Put the layout into the profile (its own fields are there already)."""
        if found.format != LAYOUT:
            return
        layout = dict(found.layout)
        self.layout.fill(layout)
        layout["columns"] = [form.as_config() for form in self.columns.forms if form.cleaned_data.get("field")]
        records = [form.as_config() for form in self.records.forms if form.cleaned_data.get("kind")]
        layout.pop("records", None)
        if records:
            layout["records"] = records
        found.layout = layout

    def draft(self, request: HttpRequest) -> None:
        """Fill the boxes of the columns with what the file given seems to hold."""
        found = services.draft_layout(
            actor=request.actor,
            stream=self._file(),
            encoding=request.POST.get("layout-encoding", ""),
            sheet=request.POST.get("layout-sheet", ""),
        )
        drawn = request.POST.copy()
        for name in [name for name in drawn if name.startswith("columns-")]:
            del drawn[name]
        drawn["columns-TOTAL_FORMS"], drawn["columns-INITIAL_FORMS"] = str(len(found["columns"])), "0"
        for place, column in enumerate(found["columns"]):
            for name, value in ColumnForm.values_of(column).items():
                drawn[f"columns-{place}-{name}"] = str(value)
        for name, value in LayoutForm.values_of(found).items():
            if name not in ("encoding", "sheet", "account"):
                drawn[f"layout-{name}"] = str(value)
        self.layout = LayoutForm(drawn, prefix="layout")
        self.columns = ColumnSet(drawn, prefix="columns")

    def _file(self) -> Any:
        file = self.sample.cleaned_data.get("sample") if self.sample.is_valid() else None
        if file is None:
            raise InvalidInput("Choose a file of this sender first.")
        file.seek(0)
        return file

    def try_sample(self, request: HttpRequest) -> Any:
        """What the profile makes of the file given."""
        file = self._file()
        found = self.profile.instance
        return services.try_sample(actor=request.actor, format=found.format, layout=found.layout, stream=file)
