"""Bring a file in: keep its bytes, check every row, and post what is right."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, BinaryIO

from ims.command_line.answer import Answer, table
from ims.command_line.arguments import open_binary
from ims.common.money import format_pounds

_OUTCOMES = {
    "to_post": "To accounts",
    "to_suspense": "To suspense",
    "invalid": "To correct",
    "suspected_duplicate": "Suspected duplicates",
    "ignored": "Not receipts",
}


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--profile", metavar="CODE", default="", help="how to read it; without it the content decides")
    parser.add_argument("--dry-run", action="store_true", help="say what would be posted, and keep nothing")


def run(arguments: Namespace) -> Answer:
    """Check and post. A finding when the file is refused, or rows wait for somebody to correct or decide them.

    A file that came before and is not posted yet is taken up where it stands; one that is posted is refused.
    """
    with open_binary(arguments.file) as stream:
        work = _rehearse if arguments.dry_run else _import
        return work(stream, Path(arguments.file).name, arguments.profile)


def _rehearse(stream: BinaryIO, name: str, profile: str) -> Answer:
    """Check the file in a transaction that is undone."""
    from django.db import transaction

    with transaction.atomic():
        answer = _answer(_checked(stream, name, profile), posted=False)
        transaction.set_rollback(True)
    return answer


def _import(stream: BinaryIO, name: str, profile: str) -> Answer:
    from ims.imports import services
    from ims.imports.states import BatchState

    batch = _checked(stream, name, profile)
    if batch.state == BatchState.CHECKED:
        batch = services.post(actor=_actor(), batch_id=batch.pk)
    return _answer(batch, posted=batch.state == BatchState.POSTED)


def _checked(stream: BinaryIO, name: str, profile: str) -> Any:
    """The batch of the file, received now or before, after its check."""
    from ims.imports import services
    from ims.imports.errors import AlreadyReceived
    from ims.imports.models import ImportBatch
    from ims.imports.states import BatchState

    try:
        batch = services.receive(actor=_actor(), stream=stream, name=name, profile=profile)
    except AlreadyReceived as refusal:
        earlier = ImportBatch.objects.get(pk=refusal.batch_id)
        if earlier.state not in (BatchState.RECEIVED, BatchState.CHECKED, BatchState.FAILED):
            raise
        batch = earlier
    return services.check(actor=_actor(), batch_id=batch.pk)


def _actor() -> Any:
    from ims.audit.actors import command

    return command("import")


def _answer(batch: Any, *, posted: bool) -> Answer:
    from ims.imports.states import BatchState

    refused = batch.state in (BatchState.REFUSED, BatchState.FAILED)
    by_outcome = batch.totals.get("by_outcome", {})
    waiting = batch.totals.get("waiting", {}).get("count", 0)
    data = {
        "batch": batch.pk,
        "file": batch.file_name,
        "sha256": batch.file.sha256,
        "profile": batch.profile.code,
        "state": batch.state,
        "posted": posted,
        "posting": str(batch.posting) if batch.posting else None,
        "rows": batch.row_count,
        "totals": batch.totals,
        "error": batch.error,
        "problems": batch.problems,
        "notices": batch.notices,
    }
    return Answer(data, _text(batch, by_outcome, posted=posted), finding=refused or bool(waiting))


def _text(batch: Any, by_outcome: dict[str, dict[str, Any]], *, posted: bool) -> str:
    lines = [f"{batch.file_name}, read as {batch.profile}: {batch.get_state_display().lower()}"]
    if batch.error:
        lines.append(batch.error)
    rows = [
        (words, f"{by_outcome[name]['count']:,}", f"{by_outcome[name]['amount']}")
        for name, words in _OUTCOMES.items()
        if name in by_outcome
    ]
    if rows:
        lines.append(table(("Outcome", "Rows", "Pounds"), rows, right=(1, 2)))
    lines.extend(reason["example"] for reason in batch.totals.get("reasons", ()) if reason["outcome"] != "ignored")
    lines.extend(notice["message"] for notice in batch.notices)
    if posted and batch.posting:
        lines.append(f"Posted as {batch.posting}, {format_pounds(batch.posting.total)}, import {batch.pk}.")
    elif not posted and not batch.error:
        lines.append("Nothing was posted.")
    return "\n".join(lines)
