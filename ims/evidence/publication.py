"""Publishing each day's last seals outside the database, and comparing the database with what was published.

A ledger rewritten from end to end agrees with itself. It cannot agree with a seal that was kept elsewhere. Each file
names the SHA-256 of the file of the day before, so that none can be dropped or replaced unseen either.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Min, Sum

from ims.assurance.search import start_of
from ims.audit.actors import Actor, authorise
from ims.audit.models import EventSeal
from ims.audit.services import record
from ims.common import clock
from ims.common.findings import Finding
from ims.evidence.errors import EvidenceRefusal
from ims.evidence.models import SealPublication
from ims.jobs.queue import enqueue
from ims.ledger.models import Seal

FORMAT = "ims-seals-1"
EMAIL_JOB = "evidence.email_seals"
LATE_AFTER = timedelta(hours=3)
"""How long after midnight a day's seals may take to be published before that is late."""

# One publisher at a time; the number only has to differ from other locks of its kind.
_LOCK = 7_300_003


@dataclass(frozen=True)
class _Part:
    """One of the two chains of seals: its table, what its seals are called, and what they count."""

    model: type[Seal] | type[EventSeal]
    called: str
    counts: dict[str, Any]

    def counted(self, after: int, until: int) -> dict[str, Any]:
        """What the seals after `after` and up to `until` count together."""
        found = self.model.objects.filter(pk__gt=after, pk__lte=until).order_by().aggregate(**self.counts)
        return {name: value or 0 for name, value in found.items()}


_PARTS = {
    "ledger": _Part(
        Seal,
        "Seal",
        {"seals": Count("pk"), "postings": Sum("posting_count"), "entries": Sum("entry_count"), "total": Sum("total")},
    ),
    "audit": _Part(EventSeal, "Event seal", {"seals": Count("pk"), "events": Sum("event_count")}),
}


def directory() -> Path:
    """Where the files are written."""
    return Path(settings.SEALS_DIRECTORY)


def first_day() -> date | None:
    """The first day whose seals are to be published: that of the first seal. None while there is no seal."""
    moments = [model.objects.aggregate(first=Min("sealed_at"))["first"] for model in (Seal, EventSeal)]
    found = [moment for moment in moments if moment is not None]
    return clock.day_of(min(found)) if found else None


def unpublished(until: date | None = None) -> list[date]:
    """Days that are over (up to `until`, included; yesterday unless told) and whose seals are not published."""
    first, last = first_day(), until or clock.today() - timedelta(days=1)
    if first is None or last < first:
        return []
    done = set(SealPublication.objects.filter(day__gte=first).values_list("day", flat=True))
    return [day for day in clock.days_between(first, last) if day not in done]


def late() -> list[date]:
    """Days whose seals should have been published by now and were not."""
    return unpublished(until=clock.day_of(clock.now() - LATE_AFTER) - timedelta(days=1))


def in_words(days: list[date]) -> str:
    """That the seals of `days` are not published, as a sentence."""
    counted = "1 day is" if len(days) == 1 else f"{len(days)} days are"
    return f"The seals of {counted} not published outside the database, the first {days[0]:%-d %b %Y}."


