"""Declared interests: one's own, and everybody's for those who keep them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from ims.assurance.selectors import PERMISSION as AUDIT
from ims.console.interest_forms import EndForm, InterestForm, InterestOfForm
from ims.console.views.base import refusals, screen
from ims.interests import selectors, services


@screen()
@require_http_methods(["GET", "HEAD", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """What one declared oneself, and the form that declares more."""
    form = InterestForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            made = services.declare(actor=request.actor, person=request.user, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"Your interest in account {made.account_reference} is declared.")
            return redirect("account:interests")
    context = {"title": "Your interests", "interests": selectors.own(request.actor), "form": form}
    return render(request, "console/interests/own.html", context)


@screen(permission=selectors.SEE, what="see declared interests")
@require_safe
def everybodys(request: HttpRequest) -> HttpResponse:
    """What everybody declared."""
    shows_ended = request.GET.get("ended") == "yes"
    context = {
        "title": "Declared interests",
        "interests": selectors.everybodys(request.actor, current_only=not shows_ended),
        "shows_ended": shows_ended,
        "may_keep": request.actor.may(selectors.KEEP),
        "may_audit": request.actor.may(AUDIT),
        "own": request.actor.person_key,
    }
    return render(request, "console/interests/everybodys.html", context)


@screen(permission=selectors.KEEP, what="declare interests for other people")
@require_http_methods(["GET", "HEAD", "POST"])
def declare(request: HttpRequest) -> HttpResponse:
    """Declare what somebody said on paper or at their start."""
    form = InterestOfForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            made = services.declare(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"The interest of {made.person} is declared.")
            return redirect("access:interests")
    return render(request, "console/interests/declare.html", {"title": "Declare an interest", "form": form})


@screen(permission=selectors.KEEP, what="end declared interests", recent=True)
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, interest_id: int) -> HttpResponse:
    """Say that an interest is no more."""
    found = selectors.get(request.actor, interest_id)
    form = EndForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            services.end(actor=request.actor, interest_id=found.pk, reason=form.cleaned_data["reason"])
        if attempt.succeeded:
            messages.success(request, f"The interest of {found.person} was ended.")
            return redirect("access:interests")
    context = {"title": f"End an interest of {found.person}", "interest": found, "form": form}
    return render(request, "console/interests/end.html", context)
