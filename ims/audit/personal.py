"""Personal data: who may see it, how everybody else sees it, and the record of who looked.

A model says which of its fields are personal and how each is masked:

    personal = Personal("ledger.see_payer_details", {"payer_name": masking.name, "narrative": masking.hidden})

Selectors hand records to the faces through `veil`, which masks them in place for whoever needs only the money. Who
holds the permission sees masks too until they ask for the details (`Actor.unveiled`, a button on screen); what they
then see is noted, and the request leaves one audit event however many records it showed.

The masked values are for showing. Services that write read the records themselves, without the veil.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Model

from ims.audit.actors import Actor, authorise
from ims.audit.services import record

VIEWED = "personal_data_viewed"
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Personal:
    """The permission that opens the personal fields of a model, and how each is masked without it."""

    permission: str
    masks: Mapping[str, Callable[[str], str]]


@dataclass
class Looks:
    """The personal data that one request showed: how many records of each kind, and the one if it was one."""

    counts: dict[str, int] = field(default_factory=dict)
    only: Model | None = None

    def add(self, shown: Model) -> None:
        label = shown._meta.label_lower
        self.only = shown if not self.counts else None
        self.counts[label] = self.counts.get(label, 0) + 1


_looks: ContextVar[Looks | None] = ContextVar("ims_personal_looks", default=None)


def may_reveal(actor: Actor, model: type[Model]) -> bool:
    """Whether `actor` may ask for the personal details of `model`'s records."""
    return actor.may(model.personal.permission)


def reveals(actor: Actor, model: type[Model]) -> bool:
    """Whether the details are shown to `actor` just now. A person must have asked; machines hold the right or not."""
    return actor.everything or (may_reveal(actor, model) and (actor.unveiled or actor.kind != "person"))


def veil(actor: Actor, records: Iterable[M]) -> list[M]:
    """The records, with their personal fields masked in place unless shown to `actor`; what is shown is noted."""
    return list(veiling(actor, records))


def veiling(actor: Actor, records: Iterable[M]) -> Iterator[M]:
    """As `veil`, one by one as they are asked for: for files of any length."""
    looks = _looks.get()
    for each in records:
        if not reveals(actor, type(each)):
            for name, mask in each.personal.masks.items():
                if name in each.__dict__:  # a deferred field stays in the database
                    setattr(each, name, mask(getattr(each, name) or ""))
        elif looks is not None:
            looks.add(each)
        yield each


def note(shown: Model) -> None:
    """Note that personal data about `shown` is shown, where it was not `veil` that decided."""
    if (looks := _looks.get()) is not None:
        looks.add(shown)


def veil_one(actor: Actor, one: M | None) -> M | None:
    """`veil` for one record, or none."""
    return one if one is None else veil(actor, [one])[0]


def veiled_value(actor: Actor, model: type[Model], name: str, value: Any) -> Any:
    """The value of the field `name` as `actor` sees it, where there is no record to veil (a comparison, a total)."""
    mask = getattr(model, "personal", Personal("", {})).masks.get(name)
    return value if mask is None or not value or reveals(actor, model) else mask(str(value))


def for_form(actor: Actor, model: type[Model], value: str) -> str:
    """A personal value to begin a form with; empty while it is veiled, so that no mask is ever saved as a value."""
    return value if reveals(actor, model) else ""


def require(actor: Actor, model: type[Model], what: str) -> None:
    """Raise `NotAllowed` unless `actor` may see the personal details of `model`. `what` completes “You may not …”."""
    authorise(actor, model.personal.permission, what=what)


@contextmanager
def looking() -> Iterator[Looks]:
    """Notes the personal data that is shown inside the block."""
    looks = Looks()
    token = _looks.set(looks)
    try:
        yield looks
    finally:
        _looks.reset(token)


def record_looks(actor: Actor, looks: Looks, *, page: str, search: str) -> None:
    """One audit event for everything that was shown: of whom, or how many and by which search."""
    subject = looks.only if looks.only is not None and looks.only.pk is not None else None
    data = {"page": page, "records": dict(sorted(looks.counts.items()))} | ({"search": search} if search else {})
    record(VIEWED, actor=actor, subject=subject, data=data)
