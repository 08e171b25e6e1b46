"""The pages, in the order a payer sees them. Each POST ends in a redirect, so that Back and Reload do no harm."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ims.api.services.payments import return_of
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.money import ZERO
from ims.correspondence.status_links import return_token_of, status_path
from ims.payment_types import checking
from ims.payment_types import selectors as payment_types
from ims.payments import dealings, selectors, states
from ims.payments.errors import AlreadyPaid, PaymentRefusal
from ims.payments.models import Basket, PaymentAttempt, PaymentLink
from ims.payments.services import baskets as basket_services
from ims.payments.services import links
from ims.payments.services.baskets import Payer
from ims.portal import baskets, limits
from ims.portal.forms import BillForm, PayerForm
from ims.portal.pages import LANGUAGE_COOKIE, brand_css, page, public
from ims.portal.payer import PAYER
from ims.portal.words import sentence
from ims.providers.card import NextStep


@require_safe
@public
def start(request: HttpRequest) -> HttpResponse:
    """What would you like to pay?"""
    types = [
        {
            "title": each.words("title", request.pay_language),
            "summary": each.words("summary", request.pay_language),
            "url": reverse("portal:bill", args=[each.pk]),
        }
        for each in payment_types.offered()
    ]
    basket = baskets.open_of(request)
    count = basket.lines.count() if basket else 0
    return page(request, "start", {"title": _("What would you like to pay?"), "types": types, "in_basket": count})


@require_http_methods(["GET", "HEAD", "POST"])
@public
def bill(request: HttpRequest, code: str) -> HttpResponse:
    """The reference and the amount of one bill."""
    payment_type = payment_types.find(code)
    language = request.pay_language
    form = BillForm(payment_type, language, request.POST or None)
    if request.method == "POST":
        limits.before_check(request)
        if _add(request, form, payment_type):
            return redirect("portal:basket")
        if form.has_error("reference"):
            limits.after_wrong(request)
    title = payment_type.words("title", language)
    context = {"title": title, "form": form, "help": payment_type.words("help_text", language)}
    return page(request, "bill", context, status=400 if form.errors else 200)


def _add(request: HttpRequest, form: BillForm, payment_type: Any) -> bool:
    """Check the bill and put it into the basket; False when it may not be paid, which the form then says."""
    form.full_clean()
    if form.has_error("reference"):
        return False
    # A wrong amount does not keep a wrong reference from being told as well.
    wanted = checking.Wanted(
        payment_type=payment_type,
        reference=form.cleaned_data["reference"],
        amount=form.cleaned_data.get("amount", Decimal("0.01")),
    )
    answer = checking.check([wanted], actor=PAYER)[0]
    if not answer.accepted:
        form.add_error(answer.field or None, str(answer.sentence))
    if form.errors:
        return False
    try:
        baskets.add(request, payment_type, answer.reference, wanted.amount, answer.vat_code)
    except PaymentRefusal as refusal:
        form.add_error(*_why_not_added(request, refusal, payment_type, answer.reference))
        return False
    return True


def _why_not_added(request: HttpRequest, refusal: PaymentRefusal, payment_type: Any, reference: str) -> tuple:
    basket = baskets.open_of(request)
    same = basket and basket.lines.filter(fund_id=payment_type.fund_id, account_reference__iexact=reference).exists()
    if same:
        return None, _("This bill is in your list already. To pay another amount, take it out of the list first.")
    return None, sentence(refusal)


@require_safe
@public
def basket(request: HttpRequest) -> HttpResponse:
    """What is to be paid, to check, to take out, to add to."""
    found = baskets.open_of(request)
    if found is None or not found.lines.exists():
        return page(request, "empty", {"title": _("There is nothing to pay yet")})
    context = {
        "title": _("What you are paying"),
        "basket": found,
        "lines": baskets.shown(found, request.pay_language),
        "is_sealed": found.sealed_at is not None,
        "is_fixed": baskets.is_fixed(found),
    }
    return page(request, "basket", context)


@require_safe
@public
def order(request: HttpRequest, token: str) -> HttpResponse:
    """What another system asks the payer to pay: taken up in this browser, or what came of it."""
    limits.before_look(request)
    found = selectors.basket_of(token)
    if found.state == Basket.State.PAID:
        return _to_result(found)
    request.session[baskets.SESSION_KEY] = found.token
    return redirect("portal:basket" if baskets.open_of(request) is None else "portal:payer")


@require_http_methods(["GET", "HEAD", "POST"])
@public
def link(request: HttpRequest, token: str) -> HttpResponse:
    """What a link of staff asks to be paid. Looking changes nothing (mail scanners look too); going on opens it."""
    limits.before_look(request)
    found = links.find_link(token)
    if found.basket.state == Basket.State.PAID:
        return _to_result(found.basket)
    if request.method == "POST":
        links.open_link(actor=PAYER, token=token)
        request.session[baskets.SESSION_KEY] = found.basket.token
        return redirect("portal:payer")
    _refuse_over(found)
    context = {
        "title": _("Pay %(council)s") % {"council": request.council.name_in(request.pay_language)},
        "link": found,
        "basket": found.basket,
        "lines": baskets.shown(found.basket, request.pay_language),
    }
    return page(request, "link", context)


def _refuse_over(found: PaymentLink) -> None:
    """Raise the refusal of a link that nobody can pay by any more."""
    if found.state == PaymentLink.State.CANCELLED:
        raise PaymentRefusal("The link was cancelled.", code="link_cancelled")
    is_late = found.state == PaymentLink.State.EXPIRED or found.expires_at <= clock.now()
    if is_late and not selectors.unfinished_attempt(found.basket):
        raise PaymentRefusal("The link has expired.", code="link_expired")


@require_POST
@public
def remove(request: HttpRequest) -> HttpResponse:
    """Take one bill out. Taking it out twice changes nothing."""
    found = baskets.open_of(request)
    number = request.POST.get("line", "")
    if found is not None and not baskets.is_fixed(found) and number.isascii() and number.isdigit() and len(number) < 5:
        with suppress(NotFound):
            basket_services.remove_line(actor=PAYER, basket_id=found.pk, line=int(number))
    return redirect("portal:basket")


@require_POST
@public
def begin_again(request: HttpRequest) -> HttpResponse:
    """Forget the basket of this browser. A payment under way in another tab is left alone."""
    request.session.pop(baskets.SESSION_KEY, None)
    return redirect("portal:start")


@require_http_methods(["GET", "HEAD", "POST"])
@public
def payer(request: HttpRequest) -> HttpResponse:
    """Where the receipt goes; the payer's address where a bill needs it."""
    found = baskets.open_of(request)
    if found is None or not found.lines.exists():
        return redirect("portal:basket")
    wants_address = baskets.wants_address(found)
    lines = [*found.address.splitlines(), "", "", ""]
    known = {
        "name": found.payer_name,
        "email": found.email,
        "line1": lines[0],
        "line2": lines[1] if found.address.count("\n") > 1 else "",
        "town": lines[found.address.count("\n")] if found.address.count("\n") else "",
        "postcode": found.postcode,
    }
    form = PayerForm(request.POST or None, wants_address=wants_address, initial=known)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        who = Payer(
            name=given.get("name", ""),
            email=given["email"],
            address=form.address() if wants_address else "",
            postcode=given.get("postcode", ""),
        )
        basket_services.set_payer(actor=PAYER, basket_id=found.pk, payer=who)
        return redirect("portal:check")
    title = _("Your details") if wants_address else _("Your receipt")
    context = {"title": title, "form": form, "wants_address": wants_address}
    return page(request, "payer", context, status=400 if form.errors else 200)


