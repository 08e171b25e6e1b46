"""How a room says what it holds about a person who asks (UK GDPR, article 15).

A room that holds personal data offers a module `subject_sources.py`, which registers functions:

    @source("payments", "Payments", why="Card payments made by the person.", order=40)
    def payments(about: About) -> Iterator[Found]:
        yield Found("payment:7", {"Paid on": …, "Amount": …})

`about` says what is known of the person; a function yields what fits any of it. Somebody reviews every row before it is
handed over, so a source may find too much, never too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ims.audit.actors import Actor


@dataclass(frozen=True)
class About:
    """What is known of the person, and who looks. Empty fields find nothing."""

    actor: Actor
    name: str = ""
    references: frozenset[str] = frozenset()
    postcode: str = ""
    email: str = ""
    telephone: str = ""

    @property
    def spellings(self) -> frozenset[str]:
        """The references as they may have been keyed: as given, in capitals, in small letters."""
        return frozenset(form for each in self.references for form in (each, each.upper(), each.lower()))

    @property
    def words(self) -> list[str]:
        """Every word by which the person may be named in a text."""
        return [each for each in (*self.references, self.name, self.email, self.telephone, self.postcode) if each]

    @property
    def digits(self) -> str:
        """The end of the telephone number that is alike however it is written: “01226 555 0100”, “+44 1226 5550100”."""
        return "".join(filter(str.isdigit, self.telephone))[-9:]


@dataclass(frozen=True)
class Found:
    """One thing that is held. `key` names it for good, like ``entry:12``; `values` are headings and what they say."""

    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Where a room looks."""

    name: str
    title: str
    why: str
    order: int
    find: Callable[[About], Iterator[Found]]


_sources: dict[str, Source] = {}


def source(
    name: str, title: str, *, why: str, order: int
) -> Callable[[Callable[[About], Iterator[Found]]], Callable[[About], Iterator[Found]]]:
    """Register the function as a source of every subject access request. `why` says what the data is kept for."""

    def register(find: Callable[[About], Iterator[Found]]) -> Callable[[About], Iterator[Found]]:
        _sources[name] = Source(name, title, why, order, find)
        return find

    return register


def sources() -> list[Source]:
    """Every source registered so far, in order."""
    return sorted(_sources.values(), key=lambda each: (each.order, each.name))
