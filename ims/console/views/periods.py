"""Accounting periods: which are open, opening the next, closing and reopening one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from ims.common import clock
from ims.common.errors import NotFound
from ims.console.fields import DateField
from ims.console.views.base import refusals, screen
from ims.ledger import services
from ims.ledger.models import AccountingPeriod

MANAGE = "ledger.close_accountingperiod"


class NewPeriodForm(forms.Form):
    """A further accounting period."""

    name = forms.CharField(max_length=30, help_text="Like 2026-27 P08.", widget=forms.TextInput(attrs={"size": 20}))
    starts_on = DateField(label="First day")
    ends_on = DateField(label="Last day")

    def clean(self) -> dict[str, Any]:
        typed = super().clean()
        first, last = typed.get("starts_on"), typed.get("ends_on")
        if isinstance(first, date) and isinstance(last, date) and last < first:
            self.add_error("ends_on", "The last day is before the first.")
        return typed


class ReasonForm(forms.Form):
    """Why a period is closed or reopened."""

    reason = forms.CharField(
        max_length=300, help_text="Kept in the period's history.", widget=forms.Textarea(attrs={"rows": 2})
    )


@screen(permission="ledger.view_accountingperiod", what="see accounting periods")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every period, the latest first."""
    context = {
        "title": "Accounting periods",
        "periods": AccountingPeriod.objects.order_by("-starts_on"),
        "today": clock.today(),
        "may_manage": request.actor.may(MANAGE),
    }
    return render(request, "console/periods/index.html", context)


@screen(permission=MANAGE, what="open accounting periods")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Open a further period."""
    form = NewPeriodForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            period = services.open_period(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"{period} is open.")
            return redirect("periods:index")
    context = {"title": "Open a period", "form": form, "act": "Open the period", "explanation": ""}
    return render(request, "console/periods/form.html", context)


@screen(permission=MANAGE, what="close accounting periods")
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, period_id: int) -> HttpResponse:
    """Close a period, with a reason."""
    explanation = (
        "Postings on their way into the period are waited for. From then on the database refuses every entry dated "
        "within it; corrections of its receipts are dated today."
    )
    return _change(request, period_id, services.close_period, "Close", explanation)


@screen(permission=MANAGE, what="reopen accounting periods")
@require_http_methods(["GET", "POST"])
def reopen(request: HttpRequest, period_id: int) -> HttpResponse:
    """Reopen a closed period, with a reason."""
    explanation = "Entries may be dated within it again. What has been reported for it may then no longer be complete."
    return _change(request, period_id, services.reopen_period, "Reopen", explanation)


def _change(
    request: HttpRequest, period_id: int, act: Callable[..., AccountingPeriod], verb: str, explanation: str
) -> HttpResponse:
    period = AccountingPeriod.objects.filter(pk=period_id).first()
    if period is None:
        raise NotFound("There is no such accounting period.")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            period = act(actor=request.actor, period_id=period_id, reason=form.cleaned_data["reason"])
        if attempt.succeeded:
            messages.success(request, f"{period} is {'open' if period.is_open else 'closed'}.")
            return redirect("periods:index")
    context = {"title": f"{verb} {period}", "form": form, "act": f"{verb} the period", "explanation": explanation}
    return render(request, "console/periods/form.html", context)
