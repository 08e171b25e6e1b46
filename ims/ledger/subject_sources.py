"""What the ledger holds about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, QuerySet

from ims.audit.subjects import About, Found, source
from ims.ledger.models import Entry


@source(
    "receipts",
    "Receipts and their corrections",
    why="The council's accounting record of what was paid (six years after the financial year).",
    order=20,
)
def receipts(about: About) -> Iterator[Found]:
    """Entries under the references, or with the name or e-mail address in their text."""
    for each in entries_about(about).select_related("posting", "fund", "method_of_payment").iterator(1_000):
        yield Found(
            f"entry:{each.pk}",
            {
                "Receipt": each.receipt_number,
                "Received on": each.received_on,
                "Fund": str(each.fund),
                "Account reference": each.account_reference,
                "Method": each.method_of_payment.name,
                "Amount": each.amount,
                "Payer": each.payer_name,
                "Narrative": each.narrative,
                "Bank's reference": each.source_reference,
                "Posted by": each.posting.actor_name,
            },
        )


def entries_about(about: About) -> QuerySet[Entry]:
    """The entries that may be about the person."""
    condition = Q(pk__in=[])
    entries = Entry.objects.all()
    if about.references:
        condition |= Q(account_reference__in=about.spellings)
    words = [text for text in (about.name, about.email) if text]
    if words:
        entries = entries.alias(words=SearchVector("narrative", "payer_name", "source_reference", config="simple"))
        for text in words:
            condition |= Q(words=SearchQuery(text, config="simple"))
    return entries.filter(condition).order_by("pk")
