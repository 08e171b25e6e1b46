"""Publish the last seals of every day that is over, outside the database. The worker does this every hour by itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ims.command_line.answer import Answer


def configure(parser: ArgumentParser) -> None:
    """Takes nothing of its own."""


def run(arguments: Namespace) -> Answer:
    """Publish what is not published yet, the oldest day first."""
    from ims.audit.actors import command
    from ims.evidence import publication

    published = [publication.publish(actor=command("publish-seals"), day=day) for day in publication.unpublished()]
    data = {
        "directory": str(publication.directory()),
        "published": [{"day": each.day, "file": each.file_name, "sha256": each.sha256} for each in published],
    }
    if not published:
        return Answer(data, "Every day that is over has its seals published.")
    lines = [f"{each.file_name}: SHA-256 {each.sha256}" for each in published]
    return Answer(data, "\n".join([f"Published in {data['directory']}:", *lines]))
