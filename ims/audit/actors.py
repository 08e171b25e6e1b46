"""Who is acting: a person, a job, a command or another system. Every service that writes asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

from ims.common.errors import InvalidInput, NotAllowed

ActorKind = Literal["person", "job", "command", "api", "system"]


@dataclass(frozen=True)
class Actor:
    """Somebody or something that acts, with what it may do.

    `permissions` holds Django permission names (``ledger.post_journal``); `everything` is for the command line,
    run by whoever may already open the database. `funds`, `offices` and `methods` are the codes the actor's scope is
    limited to, None for all; `ims.audit.scope` turns them into conditions. `unveiled` says that a person has asked for
    personal details to be shown (`ims.audit.personal`). `identifier` is the person's primary key as text, or the name
    of the job, command or API client.
    """

    kind: ActorKind
    identifier: str
    name: str
    permissions: frozenset[str] = frozenset()
    everything: bool = False
    funds: frozenset[str] | None = None
    offices: frozenset[str] | None = None
    methods: frozenset[str] | None = None
    office: str = ""
    address: str = ""
    unveiled: bool = False

    @property
    def person_key(self) -> int | None:
        """The primary key of the person acting, for history rows written by SQL; None when no person acts."""
        return int(self.identifier) if self.kind == "person" and self.identifier.isdigit() else None

    def may(self, permission: str) -> bool:
        """Whether the actor holds `permission`, like ``ledger.post_journal``."""
        return self.everything or permission in self.permissions

    def lent(self, permission: str) -> Actor:
        """The same actor holding `permission` as well: for one call that a right of theirs takes in."""
        return replace(self, permissions=self.permissions | {permission})

    @property
    def is_limited(self) -> bool:
        """Whether the actor's scope leaves some money out: by fund, by office or by method of payment."""
        return (self.funds, self.offices, self.methods) != (None, None, None)

    def may_see_fund(self, code: str) -> bool:
        """Whether the actor's scope takes in the fund called `code`."""
        return self.funds is None or code in self.funds

    def may_see(self, *, fund: str, office: str, method: str) -> bool:
        """Whether the actor's scope takes in money of this fund, taken at this office by this method of payment."""
        return all(
            limit is None or code in limit
            for limit, code in ((self.funds, fund), (self.offices, office), (self.methods, method))
        )


def command(name: str) -> Actor:
    """The actor of a command typed on the server."""
    return Actor(kind="command", identifier=name, name=f"Command: {name}", everything=True)


def job(name: str) -> Actor:
    """The actor of background work that nobody asked for by name."""
    return Actor(kind="job", identifier=name, name=f"Job: {name}", everything=True)


def authorise(actor: Actor, permission: str, *, what: str) -> None:
    """Raise `NotAllowed` unless `actor` holds `permission`. `what` completes “You may not …”."""
    if not actor.may(permission):
        raise NotAllowed(f"You may not {what}. Ask an administrator for the permission “{permission}”.")


def require_reason(reason: str) -> None:
    """Raise `InvalidInput` unless a reason is given, for a change whose history keeps it."""
    if not reason.strip():
        raise InvalidInput("Say why. The reason is kept in the history.")


@dataclass(frozen=True)
class Acting:
    """The actor at work just now, and the reason they gave."""

    actor: Actor
    reason: str = ""


_acting: ContextVar[Acting | None] = ContextVar("ims_acting", default=None)


def current() -> Acting | None:
    """Who is acting in this request, job or command; None outside all of them."""
    return _acting.get()


@contextmanager
def acting(actor: Actor, reason: str = "") -> Iterator[None]:
    """Name `actor` and `reason` on every history row written inside the block."""
    token = _acting.set(Acting(actor, reason))
    try:
        yield
    finally:
        _acting.reset(token)
