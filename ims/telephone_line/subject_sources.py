"""What the telephone line holds about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from ims.audit.subjects import About, Found, source
from ims.ledger.subject_sources import entries_about
from ims.telephone_line.models import CallLine


@source("calls", "Payments by the automated telephone line", why="What was paid in a telephone call.", order=27)
def calls(about: About) -> Iterator[Found]:
    """Bills of calls under the references or behind the receipts. Who called is not known to IMS."""
    condition = Q(payment__posting__in=entries_about(about).order_by().values("posting"))
    if about.references:
        condition |= Q(account_reference__in=about.spellings)
    lines = CallLine.objects.filter(condition).select_related("payment__posting", "fund")
    for each in lines.order_by("pk").iterator(500):
        call = each.payment
        yield Found(
            f"call-line:{each.pk}",
            {
                "Call": call.call,
                "Announced": call.announced_at,
                "State": call.get_state_display(),
                "Fund": str(each.fund),
                "Account reference": each.account_reference,
                "For": each.narrative,
                "Amount": each.amount,
                "Card": f"{call.card_brand} {call.card_last_four}".strip(),
                "Receipt": str(call.posting or ""),
            },
        )
