"""Card payments: finding one, its whole life, taking one, refunding one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ims.approvals import services as approvals
from ims.approvals.errors import ApprovalNeeded
from ims.audit import personal
from ims.common.addresses import public_url
from ims.common.errors import NotFound
from ims.common.identifiers import record_number
from ims.common.money import format_pounds
from ims.console.payment_forms import HowForm, PaymentFilters, ReasonForm, RefundForm, line_set
from ims.console.views.base import refusals, screen
from ims.correspondence import selectors as correspondence
from ims.correspondence.services.links import send_link
from ims.payments import dealings, lists, observers, refundable, refunding, selectors
from ims.payments.errors import AlreadyPaid
from ims.payments.models import PaymentAttempt, PaymentLink
from ims.payments.models.set_up import Channel
from ims.payments.services import links, request_refund
from ims.payments.states import POSTED, UNFINISHED

VIEW = "payments.view_paymentattempt"
TAKE = ("payments.take_payment", "payments.send_link")
REFUND = "payments.request_refund"


def sections(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    """The tabs of the payment screens."""
    standing = lists.standing(request.actor)
    names = [
        ("index", "Payments", "payments:index", None),
        ("exceptions", "Exceptions", "payments:exceptions", standing.exceptions),
        ("refunds", "Refunds", "payments:refunds", None),
        ("disputes", "Disputes", "payments:disputes", len(standing.disputes)),
        ("links", "Payment links", "payments:links", None),
        ("payouts", "Payouts", "payments:payouts", None),
    ]
    return [
        {"label": label, "url": reverse(url), "is_current": name == current, "count": count}
        for name, label, url, count in names
    ]


@screen(permission=VIEW, what="see card payments")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The payments, newest first, and what about them needs somebody."""
    filters = PaymentFilters(request.GET or None)
    typed = filters.cleaned_data if filters.is_valid() else {}
    criteria = lists.Criteria(
        text=typed.get("q") or "",
        state=typed.get("state") or "",
        channel=typed.get("channel") or "",
        service=typed.get("service") or "",
        asked_from=typed.get("asked_from"),
        asked_to=typed.get("asked_to"),
    )
    page = lists.attempts(request.actor, criteria, before=request.GET.get("before", ""))
    context = {
        "title": "Card payments",
        "tabs": sections(request, "index"),
        "filters": filters,
        "attempts": page.rows,
        "page": {"older": older(request, page.older), "newer": ""},
        "standing": lists.standing(request.actor),
        "is_filtered": any(typed.values()),
        "may_take": any(request.actor.may(permission) for permission in TAKE),
    }
    return render(request, "console/payments/index.html", context)


def older(request: HttpRequest, before: int | None) -> str:
    """The query string of the next page; empty at the end."""
    if before is None:
        return ""
    query = request.GET.copy()
    query["before"] = str(before)
    return query.urlencode()


