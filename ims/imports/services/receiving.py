"""Taking a file in: its bytes, once, and under which profile it is read."""

from __future__ import annotations

from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common.errors import NotFound
from ims.formats import registry
from ims.formats.records import UnreadableFile
from ims.imports import content, selectors
from ims.imports.errors import AlreadyReceived, ImportRefusal
from ims.imports.models import BatchStep, FileProfile, ImportBatch, SourceFile
from ims.imports.models.profiles import LAYOUT
from ims.imports.moving import find_batch, move
from ims.imports.states import MOVES, OVER, BatchState

RECEIVE = "imports.receive_file"
_LONGEST_NAME = 200


def receive(*, actor: Actor, stream: BinaryIO, name: str, profile: str = "") -> ImportBatch:
    """Keep a file's bytes and open a batch for it, in state “received”.

    `stream` must be seekable. `profile` is the code of a profile; empty: the content decides. Raises `AlreadyReceived`
    when the same bytes came before (unless that import was reversed or abandoned), and `ImportRefusal` for an empty or
    too large file or one whose sender cannot be told. Nothing is kept of a file that is refused here.
    """
    authorise(actor, RECEIVE, what="bring in files")
    name = _tidy(name)
    _check_size(stream, name)
    stream.seek(0)
    digest, size = content.digest_and_size(stream)
    _refuse_known(digest, name)
    chosen = find_profile(profile) if profile else recognise(stream)
    try:
        with transaction.atomic():
            stream.seek(0)
            return _keep(actor, stream, name, digest, size, chosen)
    except IntegrityError:
        # Somebody brought in the same bytes a moment ago.
        _refuse_known(digest, name)
        raise


def find_profile(code: str) -> FileProfile:
    """The profile in use called `code`. Raises `NotFound`, naming those there are."""
    found = FileProfile.objects.filter(code=code, is_active=True).first()
    if found is None:
        known = ", ".join(FileProfile.objects.filter(is_active=True).values_list("code", flat=True)) or "none yet"
        raise NotFound(f"There is no file profile “{code}” in use. Profiles: {known}.")
    return found


def recognise(stream: BinaryIO) -> FileProfile:
    """The one profile in use for the format that the content shows. Raises `ImportRefusal` when that is not certain."""
    stream.seek(0)
    try:
        known = registry.recognise(registry.head_of(stream))
    except UnreadableFile as error:
        raise ImportRefusal(error.message, code=error.code) from error
    for_it = Q(format=known.name) | Q(format=LAYOUT, code=known.name)
    profiles = list(FileProfile.objects.filter(for_it, is_active=True)[:2])
    if len(profiles) == 1:
        return profiles[0]
    if not profiles:
        raise ImportRefusal(f"This is a file in the format {known.title}, but no profile in use is for that format. "
                            "Choose a profile, or ask for one to be added.", code="no_profile")  # fmt: skip
    raise ImportRefusal(
        f"This is a file in the format {known.title}, which several profiles are for. Choose the profile.",
        code="several_profiles",
    )


@transaction.atomic
def change_profile(*, actor: Actor, batch_id: int, profile: str) -> ImportBatch:
    """Have a file that was refused or failed, or waits, read under another profile. It must then be checked again."""
    authorise(actor, RECEIVE, what="bring in files")
    batch = selectors.batch(actor, batch_id)
    if batch.state not in MOVES["change_profile"][0]:
        raise ImportRefusal(f"Import {batch.pk} is “{BatchState(batch.state).label.lower()}”: its profile stays.")
    before, chosen = batch.profile, find_profile(profile)
    note = f"From the profile {before} to {chosen}"
    move(batch, "change_profile", actor=actor, note=note, profile=chosen, error="", problems=[])
    record("import_profile_changed", actor=actor, subject=batch, data={"from": before.code, "to": chosen.code})
    return find_batch(batch_id)


@transaction.atomic
def abandon(*, actor: Actor, batch_id: int, reason: str) -> ImportBatch:
    """Give up a batch of which nothing was posted. Its file may then be brought in again."""
    authorise(actor, RECEIVE, what="abandon imports")
    if not reason.strip():
        raise ImportRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    batch = selectors.batch(actor, batch_id)
    move(batch, "abandon", actor=actor, note=reason)
    record("import_abandoned", actor=actor, subject=batch, reason=reason)
    return batch


def _keep(actor: Actor, stream: BinaryIO, name: str, digest: str, size: int, profile: FileProfile) -> ImportBatch:
    file = SourceFile.objects.filter(sha256=digest).first()
    if file is None:
        file = SourceFile.objects.create(name=name, sha256=digest, size=size, received_by=actor.name)
        content.store(file, stream)
    attempt = file.batches.count() + 1
    batch = ImportBatch.objects.create(
        file=file, attempt=attempt, file_name=name, profile=profile, received_by=actor.name
    )
    BatchStep.objects.create(
        batch=batch,
        to_state=BatchState.RECEIVED,
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
    )
    record(
        "file_received",
        actor=actor,
        subject=batch,
        data={"sha256": digest, "bytes": size, "profile": profile.code, "name": name},
    )
    return batch


def _refuse_known(digest: str, name: str) -> None:
    earlier = ImportBatch.objects.filter(file__sha256=digest).exclude(state__in=OVER).first()
    if earlier is not None:
        raise AlreadyReceived(
            f"{name} has been received before: its bytes are those of {earlier.file_name}, import {earlier.pk}, which "
            f"{earlier.received_by} brought in on {timezone.localtime(earlier.received_at):%-d %b %Y} and is "
            f"“{BatchState(earlier.state).label.lower()}”. Nothing was taken in again.",
            earlier.pk,
        )


def _check_size(stream: BinaryIO, name: str) -> None:
    size = stream.seek(0, 2)
    if size == 0:
        raise ImportRefusal(f"{name} is empty. Check that the download finished, and fetch it again.", code="empty")
    if size > settings.LARGEST_UPLOAD_BYTES:
        raise ImportRefusal(
            f"{name} has {size / 1048576:,.0f} MB; the largest file taken is "
            f"{settings.LARGEST_UPLOAD_BYTES / 1048576:,.0f} MB. Ask for the file in parts.",
            code="too_large",
        )


def _tidy(name: str) -> str:
    """The last part of the name, printable and of a length that can be shown."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[:_LONGEST_NAME] or "file without a name"
