"""Retention on screen: rules and what is due, legal holds, asking for a disposal, certificates."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ims.approvals import services as approvals
from ims.console.views.base import refusals, screen
from ims.funds.models import Fund
from ims.jobs.selectors import latest_run
from ims.records import classes, selectors, services, subject_access
from ims.records.models import Hold, RetentionRule

VIEW = "records.view_retentionrule"


class RuleForm(forms.Form):
    """How long, counted from when, by what law, and why it changes."""

    months = forms.IntegerField(label="Kept for, in months", min_value=1, max_value=1200, help_text="72 is six years.")
    counted_from = forms.ChoiceField(choices=RetentionRule.CountedFrom.choices)
    basis = forms.CharField(label="Legal source", max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
    is_active = forms.BooleanField(label="In use", required=False)
    reason = forms.CharField(label="Reason for the change", max_length=300)


class HoldForm(forms.Form):
    """What is held and why."""

    record_class = forms.ChoiceField(label="Records", required=False)
    fund = forms.ChoiceField(required=False)
    reference = forms.CharField(label="Account reference", max_length=60, required=False)
    reason = forms.CharField(max_length=300, help_text="The claim, investigation or request it is for.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["record_class"].choices = [("", "Every class"), *((c.code, c.title) for c in classes.CLASSES)]
        self.fields["fund"].choices = [("", "Every fund"), *((fund.code, str(fund)) for fund in Fund.objects.all())]


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=300)


@screen(permission=VIEW, what="see retention rules")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every rule with what is due; holds; disposals."""
    context = {
        "title": "Retention",
        "standings": selectors.standings(request.actor),
        "holds": [(hold, classes.title_of(hold.record_class)) for hold in selectors.holds(request.actor)[:100]],
        "disposals": [(each, classes.title_of(each.record_class)) for each in selectors.disposals(request.actor)[:50]],
        "may_change": request.actor.may("records.change_retentionrule"),
        "may_hold": request.actor.may("records.add_hold"),
        "may_lift": request.actor.may("records.change_hold"),
        "may_ask": request.actor.may("records.ask_disposal"),
        "may_answer": request.actor.may(subject_access.PERMISSION),
    }
    return render(request, "console/records/index.html", context)


@screen(permission="records.change_retentionrule", what="change retention rules")
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, record_class: str) -> HttpResponse:
    """Change one rule, with a reason."""
    found = selectors.rule_of(record_class)
    initial = {name: getattr(found, name) for name in ("months", "counted_from", "basis", "is_active")}
    form = RuleForm(request.POST) if request.method == "POST" else RuleForm(initial=initial)
    if form.is_bound and form.is_valid():
        with refusals(form) as attempt:
            services.change_rule(actor=request.actor, record_class=record_class, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, "The rule was changed.")
            return redirect("records:index")
    context = {"title": classes.title_of(record_class), "form": form, "chosen": classes.find(record_class)}
    return render(request, "console/records/rule.html", context)


@screen(permission="records.add_hold", what="place legal holds")
@require_http_methods(["GET", "HEAD", "POST"])
def hold(request: HttpRequest) -> HttpResponse:
    """Place a hold."""
    form = HoldForm(request.POST or None)
    if form.is_bound and form.is_valid():
        with refusals(form) as attempt:
            placed = services.place_hold(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"{placed} is in force.")
            return redirect("records:index")
    return render(request, "console/records/hold.html", {"title": "Place a legal hold", "form": form})


@screen(permission="records.change_hold", what="lift legal holds")
@require_http_methods(["GET", "HEAD", "POST"])
def lift(request: HttpRequest, hold_id: int) -> HttpResponse:
    """Lift a hold, with a reason."""
    found = Hold.objects.filter(pk=hold_id).first()
    form = ReasonForm(request.POST or None)
    if form.is_bound and form.is_valid():
        with refusals(form) as attempt:
            lifted = services.lift_hold(actor=request.actor, hold_id=hold_id, reason=form.cleaned_data["reason"])
        if attempt.succeeded:
            messages.success(request, f"{lifted} was lifted.")
            return redirect("records:index")
    context = {"title": f"Lift {found}" if found else "Lift a hold", "form": form, "found": found}
    return render(request, "console/records/lift.html", context)


