"""The practice provider's card page. It asks for no card; it offers the ways a payment can end."""

from __future__ import annotations

from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from ims.payments.gateways import practice_books
from ims.providers import stub
from ims.providers.card import ProviderError


@never_cache
def card(request: HttpRequest, token: str) -> HttpResponse:
    """Show the payment of `token`, and end it as chosen."""
    facts = stub.payment_at(practice_books(), token)
    if facts is None:
        raise Http404
    refusal = ""
    if request.method == "POST":
        outcome = request.POST.get("outcome", "")
        try:
            if outcome in stub.OUTCOMES:
                return HttpResponseRedirect(stub.choose(practice_books(), token, outcome))
            refusal = "Choose how the payment ends."
        except ProviderError:
            refusal = "This payment has ended already, or its page was left open for too long."
    context = {
        "title": "Practice card payment",
        "description": facts["description"],
        "reference": facts["reference"],
        "amount": Decimal(facts["amount"]) / 100,
        "moto": facts["moto"],
        "outcomes": [(name, label) for name, (_, _, label) in stub.OUTCOMES.items()],
        "refusal": refusal,
    }
    return render(request, "console/payments/practice_card.html", context, status=200 if not refusal else 409)
