"""What imports hold about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from ims.audit.subjects import About, Found, source
from ims.imports.models import ImportRow
from ims.imports.states import Outcome
from ims.ledger.subject_sources import entries_about

_WAITING = (Outcome.INVALID, Outcome.SUSPECTED_DUPLICATE, Outcome.CORRECTED, Outcome.DISCARDED)


@source(
    "rows",
    "Lines of files from banks and agents",
    why="The evidence behind each receipt, as the bank or agent sent it.",
    order=30,
)
def rows(about: About) -> Iterator[Found]:
    """The lines behind the receipts, and lines that were never posted and fit."""
    for each in _lines(about):
        yield Found(
            f"row:{each.pk}",
            {
                "File": each.file,
                "Line": each.line,
                "Outcome": each.get_outcome_display(),
                "Received on": each.received_on,
                "Amount": each.amount,
                "Account reference": each.account_reference,
                "Payer": each.payer_name,
                "Narrative": each.narrative,
                "As it arrived": each.raw,
            },
        )


@source(
    "row_decisions",
    "What people decided about those lines",
    why="Who corrected or discarded a line, with the line before and after.",
    order=31,
)
def decisions(about: About) -> Iterator[Found]:
    """Decisions about the same lines."""
    for row in _lines(about, "decisions"):
        for each in row.decisions.all():
            yield Found(
                f"decision:{each.pk}",
                {
                    "File": row.file,
                    "Line": row.line,
                    "Decided": each.decided_at,
                    "What": each.verb,
                    "Before": _said(each.before),
                    "After": _said(each.after),
                    "Why": each.reason,
                },
            )


def _said(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items() if value not in (None, ""))


def _lines(about: About, *with_them: str) -> Iterator[ImportRow]:
    entries = entries_about(about).filter(source_line=OuterRef("line"))
    posted = Exists(entries.filter(posting=OuterRef("batch__posting"))) & Q(posting__isnull=True)
    alone = Exists(entries.filter(posting=OuterRef("posting")))
    fits = Q(pk__in=[])
    if about.references:
        fits |= Q(account_reference__in=about.references) | Q(file_reference__in=about.references)
    for text in (about.name, about.email):
        if text:
            fits |= Q(payer_name__icontains=text) | Q(narrative__icontains=text) | Q(raw__icontains=text)
    batches = entries_about(about).order_by().values("posting")
    behind = ImportRow.objects.filter(Q(batch__posting__in=batches) | Q(posting__in=batches)).filter(posted | alone)
    waiting = ImportRow.objects.filter(outcome__in=_WAITING).filter(fits)
    for found in (behind, waiting):
        yield from found.order_by("pk").annotate(file=F("batch__file_name")).prefetch_related(*with_them).iterator(500)