@screen(permission=VIEW, what="see card payments")
@require_safe
def payment(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """One payment: what it paid, how it stands, its whole life."""
    attempt = selectors.get_attempt(request.actor, attempt_id)
    actor = request.actor
    lines = refundable.lines_of(attempt)
    context = {
        "title": attempt.reference,
        "attempt": attempt,
        "basket": personal.veil_one(request.actor, attempt.basket),
        "basket_lines": attempt.basket.lines.select_related("fund") if attempt.basket else [],
        "lines": lines,
        "others": attempt.basket.attempts.exclude(pk=attempt.pk) if attempt.basket else [],
        "refunds": attempt.refunds.all(),
        "disputes": attempt.disputes.all(),
        "story": lists.story(attempt),
        "unfinished": attempt.state in UNFINISHED,
        "may_refund": actor.may(REFUND)
        and attempt.state in POSTED
        and any(line.refundable for line in lines)
        and not refundable.is_disputed(attempt),
        "may_cancel": attempt.state in UNFINISHED and actor.may("payments.take_payment"),
        "may_look": actor.may("payments.take_payment"),
        "may_resend": attempt.state in POSTED and actor.may("payments.take_payment"),
        "may_post": attempt.state in POSTED and correspondence.may_post_letters(actor),
        "told": correspondence.messages_about(actor, attempt.posting) if attempt.posting else [],
    }
    return render(request, "console/payments/payment.html", context)


@screen(permission="payments.take_payment", what="look at card payments again")
@require_POST
def look_again(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Ask the provider how the payment stands, now."""
    selectors.get_attempt(request.actor, attempt_id)
    attempt = dealings.refresh(actor=request.actor, attempt_id=attempt_id, heard_by="staff")
    messages.info(request, f"{attempt.reference}: {attempt.get_state_display().lower()}.")
    return redirect("payments:payment", attempt_id)


@screen(permission="payments.take_payment", what="cancel card payments")
@require_POST
def cancel(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Stop a payment that nobody has finished."""
    selectors.get_attempt(request.actor, attempt_id)
    attempt = dealings.cancel_payment(actor=request.actor, attempt_id=attempt_id)
    if attempt.is_paid:
        messages.warning(request, f"{attempt.reference} was paid before it could be cancelled.")
    else:
        messages.success(request, f"{attempt.reference}: {attempt.get_state_display().lower()}.")
    return redirect("payments:payment", attempt_id)


@screen(permission="payments.take_payment", what="send receipts again")
@require_POST
def resend_receipt(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Have the receipt sent to the payer once more."""
    attempt = selectors.get_attempt(request.actor, attempt_id)
    if attempt.state not in POSTED or attempt.basket is None or not (attempt.basket.email or attempt.basket.telephone):
        messages.warning(request, "There is no receipt to send, or nowhere to send it.")
    else:
        observers.tell("resend_receipt", attempt)
        messages.success(request, "The receipt is on its way once more.")
    return redirect("payments:payment", attempt_id)


@screen(permission=TAKE, what="take card payments")
@require_http_methods(["GET", "POST"])
def take(request: HttpRequest) -> HttpResponse:
    """Take a payment by telephone or at a counter, or make a payment link."""
    actor = request.actor
    data = request.POST if request.method == "POST" else None
    adding = request.POST.get("step") == "add"
    how, lines = HowForm(data, actor=actor), line_set(data, actor=actor, add=adding)
    context = {"title": "Take a payment", "how": how, "lines": lines, "may_add": len(lines.forms) < 10}
    if data is None or adding:
        how.is_quiet = adding
        return render(request, "console/payments/take.html", context)
    if not all([how.is_valid(), lines.is_valid()]):
        return render(request, "console/payments/take.html", context)
    return _taken(request, how, lines, context)


def _taken(request: HttpRequest, how: HowForm, lines: Any, context: dict[str, Any]) -> HttpResponse:
    channel, payer = how.cleaned_data["channel"], how.payer()
    with refusals(how) as attempt:
        if channel == Channel.LINK:
            link = links.create_link(
                actor=request.actor,
                lines=lines.lines(),
                payer=payer,
                message=how.cleaned_data["message"],
                lasts=how.duration(),
            )
            sent = send_link(actor=request.actor, link_id=link.pk, address=_public_address(request, link))
            amount = format_pounds(link.basket.total)
            messages.success(request, f"The payment link over {amount} is ready, and on its way to {sent.masked_to}.")
            return redirect("payments:link", link.pk)
        started = dealings.start_new_payment(
            actor=request.actor,
            channel=channel,
            lines=lines.lines(),
            payer=payer,
            source="console",
            return_url=_return_address(request),
        )
        return _to_card_page(request, started)
    assert not attempt.succeeded
    return render(request, "console/payments/take.html", context)


def _return_address(request: HttpRequest) -> Callable[[str], str]:
    return lambda token: request.build_absolute_uri(reverse("payments:returned", args=[token]))


def _to_card_page(request: HttpRequest, started: dealings.Started) -> HttpResponse:
    """Send the browser to the card page, by a link or by a form. The page is the only one that may post there."""
    attempt, step = started.attempt, started.next_step
    context = {"title": "On to the card page", "attempt": attempt, "step": step}
    response = render(request, "console/payments/onward.html", context)
    if origins := selectors.card_page_origins(attempt.service):
        response._csp_update = {"form-action": origins}
    return response


@screen(permission=TAKE, what="take card payments")
@require_POST
def go_on(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Go on with a payment that is not finished, or try again one that failed."""
    attempt = selectors.get_attempt(request.actor, attempt_id)
    if attempt.basket is None:
        raise NotFound("This payment was not taken here.")
    try:
        started = dealings.start_payment(
            actor=request.actor, basket_id=attempt.basket_id, return_url=_return_address(request)
        )
        return _to_card_page(request, started)
    except AlreadyPaid as paid:
        messages.info(request, paid.message)
        return redirect("payments:payment", attempt_id)


@screen(permission=TAKE, what="take card payments")
@require_safe
def returned(request: HttpRequest, token: str) -> HttpResponse:
    """The provider's page sends the browser back here. That proves nothing: the payment is read again."""
    attempt = selectors.get_attempt(request.actor, selectors.returned(token).pk)
    attempt = dealings.refresh(actor=request.actor, attempt_id=attempt.pk)
    if attempt.is_paid:
        messages.success(request, f"{format_pounds(attempt.paid_total)} was paid.")
    elif attempt.is_finished:
        messages.warning(request, f"Nothing was paid: {attempt.get_state_display().lower()}.")
    else:
        messages.info(request, "The payment is not finished yet. It is looked at again by itself.")
    return redirect("payments:payment", attempt.pk)


@screen(permission=REFUND, what="refund card payments")
@require_http_methods(["GET", "POST"])
def refund(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Give money of a payment back: the form, the plan, and one request."""
    attempt = selectors.get_attempt(request.actor, attempt_id)
    lines = refundable.lines_of(attempt)
    step = request.POST.get("step", "plan") if request.method == "POST" else ""
    if not step:
        form = RefundForm(initial=_as_seen(request, attempt, lines), lines=lines)
        return render(request, "console/payments/refund.html", _refund_context(attempt, form))
    form = RefundForm(request.POST, lines=lines)
    if step == "change" or not form.is_valid() or not _has_amount(form):
        return render(request, "console/payments/refund.html", _refund_context(attempt, form))
    if step != "confirm":
        return render(request, "console/payments/refund_plan.html", _refund_context(attempt, form))
    return _ask_for_refund(request, attempt, form)


def _as_seen(request: HttpRequest, attempt: PaymentAttempt, lines: list[refundable.RefundableLine]) -> dict[str, Any]:
    seen = {
        "available_seen": refunding.available(actor=request.actor, attempt_id=attempt.pk),
        "unclaimed_seen": sum(line.refundable for line in lines),
        "key": uuid.uuid4().hex,
    }
    return seen | {f"line_{line.entry.pk}": line.refundable for line in lines if line.refundable}


def _has_amount(form: RefundForm) -> bool:
    if not form.amounts():
        form.add_error(None, "Give an amount above £0.00 for at least one line.")
    return bool(form.amounts())


def _refund_context(attempt: PaymentAttempt, form: RefundForm) -> dict[str, Any]:
    context = {"title": f"Refund {attempt.reference}", "attempt": attempt, "form": form}
    context |= {"confirm_text": "Refund", "confirm_kind": "warning"}
    context["back"] = reverse("payments:payment", args=[attempt.pk])
    if form.is_bound and form.is_valid():
        context["chosen"] = [
            (line, form.cleaned_data[name]) for name, line in form.line_names if form.cleaned_data.get(name)
        ]
        context["total"] = sum(form.amounts().values())
    return context


def _ask_for_refund(request: HttpRequest, attempt: PaymentAttempt, form: RefundForm) -> HttpResponse:
    typed = form.cleaned_data
    with refusals(form) as outcome:
        try:
            made = request_refund(
                actor=request.actor,
                attempt_id=attempt.pk,
                amounts=form.amounts(),
                reason=typed["reason"],
                unclaimed_seen=typed["unclaimed_seen"],
                available_seen=typed["available_seen"],
                key=typed["key"],
            )
            messages.success(request, f"Refund {made} of {format_pounds(made.amount)} is on its way to the provider.")
        except ApprovalNeeded as needed:
            approvals.request(
                actor=request.actor, kind=needed.kind, payload=needed.payload, reason=typed["reason"], key=needed.key
            )
            messages.info(request, f"The refund was asked for. {needed.message}")
    if not outcome.succeeded:
        return render(request, "console/payments/refund.html", _refund_context(attempt, form))
    return redirect("payments:payment", attempt.pk)


@screen(permission="payments.view_paymentlink", what="see payment links")
@require_safe
def link_list(request: HttpRequest) -> HttpResponse:
    """The payment links, newest first."""
    page = lists.links(request.actor, before=request.GET.get("before", ""))
    context = {
        "title": "Payment links",
        "tabs": sections(request, "links"),
        "links": page.rows,
        "page": {"older": older(request, page.older), "newer": ""},
        "may_take": request.actor.may("payments.send_link"),
    }
    return render(request, "console/payments/links.html", context)


def _link(request: HttpRequest, link_id: int) -> PaymentLink:
    found = PaymentLink.objects.select_related("basket").filter(pk=link_id).first()
    if found is None or not selectors.is_in_scope(request.actor, found.basket):
        raise NotFound("There is no such link, or it is not in your funds.")
    return found


@screen(permission="payments.view_paymentlink", what="see payment links")
@require_safe
def link(request: HttpRequest, link_id: int) -> HttpResponse:
    """One link: what it asks for, whether it was opened, the payments made from it."""
    found = personal.veil_one(request.actor, _link(request, link_id))
    context = {
        "title": f"Payment link over {format_pounds(found.basket.total)}",
        "link": found,
        "basket": personal.veil_one(request.actor, found.basket),
        "basket_lines": found.basket.lines.select_related("fund"),
        "attempts": found.basket.attempts.order_by("number"),
        "address": _public_address(request, found) if request.actor.may("payments.send_link") else "",
        "history": found.history.order_by("-history_id"),
        "may_cancel": found.state in links.OPEN and request.actor.may("payments.send_link"),
    }
    return render(request, "console/payments/link.html", context)


def _public_address(request: HttpRequest, found: PaymentLink) -> str:
    """Where the payer goes; empty while there are no public pages."""
    if found.state not in links.OPEN:
        return ""
    try:
        return public_url(request, reverse("portal:link", args=[links.token_of(found)]))
    except NoReverseMatch:
        return ""


@screen(permission="payments.send_link", what="cancel payment links")
@require_http_methods(["GET", "POST"])
def cancel_link(request: HttpRequest, link_id: int) -> HttpResponse:
    """Make a link worthless, with a reason."""
    found = _link(request, link_id)
    return ask_for_reason(
        request,
        lambda reason: links.cancel_link(actor=request.actor, link_id=link_id, reason=reason),
        done="The link was cancelled. Whoever opens it is told so.",
        back=reverse("payments:link", args=[found.pk]),
        title="Cancel the payment link",
        act="Cancel the link",
    )


def ask_for_reason(
    request: HttpRequest, do: Callable[[str], Any], *, done: str, back: str, before: str = "", **page: str
) -> HttpResponse:
    """One box for words, then one act with them: `done` is said when it succeeded, and `back` is where it leads.

    `before` fills the box; `page` is the rest of what the page says.
    """
    form = ReasonForm(request.POST if request.method == "POST" else None, initial={"reason": before})
    if form.is_valid():
        with refusals(form) as attempt:
            do(form.cleaned_data["reason"])
        if attempt.succeeded:
            messages.success(request, done)
            return redirect(back)
    return render(request, "console/payments/reason.html", {**page, "form": form, "back": back})


def number_of(text: str) -> int:
    """The record number in a form. Raises `NotFound` for anything else."""
    number = record_number(text)
    if number is None:
        raise NotFound("There is no such record.")
    return number
