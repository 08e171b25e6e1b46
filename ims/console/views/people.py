"""How other people sign in, for those who look after people; and what a break-glass account was used for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from ims.audit.actors import Actor, authorise
from ims.console.views.base import refusals, screen
from ims.people.models import User
from ims.sign_in.directories import directories
from ims.sign_in.models import BreakGlassUse
from ims.sign_in.recent import require_recent
from ims.sign_in.selectors import SignInOfPerson, sign_in_of
from ims.sign_in.services import accounts, directory, links


class ActForm(forms.Form):
    """Something done to somebody's sign-in, and why."""

    act = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(label="Why", max_length=300, help_text="Kept in the audit trail.")


class ConnectForm(ActForm):
    """Who the person is in a directory."""

    directory = forms.ChoiceField(label="Directory")
    subject = forms.CharField(
        label="Their number there",
        max_length=255,
        help_text="Entra ID: the object ID on the person's page. Other providers: what they send as “sub”.",
    )
    field_order = ("directory", "subject", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["directory"].choices = [(each.id, each.name) for each in directories()]


class BreakGlassForm(ActForm):
    """A break-glass account, and where its key is kept."""

    note = forms.CharField(label="Where its key is kept, and who may fetch it", max_length=300)
    field_order = ("note", "reason")


class FindingForm(forms.Form):
    """What was found about one use."""

    finding = forms.CharField(
        label="Who used it, and why",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept for good.",
    )


@screen(permission="people.view_user", what="see how people sign in")
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """One person's ways in: link, lock, second factors, sessions, directory, break-glass."""
    who = get_object_or_404(User, pk=person_id)
    shown = sign_in_of(actor=request.actor, person=who)
    form, link = None, None
    if request.method == "POST":
        require_recent(request)
        form = _form_for(request.POST.get("act", ""), request.POST)
        if form is not None and form.is_valid():
            with refusals(form) as attempt:
                said, link = _carry_out(request.actor, who, form.cleaned_data, request)
            if attempt.succeeded and link is None:
                messages.success(request, said)
                return redirect("account:person", person_id=who.pk)
            if attempt.succeeded:
                form = None
    context = {
        "title": f"How {who} signs in",
        "who": who,
        "shown": shown,
        "failed": form,
        "link": link,
        "forms": _forms(shown, form),
        "may_change": request.actor.may("people.change_user") and str(who.pk) != request.actor.identifier,
        "may_mark": request.actor.may("people.grant_administrator"),
        "has_directories": bool(directories()),
    }
    return render(request, "console/account/person.html", context)


@screen(permission="sign_in.view_breakglassuse", what="see the use of a break-glass account")
def review(request: HttpRequest, use_id: int) -> HttpResponse:
    """One use of a break-glass account; who may review it says what they found."""
    use = get_object_or_404(BreakGlassUse.objects.select_related("person"), pk=use_id)
    form = FindingForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        authorise(request.actor, "sign_in.review_break_glass", what="review the use of a break-glass account")
    if form.is_valid():
        with refusals(form) as attempt:
            accounts.review_break_glass(actor=request.actor, use_id=use.pk, finding=form.cleaned_data["finding"])
        if attempt.succeeded:
            messages.success(request, "Your finding is kept, and the alert has ended.")
            return redirect("today")
    context = {
        "title": "Break-glass account used",
        "use": use,
        "form": form,
        "may_review": request.actor.may("sign_in.review_break_glass"),
        "reviewed": getattr(use, "review", None),
    }
    return render(request, "console/account/break_glass.html", context)


FORMS: dict[str, type[ActForm]] = {
    "link": ActForm,
    "unlock": ActForm,
    "take_password": ActForm,
    "remove_factors": ActForm,
    "end_sessions": ActForm,
    "connect": ConnectForm,
    "disconnect": ActForm,
    "mark": BreakGlassForm,
    "unmark": ActForm,
}


def _form_for(act: str, data: Any) -> ActForm | None:
    kind = FORMS.get(act)
    return kind(data, auto_id=f"id_{act}_%s") if kind else None


def _forms(shown: SignInOfPerson, failed: ActForm | None) -> dict[str, ActForm]:
    """A form for each act; the one that failed as it was sent."""
    forms_ = {act: kind(initial={"act": act}, auto_id=f"id_{act}_%s") for act, kind in FORMS.items()}
    if failed is not None:
        forms_[failed["act"].value()] = failed
    return forms_


def _carry_out(
    actor: Actor, who: User, data: dict[str, Any], request: HttpRequest
) -> tuple[str, dict[str, Any] | None]:
    """Do what the form says. Returns what to say, and the link where one was made: it is shown only now."""
    reason = data["reason"]
    told = {"actor": actor, "person": who, "reason": reason}
    acts: dict[str, Callable[[], Any]] = {
        "unlock": lambda: accounts.unlock(**told),
        "take_password": lambda: accounts.take_password(**told),
        "remove_factors": lambda: accounts.remove_second_factors(**told),
        "end_sessions": lambda: accounts.end_sessions(**told),
        "connect": lambda: directory.connect_identity(**told, directory=data["directory"], subject=data["subject"]),
        "disconnect": lambda: [
            directory.disconnect_identity(**told, identity_id=each.pk) for each in who.directory_identities.all()
        ],
        "mark": lambda: accounts.mark_break_glass(**told, note=data["note"]),
        "unmark": lambda: accounts.unmark_break_glass(**told),
    }
    if data["act"] == "link":
        made = links.make_link(**told)
        address = request.build_absolute_uri(reverse("account:link", args=[made.secret]))
        return "", {"address": address, "expires_at": made.expires_at}
    acts[data["act"]]()
    return {
        "unlock": f"{who} may try again at once.",
        "take_password": f"{who} signs in with the directory alone. Their sessions have ended.",
        "remove_factors": f"{who} adds a second factor when they next sign in. Their sessions have ended.",
        "end_sessions": f"{who} is signed out everywhere.",
        "connect": f"{who} can sign in with the directory.",
        "disconnect": f"{who} can no longer sign in with the directory.",
        "mark": f"{who} is a break-glass account: each use raises an alert.",
        "unmark": f"{who} is an account like any other.",
    }[data["act"]], None
