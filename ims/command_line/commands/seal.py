"""Seal what was posted since the last seal. The worker does this every five minutes by itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ims.command_line.answer import Answer
from ims.common.money import format_pounds


def configure(parser: ArgumentParser) -> None:
    """Takes nothing of its own."""


def run(arguments: Namespace) -> Answer:
    """Seal, and print the seal: a copy kept elsewhere proves the ledger later."""
    from ims.ledger.seals import seal_pending

    seal = seal_pending()
    if seal is None:
        return Answer({"sealed": False}, "There is nothing new to seal.")
    data = {
        "sealed": True,
        "number": seal.pk,
        "sealed_at": seal.sealed_at,
        "postings": seal.posting_count,
        "entries": seal.entry_count,
        "total": seal.total,
        "hash": bytes(seal.hash).hex(),
        "previous": bytes(seal.previous).hex(),
    }
    text = (
        f"Seal {seal.pk}: {seal.posting_count:,} postings, {seal.entry_count:,} entries, "
        f"{format_pounds(seal.total)}\n{data['hash']}"
    )
    return Answer(data, text)
