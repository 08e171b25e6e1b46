"""Sending the receipt of a card payment by post."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from ims.audit import personal
from ims.console.payment_forms import LetterForm
from ims.console.views.base import refusals, screen
from ims.correspondence.services import writing
from ims.payments import selectors
from ims.payments.models import PaymentAttempt


@screen(permission=writing.WRITE, what="send receipts by post")
@require_http_methods(["GET", "POST"])
def letter(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Ask where to and why, say that it costs money, and have it posted."""
    attempt = selectors.get_attempt(request.actor, attempt_id)
    back = reverse("payments:payment", args=[attempt.pk])
    form = LetterForm(
        request.POST or None, initial={"address": _known_address(request, attempt), "key": uuid.uuid4().hex}
    )
    if form.is_valid():
        typed = form.cleaned_data
        with refusals(form) as outcome:
            written = writing.post_receipt(
                actor=request.actor,
                attempt_id=attempt.pk,
                address=typed["address"].splitlines(),
                reason=typed["reason"],
                key=typed["key"],
            )
        if outcome.succeeded:
            messages.success(request, f"The letter is on its way to {written.masked_to}.")
            return redirect(back)
    context = {"title": "Send the receipt by post", "attempt": attempt, "form": form, "back": back}
    return render(request, "console/payments/letter.html", context)


def _known_address(request: HttpRequest, attempt: PaymentAttempt) -> str:
    """Name, address and postcode as the payer gave them, for who sees them in full: no letter goes to a mask."""
    basket = attempt.basket
    if basket is None or not basket.address:
        return ""
    given = basket.address
    if personal.veil_one(request.actor, basket).address != given:
        return ""
    return "\n".join(line for line in (basket.payer_name, basket.address, basket.postcode) if line)