@screen(permission="records.ask_disposal", what="ask for a disposal")
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, record_class: str) -> HttpResponse:
    """The plan of a disposal; with POST, ask a second person to approve it."""
    found = selectors.rule_of(record_class)
    plan = selectors.plan(found)
    form = ReasonForm(request.POST or None)
    if form.is_bound and form.is_valid():
        reason = form.cleaned_data["reason"]
        payload = {"record_class": record_class, "before": plan.before.isoformat(), "reason": reason}
        with refusals(form) as attempt:
            made = approvals.request(actor=request.actor, kind=services.DISPOSAL_KIND, payload=payload, reason=reason)
        if attempt.succeeded:
            messages.success(request, f"Request {made.pk} waits for a second person. Nothing goes before they approve.")
            return redirect("records:index")
    context = {"title": f"Dispose of {plan.record_class.title.lower()}", "plan": plan, "rule": found, "form": form}
    return render(request, "console/records/ask.html", context)


@screen(permission="records.view_disposal", what="see disposals")
@require_safe
def disposal(request: HttpRequest, disposal_id: int) -> HttpResponse:
    """One disposal and its certificate, for paper too."""
    found = selectors.get_disposal(request.actor, disposal_id)
    context = {
        "title": f"{found}: {classes.title_of(found.record_class)}",
        "found": found,
        "chosen": classes.find(found.record_class),
        "run": latest_run(found),
        "approved_by": found.approval.decided_by_name,
    }
    return render(request, "console/records/disposal.html", context)


@screen(permission="records.view_disposal", what="see disposals")
@require_safe
def certificate(request: HttpRequest, disposal_id: int) -> HttpResponse:
    """The certificate as a file: the bytes whose SHA-256 stands in the audit trail."""
    found = selectors.get_disposal(request.actor, disposal_id)
    answer = HttpResponse(found.certificate.encode(), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="disposal-{found.pk}-certificate.json"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


# --- what is held about a person ---------------------------------------------------------------------------------


class SubjectForm(forms.Form):
    """What is known of the person who asks."""

    all_optional = True

    case = forms.CharField(label="Number of the request", max_length=60, help_text="In the council’s own register.")
    name = forms.CharField(max_length=150, required=False)
    references = forms.CharField(
        label="Account references", required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="One a line."
    )
    postcode = forms.CharField(max_length=10, required=False)
    email = forms.CharField(label="E-mail address", max_length=254, required=False)
    telephone = forms.CharField(label="Telephone number", max_length=40, required=False)


@screen(permission=subject_access.PERMISSION, what="answer subject access requests")
@require_http_methods(["GET", "HEAD", "POST"])
def subjects(request: HttpRequest) -> HttpResponse:
    """Requests, newest first; with POST, begin to answer one."""
    form = SubjectForm(request.POST or None)
    if form.is_bound and form.is_valid():
        with refusals(form) as attempt:
            made = subject_access.open_request(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            return redirect("records:subject", made.pk)
    found = subject_access.requests(request.actor)[:100]
    context = {"title": "What is held about a person", "form": form, "found": found}
    return render(request, "console/records/subjects.html", context)


class LeftOutForm(forms.Form):
    """Why rows are left out of an answer; which they are is ticked beside them."""

    why = forms.CharField(
        label="Why what is ticked is left out",
        help_text="Needed when something is ticked.",
        max_length=300,
        required=False,
    )


@screen(permission=subject_access.PERMISSION, what="answer subject access requests")
@require_http_methods(["GET", "HEAD", "POST"])
def subject(request: HttpRequest, subject_id: int) -> HttpResponse:
    """Everything found; with POST, what is left out and that all of it was looked at."""
    found = subject_access.get(request.actor, subject_id)
    form = LeftOutForm(request.POST if request.method == "POST" else None)
    ticked = request.POST.getlist("left_out")
    if form.is_valid():
        why = form.cleaned_data["why"]
        with refusals(form) as attempt:
            kept_out = {key: found.left_out.get(key) or why for key in ticked}
            subject_access.review(actor=request.actor, request_id=subject_id, left_out=kept_out)
        if attempt.succeeded:
            messages.success(request, "Reviewed. It can be handed over now.")
            return redirect("records:subject", subject_id)
    holdings = subject_access.holdings(request.actor, found)
    context = {
        "title": f"{found}, {found.case}",
        "found": found,
        "fitting": [each for each in holdings if each.kept or each.left_out],
        "nothing": [each.source.title for each in holdings if not (each.kept or each.left_out)],
        "form": form,
        "ticked": ticked,
    }
    return render(request, "console/records/subject.html", context)


@screen(permission=subject_access.PERMISSION, what="answer subject access requests")
@require_POST
def answer(request: HttpRequest, subject_id: int) -> HttpResponse:
    """The answer as a file; handing it over stays on record."""
    found, content = subject_access.answer(actor=request.actor, request_id=subject_id)
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="subject-access-{found.pk}.zip"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
