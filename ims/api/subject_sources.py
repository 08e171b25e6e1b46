"""What the API holds about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from ims.api.models import ClientPayment, Notification, SpentKey
from ims.audit.subjects import About, Found, source
from ims.payments.subject_sources import baskets_about


@source("api_payments", "Payments that other systems asked for", why="So that the system knows its payment.", order=28)
def payments(about: About) -> Iterator[Found]:
    """Baskets of the person that another system filled, and what it was told of them."""
    found = ClientPayment.objects.filter(basket__in=baskets_about(about)).select_related("client", "basket")
    for each in found.order_by("made_at", "pk").iterator(500):
        told = Notification.objects.filter(body__payment=str(each.pk)).order_by("made_at")
        yield Found(
            f"client-payment:{each.pk}",
            {
                "System": each.client.name,
                "Asked": each.made_at,
                "Payment": each.basket.reference,
                "The system's own reference": each.client_reference,
                "Back to": each.return_url,
                "The system was told": "; ".join(f"{one.event} {one.made_at:%-d %b %Y %H:%M}" for one in told),
            },
        )


@source(
    "api_answers",
    "Answers to other systems",
    why="So that the same question again is answered and not done again; kept for ninety days.",
    order=29,
)
def answers(about: About) -> Iterator[Found]:
    """Answers that were kept with spent idempotency keys and hold any of what is known."""
    condition = Q(pk__in=[])
    for word in about.words:
        condition |= Q(answer__icontains=word)
    for each in SpentKey.objects.filter(condition).select_related("client").order_by("pk").iterator(500):
        yield Found(
            f"answer:{each.pk}", {"System": each.client.name, "When": each.spent_at, "Answer": str(each.answer)}
        )
