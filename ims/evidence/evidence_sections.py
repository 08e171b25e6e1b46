"""What this room adds to a pack: the ledger and the audit trail as evidence, the verifier, seals, integrity checks."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from ims.audit.models import Event, EventSeal, HistorySeal
from ims.audit.sections import Document, Part, Request, Table, section
from ims.evidence.models import SealPublication
from ims.ledger import offline_verifier
from ims.ledger.evidence import export_event_evidence, export_evidence
from ims.ledger.models import Seal

PROOF = "proof"
"""The section that stands alone in ledger evidence."""

_SEALS = ("Chain", "Seal", "Sealed", "Covers", "Entries", "Total", "Hash", "Hash of the seal before")
_CHECKS = ("When", "Who", "Errors", "Warnings", "Entries checked", "Hash of the last seal")
_FINDINGS = ("When", "Check", "Severity", "Finding")


@section(
    PROOF,
    "Proof that nothing was altered",
    why="The ledger and the audit trail as files, and a program that checks them with Python alone, without IMS.",
    order=30,
)
def proof(request: Request) -> Iterator[Part]:
    """Evidence of what was sealed in the period, the verifier, and the seals that were published."""
    yield Document("ledger.jsonl", "The ledger as evidence: what was sealed in the period", _written(request, _ledger))
    yield Document("events.jsonl", "The audit trail as evidence", _written(request, _events))
    yield Document("offline_verifier.py", "The program that checks both", _verifier)
    published = SealPublication.objects.filter(day__gte=request.first, day__lte=request.last).order_by("day")
    for each in published.iterator(500):
        yield Document(f"published/{each.file_name}", f"{each}, as published", _text(each.content))
    yield Table("seals", "Seals of the period", _SEALS, _seals(request))


def _ledger(out: io.TextIOBase, request: Request) -> None:
    export_evidence(
        out,
        actor=request.actor,
        council=settings.COUNCIL_NAME,
        since=request.since,
        until=request.until,
        report=lambda done, message: request.report(done, 0, message),
    )


def _events(out: io.TextIOBase, request: Request) -> None:
    council = settings.COUNCIL_NAME
    export_event_evidence(out, actor=request.actor, council=council, since=request.since, until=request.until)


def _written(request: Request, export: Callable[[Any, Request], None]) -> Callable[[BinaryIO], None]:
    def write(out: BinaryIO) -> None:
        text = io.TextIOWrapper(out, encoding="utf-8", newline="\n", write_through=False)
        export(text, request)
        text.flush()
        text.detach()

    return write


def _verifier(out: BinaryIO) -> None:
    out.write(Path(offline_verifier.__file__).read_bytes())


def _text(content: str) -> Callable[[BinaryIO], None]:
    return lambda out: out.write(content.encode())


def _seals(request: Request) -> Iterator[tuple]:
    within = {"sealed_at__gte": request.since, "sealed_at__lt": request.until}
    for seal in Seal.objects.filter(**within).order_by("pk").iterator(500):
        yield ("ledger", *_seal(seal), f"{seal.posting_count} postings", seal.entry_count, seal.total, *_hashes(seal))
    for seal in EventSeal.objects.filter(**within).order_by("pk").iterator(500):
        yield ("audit trail", *_seal(seal), f"{seal.event_count} events", "", "", *_hashes(seal))
    for seal in HistorySeal.objects.filter(**within).order_by("pk").iterator(500):
        covers = f"{seal.row_count} rows of {seal.table_name}, {seal.first_id} to {seal.last_id}"
        yield ("histories", *_seal(seal), covers, "", "", *_hashes(seal))


def _seal(seal: Seal | EventSeal | HistorySeal) -> tuple:
    return seal.pk, seal.sealed_at


def _hashes(seal: Seal | EventSeal | HistorySeal) -> tuple[str, str]:
    return bytes(seal.hash).hex(), bytes(seal.previous).hex()


@section(
    "integrity",
    "Integrity checks",
    why="When every hash, seal, sum and file was worked out anew, and what was found.",
    order=35,
)
def integrity(request: Request) -> Iterator[Part]:
    """The runs of the period, and every finding of theirs."""
    runs = Event.objects.filter(
        verb="integrity_checked", occurred_at__gte=request.since, occurred_at__lt=request.until
    ).order_by("pk")
    yield Table("checks", "Runs of every check", _CHECKS, (_run(event) for event in runs.iterator(100)))
    findings = (
        (event.occurred_at, each["check"], each["severity"], each["message"])
        for event in runs.iterator(100)
        for each in event.data.get("findings", [])
    )
    yield Table("findings", "What was found", _FINDINGS, findings)


def _run(event: Event) -> tuple:
    told = [event.data.get(name, "") for name in ("errors", "warnings", "entries", "last_seal")]
    return (event.occurred_at, event.actor_name, *told)
