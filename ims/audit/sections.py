"""How a room adds to an evidence pack what it can prove.

A room that has something for auditors offers a module `evidence_sections.py`, which registers functions:

    @section("approvals", "Approvals", why="Who approved what, and whether it was somebody else.", order=40)
    def approvals(request: Request) -> Iterator[Part]:
        yield Table("approvals", "Approvals decided in the period", ("When", "What", …), rows_of(request))

Whoever takes the pack imports those modules and calls the functions in order. Rows are iterators: nothing is held in
memory, and the same period over the same data must give the same rows, so no row says when the pack was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

from ims.audit.actors import Actor

Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Request:
    """Who takes the pack and for which days, both included; `since` and `until` (excluded) are their moments."""

    actor: Actor
    first: date
    last: date
    since: datetime
    until: datetime
    report: Report = lambda done, total, message: None


@dataclass(frozen=True)
class Table:
    """Rows, which become a CSV file called `name`. With `is_shown` the index shows them too: keep those few."""

    name: str
    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[Any]]
    is_shown: bool = False


@dataclass(frozen=True)
class Document:
    """A file that the room writes itself. `name` has its ending."""

    name: str
    title: str
    write: Callable[[BinaryIO], None]


Part = Table | Document


@dataclass(frozen=True)
class Section:
    """What one room adds: `why` says in plain words what it shows an auditor. Its files stand in a folder `name`."""

    name: str
    title: str
    why: str
    order: int
    parts: Callable[[Request], Iterator[Part]]


_sections: dict[str, Section] = {}


def section(
    name: str, title: str, *, why: str, order: int
) -> Callable[[Callable[[Request], Iterator[Part]]], Callable[[Request], Iterator[Part]]]:
    """Register the function as a section of every evidence pack."""

    def register(parts: Callable[[Request], Iterator[Part]]) -> Callable[[Request], Iterator[Part]]:
        _sections[name] = Section(name, title, why, order, parts)
        return parts

    return register


def sections() -> list[Section]:
    """Every section registered so far, in order."""
    return sorted(_sections.values(), key=lambda each: (each.order, each.name))
