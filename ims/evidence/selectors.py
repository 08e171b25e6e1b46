"""Reading what evidence there is, and what about it needs somebody."""

from __future__ import annotations

from django.db.models import QuerySet

from ims.assurance.selectors import require
from ims.audit.actors import Actor
from ims.audit.models import Event
from ims.common.errors import NotFound
from ims.common.findings import Finding
from ims.evidence.models import EvidencePack, SealPublication
from ims.evidence.publication import in_words, late


def last_check() -> Event | None:
    """The record of the last run of every check; None when there was none."""
    return Event.objects.filter(verb="integrity_checked").order_by("-pk").first()


def to_see_to() -> list[Finding]:
    """What somebody should see to today: seals not published, errors of the last integrity check."""
    found = []
    if overdue := late():
        message = f"{in_words(overdue)} Until they are, nobody outside could tell a rewritten ledger from the true one."
        found.append(Finding("evidence.seals_not_published", "warning", message))
    checked = last_check()
    if checked is not None and checked.data.get("errors"):
        message = f"The integrity check of {checked.occurred_at:%-d %b %Y} found {checked.data['errors']} errors."
        found.append(Finding("evidence.integrity", "error", message))
    return found


def packs(actor: Actor, *, before: int | None = None) -> QuerySet[EvidencePack]:
    """Packs that were asked for, newest first; with `before`, those older than that number."""
    require(actor, "see evidence")
    found = EvidencePack.objects.all()
    return found.filter(pk__lt=before) if before else found


def get_pack(actor: Actor, pack_id: int) -> EvidencePack:
    """One pack. Raises `NotFound`."""
    found = packs(actor).filter(pk=pack_id).first()
    if found is None:
        raise NotFound("There is no such evidence pack.")
    return found


def publications(actor: Actor) -> QuerySet[SealPublication]:
    """Seals that were published, the latest day first."""
    require(actor, "see published seals")
    return SealPublication.objects.all()


def get_publication(actor: Actor, publication_id: int) -> SealPublication:
    """One day's published seals. Raises `NotFound`."""
    found = publications(actor).filter(pk=publication_id).first()
    if found is None:
        raise NotFound("There are no such published seals.")
    return found
