"""What about card payments waits for somebody: exceptions, refunds, disputes, payouts; and the services themselves."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from ims.audit import personal
from ims.audit.scope import require_whole
from ims.common.addresses import public_url
from ims.common.errors import NotFound
from ims.console.payment_forms import MatchForm, ReportForm
from ims.console.views.base import refusals, screen
from ims.console.views.payments import ask_for_reason, number_of, older, sections
from ims.ledger.models import Entry
from ims.payments import checks, lists, reading, selectors, transit
from ims.payments.models import Dispute, Payout
from ims.payments.services import resolve_exception
from ims.payments.services.disputes import note_dispute
from ims.payments.services.settlement import match_payout, unmatch_payout

MOST_CREDITS = 20


@screen(permission="payments.view_paymentexception", what="see payment exceptions")
@require_safe
def exceptions(request: HttpRequest) -> HttpResponse:
    """What somebody must look at, the oldest first."""
    waiting = list(lists.exceptions(request.actor)[:200])
    context = {
        "title": "Payment exceptions",
        "tabs": sections(request, "exceptions"),
        "exceptions": waiting,
        "resolved": lists.exceptions(request.actor, resolved=True)[:20],
        "by_kind": Counter(found.get_kind_display() for found in waiting).most_common(),
        "may_resolve": request.actor.may("payments.resolve_exception"),
    }
    return render(request, "console/payments/exceptions.html", context)


@screen(permission="payments.resolve_exception", what="resolve payment exceptions")
@require_http_methods(["GET", "POST"])
def resolve(request: HttpRequest, exception_id: int) -> HttpResponse:
    """Say what was done about an exception."""
    found = selectors.exceptions_visible_to(request.actor).filter(pk=exception_id).first()
    if found is None:
        raise NotFound("There is no such exception, or it is not in your funds.")
    return ask_for_reason(
        request,
        lambda said: resolve_exception(actor=request.actor, exception_id=exception_id, resolution=said),
        done="The exception was taken off the queue.",
        back=reverse("payments:exceptions"),
        title=found.get_kind_display(),
        explanation=found.message,
        label="What was done",
        act="Resolve",
    )


@screen(permission="payments.view_refund", what="see refunds")
@require_safe
def refunds(request: HttpRequest) -> HttpResponse:
    """Refunds, newest first."""
    page = lists.refunds(request.actor, before=request.GET.get("before", ""))
    context = {
        "title": "Refunds",
        "tabs": sections(request, "refunds"),
        "refunds": page.rows,
        "page": {"older": older(request, page.older), "newer": ""},
    }
    return render(request, "console/payments/refunds.html", context)


@screen(permission="payments.view_dispute", what="see disputes")
@require_safe
def disputes(request: HttpRequest) -> HttpResponse:
    """Disputes, those to answer first."""
    shown = personal.veil(request.actor, lists.disputes(request.actor)[:200])
    found = [(dispute, lists.days_left(dispute)) for dispute in shown]
    context = {
        "title": "Disputes",
        "tabs": sections(request, "disputes"),
        "disputes": found,
        "may_note": request.actor.may("payments.answer_dispute"),
    }
    return render(request, "console/payments/disputes.html", context)


@screen(permission="payments.answer_dispute", what="note what was done about disputes")
@require_http_methods(["GET", "POST"])
def note(request: HttpRequest, dispute_id: int) -> HttpResponse:
    """Write down what was done about a dispute."""
    dispute = selectors.disputes_visible_to(request.actor).filter(pk=dispute_id).first()
    if dispute is None:
        raise NotFound("There is no such dispute, or it is not in your funds.")
    return ask_for_reason(
        request,
        lambda said: note_dispute(actor=request.actor, dispute_id=dispute_id, note=said),
        done="Noted.",
        back=reverse("payments:disputes"),
        before=personal.for_form(request.actor, Dispute, dispute.note),
        title=str(dispute),
        explanation="The answer itself, with its evidence, is given on the provider’s pages before the deadline.",
        label="What was done",
        act="Note it",
    )


@screen(permission="payments.view_payout", what="see payouts")
@require_safe
def payouts(request: HttpRequest) -> HttpResponse:
    """What providers paid to the bank, and what is on its way."""
    require_whole(request.actor, "A payout")
    page = lists.payouts(before=request.GET.get("before", ""))
    context = {
        "title": "Payouts",
        "tabs": sections(request, "payouts"),
        "payouts": page.rows,
        "page": {"older": older(request, page.older), "newer": ""},
        "transit": transit.in_transit(),
        "may_match": request.actor.may("payments.match_payout"),
    }
    return render(request, "console/payments/payouts.html", context)


def _payout(payout_id: int) -> Payout:
    found = Payout.objects.select_related("service", "bank_entry__posting", "fee_posting").filter(pk=payout_id).first()
    if found is None:
        raise NotFound("There is no such payout.")
    return found


@screen(permission="payments.view_payout", what="see payouts")
@require_http_methods(["GET", "POST"])
def payout(request: HttpRequest, payout_id: int) -> HttpResponse:
    """One payout: what it is made of, its fees, the bank's line; and matching it by hand."""
    require_whole(request.actor, "A payout")
    found = _payout(payout_id)
    credits = [] if found.bank_entry_id else _nearest_first(found)
    companions = transit.companions(found) if credits else []
    form = MatchForm(request.POST if request.method == "POST" else None, credits=credits, companions=companions)
    if form.is_valid():
        chosen = [found.pk, *map(number_of, form.cleaned_data.get("others", []))]
        with refusals(form) as attempt:
            match_payout(actor=request.actor, payout_ids=chosen, entry_id=number_of(form.cleaned_data["entry"]))
        if attempt.succeeded:
            messages.success(request, f"{found} is matched with the bank.")
            return redirect("payments:payout", found.pk)
    may_match = request.actor.may("payments.match_payout")
    context = {
        "title": str(found),
        "payout": found,
        "lines": found.lines.select_related("attempt", "refund", "dispute").order_by("id")[:1000],
        "form": form,
        "has_credits": bool(credits),
        "may_match": may_match and not found.bank_entry_id,
        "may_unmatch": may_match and bool(found.bank_entry_id),
        "with_it": found.bank_entry.payouts.exclude(pk=found.pk) if found.bank_entry else (),
    }
    return render(request, "console/payments/payout.html", context)


