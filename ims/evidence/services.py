"""Taking evidence packs: asked for on screen and made in the background, or written to a file by a command."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, BinaryIO

from django.db import connection, transaction

from ims.assurance import selectors as assurance
from ims.assurance.search import start_of
from ims.audit.actors import Actor, authorise
from ims.audit.sections import Report, Request
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.evidence.errors import EvidenceRefusal
from ims.evidence.evidence_sections import PROOF
from ims.evidence.models import EvidencePack, PackPiece, pack_name
from ims.evidence.pack import load_sections, write_pack
from ims.jobs.queue import enqueue

PERMISSION = assurance.PERMISSION
PACK_JOB = "evidence.make_pack"
PIECE_BYTES = 1 << 20
LONGEST_DAYS = 3_660
DAYS_KEPT = 35
"""How long a pack's bytes are kept. Afterwards its record stays, with its SHA-256, and it can be made again."""


def _silent(done: int, total: int, message: str) -> None:
    """Nobody watches."""


@transaction.atomic
def ask_for_pack(
    *, actor: Actor, first: date, last: date, kind: str = EvidencePack.Kind.PACK, reason: str = ""
) -> EvidencePack:
    """Have a pack of the days `first` to `last`, both included, made in the background."""
    _authorise(actor, first, last)
    pack = EvidencePack.objects.create(
        kind=kind,
        first=first,
        last=last,
        reason=reason,
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
    )
    record("evidence_pack_asked", actor=actor, subject=pack, reason=reason)
    enqueue(PACK_JOB, actor=actor, subject=pack, title=f"Make the {pack}", pack=pack.pk)
    return pack


@transaction.atomic
def make_pack(*, actor: Actor, pack_id: int, report: Report = _silent) -> EvidencePack:
    """Make a pack that was asked for; one that is ready is left alone. All or nothing."""
    pack = EvidencePack.objects.select_for_update().filter(pk=pack_id).first()
    if pack is None:
        raise NotFound("There is no such evidence pack.")
    _authorise(actor, pack.first, pack.last)
    if pack.state == EvidencePack.State.READY:
        return pack
    pack.pieces.all().delete()
    sink = _Pieces(pack)
    index = _write(sink, actor, pack.kind, pack.first, pack.last, report)
    sink.finish()
    pack.state, pack.made_at = EvidencePack.State.READY, clock.now()
    pack.file_name, pack.size, pack.sha256, pack.index = (
        pack_name(pack.kind, pack.first, pack.last),
        *sink.told(),
        index,
    )
    pack.save()
    record("evidence_pack_taken", actor=actor, subject=pack, reason=pack.reason, data=_summary(pack.sha256, index))
    return pack


@transaction.atomic
def take_pack(
    *,
    actor: Actor,
    out: BinaryIO,
    first: date,
    last: date,
    kind: str = EvidencePack.Kind.PACK,
    report: Report = _silent,
) -> dict[str, Any]:
    """Write a pack to `out` here and now; return its index with the zip's own `sha256`."""
    _authorise(actor, first, last)
    sink = _Digest(out)
    index = _write(sink, actor, kind, first, last, report)
    data = {"first": first.isoformat(), "last": last.isoformat(), "kind": kind, **_summary(sink.sha256, index)}
    record("evidence_pack_taken", actor=actor, data=data)
    return {**index, "sha256": sink.sha256}


@transaction.atomic
def download_pack(*, actor: Actor, pack_id: int) -> tuple[EvidencePack, Iterator[bytes]]:
    """A pack and its bytes, a piece at a time; fetching it stays on record."""
    authorise(actor, PERMISSION, what="download evidence packs")
    assurance.require(actor, "download evidence packs")
    pack = EvidencePack.objects.filter(pk=pack_id).first()
    if pack is None:
        raise NotFound("There is no such evidence pack.")
    if pack.state != EvidencePack.State.READY:
        raise EvidenceRefusal("This pack's bytes are not here: it is being made, or no longer kept. Make it again.")
    record("evidence_pack_downloaded", actor=actor, subject=pack, data={"sha256": pack.sha256})
    return pack, _bytes_of(pack)


@transaction.atomic
def forget_old_packs(*, actor: Actor) -> int:
    """Let go of the bytes of packs made more than `DAYS_KEPT` days ago; return how many packs."""
    authorise(actor, PERMISSION, what="let go of old evidence packs")
    old = EvidencePack.objects.filter(
        state=EvidencePack.State.READY, made_at__lt=clock.now() - timedelta(days=DAYS_KEPT)
    )
    packs = list(old.select_for_update())
    for pack in packs:
        pack.pieces.all().delete()
        pack.state = EvidencePack.State.GONE
        pack.save(update_fields=["state"])
        record("evidence_pack_let_go", actor=actor, subject=pack, data={"sha256": pack.sha256})
    return len(packs)


def _authorise(actor: Actor, first: date, last: date) -> None:
    authorise(actor, PERMISSION, what="take evidence packs")
    assurance.require(actor, "take evidence packs")
    authorise(actor, "ledger.view_entry", what="take evidence packs")
    if last < first:
        raise EvidenceRefusal("The last day is before the first.")
    if last > clock.today():
        raise EvidenceRefusal(f"{last:%-d %b %Y} is still to come. Choose today or an earlier day.")
    if (last - first).days > LONGEST_DAYS:
        raise EvidenceRefusal("A pack covers ten years at most. Choose fewer days.")


def _write(out: Any, actor: Actor, kind: str, first: date, last: date, report: Report) -> dict[str, Any]:
    request = Request(actor, first, last, start_of(first), start_of(last + timedelta(days=1)), report)
    chosen = [each for each in load_sections() if kind == EvidencePack.Kind.PACK or each.name == PROOF]
    return write_pack(out, request, chosen, title=EvidencePack.Kind(kind).label)


def _summary(sha256: str, index: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": sha256, "files": sum(len(section["files"]) for section in index["sections"])}


def _bytes_of(pack: EvidencePack) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        piece = PackPiece.objects.filter(pack=pack, number=number).values_list("content", flat=True).first()
        if piece is None:
            return
        yield bytes(piece)


class _Digest:
    """Where a zip is written to, once, forwards; knows its SHA-256 and length."""

    def __init__(self, out: BinaryIO | None) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self.size += len(data)
        self._keep(data)
        return len(data)

    def _keep(self, data: bytes) -> None:
        self._out.write(data)

    def flush(self) -> None:
        """Nothing waits here that a reader could need."""

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def told(self) -> tuple[int, str]:
        return self.size, self.sha256


class _Pieces(_Digest):
    """A pack's bytes on their way into the database, a piece at a time."""

    def __init__(self, pack: EvidencePack) -> None:
        super().__init__(None)
        self._pack = pack
        self._waiting = bytearray()
        self._number = 0

    def _keep(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= PIECE_BYTES:
            self._store(PIECE_BYTES)

    def finish(self) -> None:
        """Store what is left."""
        if self._waiting:
            self._store(len(self._waiting))

    def _store(self, length: int) -> None:
        self._number += 1
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO evidence_packpiece (pack_id, number, content) VALUES (%s, %s, %s)",
                [self._pack.pk, self._number, bytes(self._waiting[:length])],
            )
        del self._waiting[:length]