@require_safe
@public
def check(request: HttpRequest) -> HttpResponse:
    """Everything once more, before the card page."""
    found = baskets.open_of(request)
    if found is None or not found.lines.exists():
        return redirect("portal:basket")
    if baskets.wants_address(found) and not (found.payer_name and found.address and found.postcode):
        return redirect("portal:payer")
    context = {
        "title": _("Check before you pay"),
        "basket": found,
        "lines": baskets.shown(found, request.pay_language),
        "is_sealed": found.sealed_at is not None,
    }
    return _leads_to_card_page(page(request, "check", context), found)


@require_POST
@public
def pay(request: HttpRequest) -> HttpResponse:
    """Ask the provider for the payment and send the payer to its card page. A second click meets the same payment."""
    limits.before_start(request)
    found = baskets.open_of(request)
    if found is None:
        paid = baskets.of(request)
        return _to_result(paid) if paid is not None and paid.state == Basket.State.PAID else redirect("portal:basket")
    return _start(request, found)


@require_POST
@public
def again(request: HttpRequest, token: str) -> HttpResponse:
    """Another attempt at a payment that failed, of the same basket."""
    limits.before_start(request)
    attempt = selectors.returned(token)
    if attempt.basket is None:
        raise NotFound("There is no such payment.")
    request.session[baskets.SESSION_KEY] = attempt.basket.token
    return _start(request, attempt.basket)


def _start(request: HttpRequest, found: Basket) -> HttpResponse:
    try:
        started = dealings.start_payment(
            actor=PAYER,
            basket_id=found.pk,
            return_url=lambda token: request.build_absolute_uri(reverse("portal:returned", args=[token])),
        )
    except AlreadyPaid:
        return _to_result(found)
    if started.next_step is None:
        return redirect("portal:returned", started.attempt.return_token)
    return _to_card_page(request, started.next_step)


def _to_result(found: Basket) -> HttpResponse:
    attempt = found.attempts.filter(state__in=states.TAKEN).order_by("-number").first()
    return redirect("portal:returned", attempt.return_token) if attempt else redirect("portal:basket")


