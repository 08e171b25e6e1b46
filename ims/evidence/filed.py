"""What was filed in an evidence pack: the files of each section, as the page that opens it lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ims.audit.sections import Section


@dataclass(frozen=True)
class Filed:
    """One file of a pack. `rows` is None for a file that is no table."""

    path: str
    title: str
    size: int
    sha256: str
    rows: int | None = None
    shown: Sequence[Sequence[str]] = ()


@dataclass
class Folder:
    """The files of one section."""

    section: Section
    files: list[Filed] = field(default_factory=list)
