"""Prove that nothing was altered, and that every room is in order. Repairs nothing; the outcome is an audit event."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ims.command_line.answer import Answer, WrongUse


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--strict", action="store_true", help="count warnings as findings too")
    parser.add_argument(
        "--published", type=Path, metavar="DIR", help="compare with the seals that were published in this folder"
    )
    parser.add_argument(
        "--every-file", action="store_true", help="hash every kept file, not only the new ones and a share of the old"
    )


def run(arguments: Namespace) -> Answer:
    """Run every check. A finding when there is an error (with --strict, a warning too)."""
    from ims.audit.actors import command
    from ims.evidence.integrity import check_everything

    if arguments.published is not None and not arguments.published.is_dir():
        raise WrongUse(f"There is no folder {arguments.published}.")
    report = check_everything(
        actor=command("verify"),
        tell=(lambda name: None) if arguments.json else _progress(),
        every_file=arguments.every_file,
        published=arguments.published,
    )
    data = {
        "findings": [vars(finding) for finding in report.findings],
        "postings": report.postings,
        "entries": report.entries,
        "seals": report.seals,
        "events": report.events,
        "event_seals": report.event_seals,
        "history_seals": report.history_seals,
        "last_seal": _seal(report.last_seal),
        "last_event_seal": _seal(report.last_event_seal),
        "recorded": report.is_recorded,
    }
    return Answer(data, _text(data, report.findings), finding=report.has_grave(strict=arguments.strict))


def _seal(seal: Any) -> dict[str, Any] | None:
    return {"number": seal.pk, "sealed_at": seal.sealed_at, "hash": bytes(seal.hash).hex()} if seal else None


def _progress() -> Any:
    if not sys.stderr.isatty():
        return lambda name: None
    return lambda name: sys.stderr.write(f"\r\033[Kchecking {name}\r")


def _text(data: dict[str, Any], found: list[Any]) -> str:
    lines = [
        f"{data['postings']:,} postings, {data['entries']:,} entries, {data['seals']:,} seals checked; "
        f"{data['events']:,} audit events, {data['event_seals']:,} seals over them; "
        f"{data['history_seals']:,} seals over histories."
    ]
    for name, seal in (("Last seal", data["last_seal"]), ("Last event seal", data["last_event_seal"])):
        if seal:
            lines.append(f"{name} {seal['number']} of {seal['sealed_at']:%-d %b %Y %H:%M} UTC: {seal['hash']}")
    lines.extend(f"{finding.severity.upper()}: {finding.message}" for finding in found)
    if not found:
        lines.append("Nothing is wrong.")
    return "\n".join(lines)
