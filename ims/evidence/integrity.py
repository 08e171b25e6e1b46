"""The run of every check there is, and its record in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from ims.audit.actors import Actor
from ims.audit.models import Event, EventSeal, HistorySeal
from ims.audit.services import record
from ims.common.findings import Finding
from ims.evidence import publication
from ims.ledger.models import Entry, Posting, Seal
from ims.ledger.verification import verify as verify_ledger

KEPT = 100
"""Findings that the event of a run names; their number stands beside them."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What was checked and what was found."""

    findings: list[Finding]
    postings: int
    entries: int
    seals: int
    events: int
    event_seals: int
    history_seals: int
    last_seal: Seal | None
    last_event_seal: EventSeal | None
    is_recorded: bool

    def has_grave(self, *, strict: bool) -> bool:
        """Whether there is an error; with `strict`, a warning counts too."""
        grave = ("error", "warning") if strict else ("error",)
        return any(finding.severity in grave for finding in self.findings)


def check_everything(
    *, actor: Actor, tell: Tell = lambda name: None, every_file: bool = False, published: Path | None = None
) -> Report:
    """Run every check of every room; with `published`, compare with the seals kept in that folder too.

    Repairs nothing. The outcome is an audit event, unless the database takes none (a copy that is only read).
    """
    found = [*verify_ledger(tell), *_rooms(tell, every_file)]
    if published is not None:
        tell("published seals")
        found += publication.compare(published)
    last, last_events = Seal.objects.order_by("-pk").first(), EventSeal.objects.order_by("-pk").first()
    counts = {
        "postings": Posting.objects.count(),
        "entries": Entry.objects.count(),
        "seals": Seal.objects.count(),
        "events": Event.objects.count(),
        "event_seals": EventSeal.objects.count(),
        "history_seals": HistorySeal.objects.count(),
    }
    data = {
        **counts,
        "errors": sum(finding.severity == "error" for finding in found),
        "warnings": sum(finding.severity == "warning" for finding in found),
        "findings": [vars(finding) for finding in found if finding.severity != "information"][:KEPT],
        "last_seal": bytes(last.hash).hex() if last else "",
        "published": str(published or ""),
    }
    is_recorded = _takes_records()
    if is_recorded:
        record("integrity_checked", actor=actor, data=data)
    return Report(found, **counts, last_seal=last, last_event_seal=last_events, is_recorded=is_recorded)


def _takes_records() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only')")
        return cursor.fetchone()[0] == "off"


def _rooms(tell: Tell, every_file: bool) -> Iterator[Finding]:
    """What the checks of every room find.

    A room offers `verify()` (findings) or `findings()` (sentences), and `verify_files()` where hashing every kept file
    takes longer than a nightly run should.
    """
    for room in settings.ROOMS:
        name = room.removeprefix("ims.")
        if find_spec(f"{room}.checks") is None:
            continue
        checks: Any = import_module(f"{room}.checks")
        tell(name)
        if hasattr(checks, "verify"):
            yield from checks.verify()
        if hasattr(checks, "findings"):
            yield from (Finding(f"{name}.settings", "warning", sentence) for sentence in checks.findings())
        if every_file and hasattr(checks, "verify_files"):
            yield from checks.verify_files()