def _to_card_page(request: HttpRequest, step: NextStep) -> HttpResponse:
    """Go to the card page: by a redirect, or by a form of the provider's that the payer sends on with a button."""
    if step.method == "GET":
        answer: HttpResponse = HttpResponseRedirect(step.url)
        answer.status_code = 303
        return answer
    answer = page(request, "leaving", {"title": _("Going to the card page"), "step": step})
    parts = urlsplit(step.url)
    answer._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]
    return answer


def _leads_to_card_page(answer: HttpResponse, found: Basket | None) -> HttpResponse:
    """Let the page's form end on the card page: browsers count a redirect as part of the form that led to it."""
    if found is None:
        return answer
    with suppress(PaymentRefusal):
        route = selectors.route_for(found.channel, [line.fund_id for line in found.lines.all()])
        answer._csp_update = {"form-action": selectors.card_page_origins(route.service)}  # type: ignore[attr-defined]
    return answer


@require_safe
@public
def returned(request: HttpRequest, token: str) -> HttpResponse:
    """What came of it: paid, not paid, or still being checked. The provider is asked, whatever the browser says."""
    attempt = _looked_at(request, token)
    if attempt.is_paid and request.session.get(baskets.SESSION_KEY) == _token_of(attempt):
        del request.session[baskets.SESSION_KEY]
    return _result(request, attempt)


@require_safe
@public
def outcome(request: HttpRequest, token: str) -> HttpResponse:
    """Whether it is known by now what came of it; asked by the page that waits (`waiting.js`)."""
    return JsonResponse({"is_known": _looked_at(request, token).is_finished})


def _looked_at(request: HttpRequest, token: str) -> PaymentAttempt:
    """The payment of a return address, read at its provider again while nobody knows what came of it."""
    limits.before_look(request)
    attempt = selectors.returned(token)
    if not attempt.is_finished or attempt.state == states.State.HELD:
        attempt = dealings.refresh(actor=PAYER, attempt_id=attempt.pk)
        attempt = selectors.returned(attempt.return_token)
    return attempt


def _token_of(attempt: PaymentAttempt) -> str:
    return attempt.basket.token if attempt.basket else ""


def _result(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    context: dict[str, Any] = {
        "attempt": attempt,
        "lines": baskets.shown(attempt.basket, request.pay_language) if attempt.basket else [],
        "status_url": status_path(attempt.return_token),
        "email": attempt.basket.email if attempt.basket else "",
        "back": return_of(attempt.basket_id),
    }
    if attempt.is_paid:
        entries = attempt.posting.entries.all() if attempt.posting else ()
        vat = sum((entry.vat_amount for entry in entries), ZERO)
        return page(request, "paid", {"title": _("Payment received"), "vat": vat, **context})
    if attempt.state == states.State.UNDONE:
        return page(request, "undone", {"title": _("Your payment failed after all"), **context})
    if attempt.is_finished:
        shown = page(request, "not_paid", {"title": _("Your payment did not go through"), **context})
        return _leads_to_card_page(shown, attempt.basket)
    title = _("We are still checking your payment")
    shown = page(request, "checking", {"title": title, **context})
    return _leads_to_card_page(shown, attempt.basket)


@require_safe
@public
def status(request: HttpRequest, signed: str) -> HttpResponse:
    """Has my payment arrived? For whoever holds the signed address of the receipt; names nobody."""
    limits.before_look(request)
    token = return_token_of(signed)
    if token is None:
        raise NotFound("There is no such payment.")
    attempt = selectors.returned(token)
    entries = list(attempt.posting.entries.select_related("fund").order_by("line")) if attempt.posting else []
    context = {
        "title": _("Has my payment arrived?"),
        "attempt": attempt,
        "is_undone": attempt.state == states.State.UNDONE,
        "is_unfinished": not attempt.is_finished,
        "is_being_matched": any(entry.fund.is_suspense for entry in entries),
        "lines": [
            {"title": line.title, "ending": line.reference[-4:], "amount": line.amount}
            for line in (baskets.shown(attempt.basket, request.pay_language) if attempt.basket else ())
        ],
    }
    return page(request, "status", context)


@require_safe
@public
def cookies(request: HttpRequest) -> HttpResponse:
    """Which cookies the pages set, and why."""
    names = {
        "session_cookie": settings.SESSION_COOKIE_NAME,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "language_cookie": LANGUAGE_COOKIE,
        "session_hours": settings.SESSION_COOKIE_AGE // 3600,
    }
    return page(request, "cookies", {"title": _("Cookies"), **names})


@require_safe
@public
def accessibility(request: HttpRequest) -> HttpResponse:
    """The accessibility statement: what was tested and how, and what was not."""
    return page(request, "accessibility", {"title": _("Accessibility statement")})


@require_safe
@public
def brand(request: HttpRequest) -> HttpResponse:
    """The council's colours as a style sheet: the strict policy allows no style within a page."""
    return HttpResponse(brand_css(request.council), content_type="text/css; charset=utf-8")