def _nearest_first(found: Payout) -> list[Entry]:
    """The bank's lines that it may be, those of its own amount first, then the next in amount."""
    credits = transit.bank_credits(found, within=transit.PEOPLE_LOOK_UP_TO)
    return sorted(credits, key=lambda entry: abs(entry.amount - found.net))[:MOST_CREDITS]


@screen(permission="payments.match_payout", what="match payouts with the bank")
@require_http_methods(["GET", "POST"])
def unmatch(request: HttpRequest, payout_id: int) -> HttpResponse:
    """Take a match with the bank back, with a reason."""
    require_whole(request.actor, "A payout")
    found = _payout(payout_id)
    return ask_for_reason(
        request,
        lambda reason: unmatch_payout(actor=request.actor, payout_id=payout_id, reason=reason),
        done=f"{found} is not matched with the bank any more.",
        back=reverse("payments:payout", args=[found.pk]),
        title="Take the match back",
        explanation="The payout and everything it was matched together with are then looked for in the bank again, by "
        "people alone. Nothing is posted or undone.",
        act="Take the match back",
    )


@screen(permission="payments.match_payout", what="load reports of payouts")
@require_http_methods(["GET", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    """Load a provider's own report of a payout."""
    form = ReportForm(*([request.POST, request.FILES] if request.method == "POST" else []))
    if form.is_valid():
        typed = form.cleaned_data
        with refusals(form) as attempt:
            made = reading.load_payout_report(
                actor=request.actor,
                service=selectors.service_named(typed["service"]),
                content=typed["report"].read(),
                settled_on=typed["settled_on"],
            )
        if attempt.succeeded:
            _tell_of_report(request, made)
            return redirect("payments:payouts")
    context = {"title": "Load a report of payouts", "form": form, "back": reverse("payments:payouts")}
    return render(request, "console/payments/report.html", context)


def _tell_of_report(request: HttpRequest, made: list[Payout]) -> None:
    if made:
        messages.success(request, f"{', '.join(str(payout) for payout in made[:3])}: read.")
    else:
        messages.info(request, "Everything in that report was known already.")


@screen(permission="payments.view_paymentservice", what="see payment services")
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """The payment services: what each takes, whether it answers, whether its keys are there."""
    context: dict[str, Any] = {
        "title": "Payment services",
        "services": [(service, checks.faults_of(service)) for service in lists.services()],
        "routes": selectors.routes(),
        "may_change": request.actor.may("payments.change_paymentservice"),
        "host": public_url(request, "/"),
    }
    return render(request, "console/payments/services.html", context)
