"""Prove that nothing in the ledger was altered, and that every room is in order. Reads only; repairs nothing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ims.command_line.answer import Answer
from ims.common.findings import Finding


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--strict", action="store_true", help="count warnings as findings too")


def run(arguments: Namespace) -> Answer:
    """Run every check. A finding when there is an error (with --strict, a warning too)."""
    from ims.ledger.models import Entry, Posting, Seal
    from ims.ledger.verification import verify as verify_ledger

    tell = (lambda name: None) if arguments.json else _progress()
    found = [*verify_ledger(tell), *_rooms(tell)]
    last = Seal.objects.order_by("-pk").first()
    data = {
        "findings": [vars(finding) for finding in found],
        "postings": Posting.objects.count(),
        "entries": Entry.objects.count(),
        "seals": Seal.objects.count(),
        "last_seal": {"number": last.pk, "sealed_at": last.sealed_at, "hash": bytes(last.hash).hex()} if last else None,
    }
    grave = ("error", "warning") if arguments.strict else ("error",)
    return Answer(data, _text(data, found), finding=any(finding.severity in grave for finding in found))


def _rooms(tell: Any) -> Iterator[Finding]:
    """What the checks of every room find: a room offers `verify()` (findings) or `findings()` (sentences)."""
    from django.conf import settings

    for room in settings.ROOMS:
        name = room.removeprefix("ims.")
        if find_spec(f"{room}.checks") is None:
            continue
        checks = import_module(f"{room}.checks")
        tell(name)
        if hasattr(checks, "verify"):
            yield from checks.verify()
        if hasattr(checks, "findings"):
            yield from (Finding(f"{name}.settings", "warning", sentence) for sentence in checks.findings())


def _progress() -> Any:
    if not sys.stderr.isatty():
        return lambda name: None
    return lambda name: sys.stderr.write(f"\r\033[Kchecking {name}\r")


def _text(data: dict[str, Any], found: list[Finding]) -> str:
    lines = [f"{data['postings']:,} postings, {data['entries']:,} entries, {data['seals']:,} seals checked."]
    if data["last_seal"]:
        seal = data["last_seal"]
        lines.append(f"Last seal {seal['number']} of {seal['sealed_at']:%-d %b %Y %H:%M} UTC: {seal['hash']}")
    lines.extend(f"{finding.severity.upper()}: {finding.message}" for finding in found)
    if not found:
        lines.append("Nothing is wrong.")
    return "\n".join(lines)
