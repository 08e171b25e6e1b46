"""Who people are: their roles, what they may do now, and who could decide. The people room says so, from above."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ims.audit.actors import Actor


@dataclass(frozen=True)
class Colleague:
    """Somebody who may be able to decide: who they are, their roles and where to write to them."""

    actor: Actor
    roles: frozenset[str]
    email: str


@dataclass(frozen=True)
class Rights:
    """What somebody active holds now: their name, every permission of theirs and their roles."""

    name: str
    permissions: frozenset[str]
    roles: frozenset[str]


@dataclass(frozen=True)
class Source:
    """How to find out about the actors of one kind.

    `roles` names the roles an actor holds now. `again` is the actor as they are now, None when they may no longer act.
    `holders` lists those who hold a permission and may decide; empty for actors that are not people. `rights` is what
    everybody active holds, whose duties may have to be apart.
    """

    roles: Callable[[Actor], frozenset[str]]
    again: Callable[[str, str], Actor | None]
    holders: Callable[[str], Sequence[Colleague]] = lambda permission: ()
    rights: Callable[[], Iterable[Rights]] = lambda: ()


_SOURCES: dict[str, Source] = {
    # A command or a job is nobody: it holds no role, so that only limits for anybody apply to it.
    kind: Source(
        roles=lambda actor: frozenset(),
        again=lambda identifier, name, kind=kind: Actor(kind=kind, identifier=identifier, name=name, everything=True),
    )
    for kind in ("command", "job")
}


_SOURCES["system"] = Source(
    # A part of IMS that acts on another system's word (a card provider's, a directory's) has a role of its own, for
    # limits alone: “system:card-payments”; “system:directory” for every actor called “directory:…”.
    roles=lambda actor: frozenset({f"system:{actor.identifier.partition(':')[0]}"}),
    again=lambda identifier, name: None,
)


def register(kind: str, source: Source) -> None:
    """Let the room that knows actors of `kind` say who they are. Called once, at start-up."""
    _SOURCES[kind] = source


def roles_of(actor: Actor) -> frozenset[str]:
    """The names of the roles `actor` holds now; none where nobody knows the actor's kind."""
    source = _SOURCES.get(actor.kind)
    return source.roles(actor) if source else frozenset()


def actor_again(kind: str, identifier: str, name: str) -> Actor | None:
    """The actor as they are now, with the rights they hold now. None: they may no longer act."""
    source = _SOURCES.get(kind)
    return source.again(identifier, name) if source else None


def holders_of(permission: str) -> list[Colleague]:
    """Everybody active who holds `permission`."""
    return [each for source in _SOURCES.values() for each in source.holders(permission)]


def rights_of_everybody() -> Iterator[Rights]:
    """What everybody active holds, by name."""
    for source in _SOURCES.values():
        yield from source.rights()
