"""Write the evidence of a period to a zip file: totals, proofs, changes, files, exports, seals and the verifier."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ims.command_line.answer import Answer
from ims.command_line.arguments import as_date, day
from ims.command_line.output import written_whole


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--from", type=day, required=True, dest="first", metavar="DATE", help="the first day, like 2026-04-01"
    )
    parser.add_argument("--to", type=day, required=True, dest="last", metavar="DATE", help="the last day, included")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="write the zip here: a folder or a file"
    )


def run(arguments: Namespace) -> Answer:
    """Take the pack. Taking it is an audit event."""
    return taken("pack", as_date(arguments.first), as_date(arguments.last), arguments.out)


def taken(kind: str, first: Any, last: Any, out: Path) -> Answer:
    """A pack of `kind` written to `out`, whole or not at all."""
    from ims.audit.actors import command
    from ims.evidence import services
    from ims.evidence.models import pack_name

    path = out / pack_name(kind, first, last) if out.is_dir() else out
    with written_whole(path) as file:
        index = services.take_pack(actor=command("evidence-pack"), out=file, first=first, last=last, kind=kind)
    data = {**index, "written_to": str(path), "size": path.stat().st_size}
    files = sum(len(section["files"]) for section in index["sections"])
    lines = [f"{path}: {data['size']:,} bytes, {files} files of {len(index['sections'])} sections"]
    lines += [f"  {section['title']}: {len(section['files'])}" for section in index["sections"]]
    return Answer(data, "\n".join([*lines, f"SHA-256 {index['sha256']}"]))
