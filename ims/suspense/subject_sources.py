"""What suspense holds about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from ims.audit.subjects import About, Found, source
from ims.ledger.subject_sources import entries_about
from ims.suspense.models import SuspenseNote


@source(
    "suspense",
    "Notes on unidentified receipts",
    why="What was found out about a receipt whose account was not known.",
    order=40,
)
def notes(about: About) -> Iterator[Found]:
    """Notes on the receipts that may be theirs."""
    found = SuspenseNote.objects.filter(item__entry__in=entries_about(about)).order_by("pk")
    for each in found.select_related("item"):
        yield Found(
            f"note:{each.pk}",
            {"Item": str(each.item), "Written": each.written_at, "By": each.actor_name, "Note": each.text},
        )