@transaction.atomic
def publish(*, actor: Actor, day: date) -> SealPublication:
    """Write the last seals of `day` to their file, and have it sent where that is set up. Again: the first answer.

    Raises `EvidenceRefusal` for a day that is not over, and when the file cannot be written or is already there with
    other content.
    """
    authorise(actor, "evidence.publish_seals", what="publish seals")
    if day >= clock.today():
        raise EvidenceRefusal(f"{day:%-d %b %Y} is not over: its last seal is still to come.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    done = SealPublication.objects.filter(day=day).first()
    if done is not None:
        return done
    before = SealPublication.objects.filter(day__lt=day).first()
    content = _content(day, before.sha256 if before else "")
    publication = SealPublication.objects.create(
        day=day,
        file_name=f"seals-{day:%Y-%m-%d}.json",
        content=content,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
    )
    write_once(directory() / publication.file_name, content)
    data = {"day": day.isoformat(), "file": publication.file_name, "sha256": publication.sha256}
    record("seals_published", actor=actor, subject=publication, data=data)
    if settings.SEALS_EMAIL:
        enqueue(EMAIL_JOB, actor=actor, subject=publication, publication=publication.pk)
    return publication


def _content(day: date, previous: str) -> str:
    """The file: the same for the same seals, so that a second attempt after a kill writes the same bytes."""
    moment = start_of(day + timedelta(days=1))
    said: dict[str, Any] = {"format": FORMAT, "council": settings.COUNCIL_NAME, "day": day.isoformat()}
    for name, part in _PARTS.items():
        last = part.model.objects.filter(sealed_at__lt=moment).order_by("-pk").first()
        said[name] = _as_published(part, last) if last else None
    said["previous_file_sha256"] = previous
    return json.dumps(said, ensure_ascii=False, indent=2) + "\n"


def _as_published(part: _Part, seal: Seal | EventSeal) -> dict[str, Any]:
    """A seal, with what it and all seals before it count."""
    counts = {name: str(value) if name == "total" else value for name, value in part.counted(0, seal.pk).items()}
    return {
        "seal": seal.pk,
        "sealed_at": f"{seal.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "hash": bytes(seal.hash).hex(),
        **counts,
    }


def write_once(path: Path, content: str) -> None:
    """Write a file whole or not at all, and never over another one.

    Raises `EvidenceRefusal` when it cannot be written, or is there with other content.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if path.read_text(encoding="utf-8") != content:
                raise EvidenceRefusal(
                    f"{path} is already there and says something else than the database. Somebody altered one of them: "
                    "keep both, run “ims verify --published” with its directory, and call the auditor."
                )
            return
        with part.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o444)
        part.replace(path)
        _settle(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise EvidenceRefusal(f"The seals cannot be published in {path.parent}: {error.strerror or error}.") from error


def _settle(folder: Path) -> None:
    """Have the disk know of the new name before anybody is told of it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- comparing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Published:
    """One file of published seals, as found."""

    name: str
    sha256: str
    said: dict[str, Any]


def compare(folder: Path) -> Iterator[Finding]:
    """What the database says otherwise than the files of published seals in `folder`.

    Raises `EvidenceRefusal` when there are none, so that an empty folder cannot pass for an agreement.
    """
    if not folder.is_dir() or not (paths := sorted(folder.glob("seals-*.json"))):
        raise EvidenceRefusal(f"{folder} holds no published seals (files called seals-YYYY-MM-DD.json).")
    files: list[_Published] = []
    for path in paths:
        content = path.read_bytes()
        try:
            said = json.loads(content)
            if said["format"] != FORMAT or any(part not in said for part in _PARTS):
                raise KeyError("format")
            date.fromisoformat(said["day"])
        except (ValueError, KeyError, TypeError):
            yield _finding("unreadable_publication", f"{path.name} cannot be read as published seals.", path.name)
            continue
        files.append(_Published(path.name, hashlib.sha256(content).hexdigest(), said))
    yield from _chained(files)
    for name, part in _PARTS.items():
        yield from _against_database(name, part, [file for file in files if file.said[name] is not None])


def _chained(files: list[_Published]) -> Iterator[Finding]:
    known = {found.day: found.sha256 for found in SealPublication.objects.all()}
    for before, after in zip([None, *files], files, strict=False):
        if before is not None and after.said["previous_file_sha256"] != before.sha256:
            message = (
                f"{after.name} does not follow on {before.name}: a file between them is missing, or one was altered."
            )
            yield _finding("publication_chain", message, after.name)
        recorded = known.get(date.fromisoformat(after.said["day"]))
        if recorded is None:
            message = f"{after.name} was published, but the database does not know of it: its record was removed."
            yield _finding("publication_gone", message, after.name)
        elif recorded != after.sha256:
            yield _finding("publication_differs", f"{after.name} is not the file that was published.", after.name)


def _against_database(chain: str, part: _Part, files: list[_Published]) -> Iterator[Finding]:
    """Each published seal against the one in the database; the seals are counted once, from file to file."""
    counts: dict[str, Any] = dict.fromkeys(part.counts, 0)
    reached = 0
    for file in sorted(files, key=lambda each: each.said[chain]["seal"]):
        said = file.said[chain]
        name = f"{part.called} {said['seal']}, published in {file.name},"
        found = part.model.objects.filter(pk=said["seal"]).first()
        if found is None:
            message = f"{name} is not in the database any more: the {chain} has been cut short or rewritten."
            yield _finding(f"published_{chain}_seal_gone", message, file.name)
            continue
        if bytes(found.hash).hex() != said["hash"]:
            message = f"{name} has another hash now: the {chain} has been rewritten."
            yield _finding(f"published_{chain}_seal_differs", message, file.name)
            continue
        more = part.counted(reached, found.pk)
        counts, reached = {key: counts[key] + more[key] for key in counts}, found.pk
        for key, value in counts.items():
            if Decimal(str(said[key])) != value:
                message = f"{name} stood for {said[key]} {key} in all; now there are {value}."
                yield _finding(f"published_{chain}_counts_differ", message, file.name)


def _finding(name: str, message: str, subject: str) -> Finding:
    return Finding(f"evidence.{name}", "error", message, subject)
