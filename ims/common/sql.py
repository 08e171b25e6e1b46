"""Reading the SQL that stands in files beside the code."""

from __future__ import annotations

from functools import cache
from importlib import resources

from django.db import migrations


@cache
def read(package: str, name: str) -> str:
    """The text of `sql/<name>` inside `package`, like ``read("ims.ledger", "guards.sql")``."""
    return resources.files(package).joinpath("sql", name).read_text(encoding="utf-8")


def from_file(package: str, name: str, *, undo: str) -> migrations.RunSQL:
    """A migration step that runs `sql/<name>` of `package`, and `sql/<undo>` on the way back.

    A file once released is never edited: a later change is a new file and a new step.
    """
    return migrations.RunSQL(_statements(read(package, name)), _statements(read(package, undo)))


def _statements(text: str) -> list[str]:
    # One list item, so that Django does not split function bodies at their semicolons.
    return [text]
