"""Build the ledger journal of a day, or give the one that was built before, byte for byte."""

from __future__ import annotations

import sys
import uuid
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ims.command_line.answer import Answer, WrongUse
from ims.command_line.arguments import as_date, day
from ims.common.money import format_pounds


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("profile", metavar="PROFILE", help="the name or number of the export profile")
    parser.add_argument("--date", type=day, required=True, metavar="DATE", help="2026-11-20, today or yesterday")
    parser.add_argument("--to", type=day, metavar="DATE", help="the last day, when the journal covers several")
    parser.add_argument("--output", metavar="PATH", help="write the file here: a folder, a file, or “-”")
    parser.add_argument(
        "--key", default="", help="names this request: the same key never builds a second journal, even of late entries"
    )


def run(arguments: Namespace) -> Answer:
    """Build or re-issue. Refused, naming every combination, while a general ledger code is missing."""
    from ims.audit.actors import command
    from ims.exports import services
    from ims.exports.selectors import get_profile

    actor = command("export")
    built = services.build_or_reissue(
        actor=actor,
        profile=get_profile(arguments.profile),
        first=as_date(arguments.date),
        last=as_date(arguments.to) if arguments.to else None,
        key=arguments.key or f"command {uuid.uuid4()}",
    )
    batch, content = services.download(actor=actor, batch_id=built.batch.pk)
    written = _write(arguments.output, batch.file_name, content) if arguments.output else ""
    data = {
        "profile": str(batch.profile),
        "batch": batch.pk,
        "sequence": batch.sequence,
        "created": built.created,
        "first_date": batch.first_date,
        "last_date": batch.last_date,
        "entries": batch.entry_count,
        "lines": batch.line_count,
        "debits": batch.debit_total,
        "credits": batch.credit_total,
        "file_name": batch.file_name,
        "sha256": batch.sha256,
        "written_to": written,
    }
    how = "built" if built.created else f"built before, on {batch.built_at:%-d %b %Y}, and given again unchanged"
    text = (
        f"{batch}: {how}\n{batch.file_name}: {batch.line_count:,} lines of {batch.entry_count:,} entries, "
        f"debits and credits {format_pounds(batch.debit_total)}\nSHA-256 {batch.sha256}"
    )
    return Answer(data, "" if arguments.output == "-" else text + (f"\nWritten to {written}" if written else ""))


def _write(output: str, name: str, content: bytes) -> str:
    if output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return "-"
    path = Path(output)
    path = path / name if path.is_dir() else path
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WrongUse(f"The file {path} cannot be written: {error.strerror}.") from error
    return str(path)
