"""The screens where an administrator designs a reference rule or a check digit scheme and tries references against it.

Trying writes nothing. Saving goes through `services`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path

from ims.approvals.errors import ApprovalNeeded
from ims.audit.admin import REASON, actor_of
from ims.common.errors import ImsError
from ims.funds.forms import TryForm
from ims.references import check_digits
from ims.references import rules as reference_rules


@dataclass(frozen=True)
class Trial:
    """What one reference came to, and how."""

    reference: str
    valid: bool
    reason: str
    steps: tuple[str, ...] = ()


def try_rule(rule: reference_rules.ReferenceRule, references: list[str]) -> list[Trial]:
    """Check each reference against the rule, with the working of its check digit."""
    verdicts = reference_rules.check_many(rule, references)
    return [
        Trial(reference, verdict.valid, verdict.reason or "It is right.", _working(rule, reference))
        for reference, verdict in zip(references, verdicts, strict=True)
    ]


def try_scheme(scheme: check_digits.CheckDigitScheme, references: list[str]) -> list[Trial]:
    """Work out the check digit of each reference."""
    trials = []
    for reference in references:
        result = check_digits.check(scheme, reference.upper())
        if result.valid:
            reason = "The check digit is right."
        elif result.expected:
            reason = f"The check digit is {result.presented}; {result.expected} is expected."
        else:
            reason = result.steps[-1]
        trials.append(Trial(reference, result.valid, reason, result.steps))
    return trials


def _working(rule: reference_rules.ReferenceRule, reference: str) -> tuple[str, ...]:
    if rule.check_digit is None or (rule.mask and "@" not in rule.mask):
        return ()
    place = rule.mask.find("@") + 1
    return check_digits.check(rule.check_digit, reference.upper(), position=place or None).steps


class DesignerMixin:
    """Adds the designer to a ModelAdmin. `try_record` says how references are tried; `save_record` is the service."""

    design_form: type[forms.ModelForm]
    design_title: str

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.designer_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("designer/", view, name=f"{name}_designer"),
            path("<int:object_id>/designer/", view, name=f"{name}_design"),
            *super().get_urls(),
        ]

    def try_record(self, record: Any, references: list[str]) -> list[Trial]:
        """The outcome for each reference."""
        raise NotImplementedError

    def save_record(self, *, actor: Any, record: Any, reason: str) -> Any:
        """Write the record through its service."""
        raise NotImplementedError

    def designer_view(self, request: HttpRequest, object_id: int | None = None) -> HttpResponse:
        """Design, try and, for those who may, save."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        record = self.get_object(request, str(object_id)) if object_id is not None else None
        if object_id is not None and record is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(object_id))
        may_save = self.has_change_permission(request, record) if record else self.has_add_permission(request)
        form = self.design_form(request.POST or None, instance=record)
        trial_form = TryForm(request.POST or None)
        trials: list[Trial] = []
        status = 200
        if request.method == "POST" and form.is_valid() & trial_form.is_valid():
            if "save" in request.POST and may_save:
                saved = self._saved(request, form)
                if saved is not None:
                    return saved
                status = 400
            trials = self.try_record(form.instance, trial_form.cleaned_data["references"])
        context = {
            **self.admin_site.each_context(request),
            "title": self.design_title if record is None else f"{self.design_title}: {record}",
            "form": form,
            "trial_form": trial_form,
            "trials": trials,
            "may_save": may_save,
            "record": record,
            "reason": request.POST.get(REASON, ""),
            "back": self.reverse_url("changelist"),
            "back_text": self.opts.verbose_name_plural,
        }
        return render(request, "funds/designer.html", context, status=status)

    def _saved(self, request: HttpRequest, form: forms.ModelForm) -> HttpResponse | None:
        reason = request.POST.get(REASON, "").strip()[:300]
        if form.instance.pk and not reason:
            form.add_error(None, "Say why it changes. The reason is kept in the history.")
            return None
        try:
            record = self.save_record(actor=actor_of(request), record=form.instance, reason=reason)
        except ApprovalNeeded as needed:
            return self.refused(request, needed, self.reverse_url("changelist"))
        except ImsError as refusal:
            form.add_error(None, [str(refusal), *refusal.details])
            return None
        self.message_user(request, f"“{record}” was saved.", messages.SUCCESS)
        return HttpResponseRedirect(self.reverse_url("design", record))
