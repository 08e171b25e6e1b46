"""The kinds of thing that can be asked for. Rooms above register theirs when the application starts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ims.approvals.errors import WorldHasMoved
from ims.approvals.plans import Applied
from ims.audit.actors import Actor

if TYPE_CHECKING:
    from ims.approvals.models import Request

Payload = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of request.

    * `apply(actor, payload, approval)` does it for real through the owning room's service, as `actor`, and says what it
      did. It is run once and taken back to make the plan, and once more, for good, when the request is approved. It
      hands `approval` to the service, whose `gate.require` then lets it through and whose posting names it.
    * `stamp(payload)` is what the request relies on, as label → value: it is worked out when asked and again when
      approved, and any difference stops it.
    * `barred(payload)` names people (by primary key as text) who may not decide although they did not ask: whom a
      change of rights is about.
    """

    code: str
    label: str
    """As a heading: “Journal”."""
    limit: str
    """The code of the limit that applies (several kinds may share one)."""
    apply: Callable[[Actor, Payload, Approval], Applied]
    stamp: Callable[[Payload], Mapping[str, str]] = lambda payload: {}
    barred: Callable[[Payload], Collection[str]] = lambda payload: ()


@dataclass(frozen=True)
class LimitKind:
    """Something that is limited: what people call it, and whether it has an amount at all."""

    code: str
    label: str
    has_amount: bool = True


_KINDS: dict[str, Kind] = {}
_LIMITS: dict[str, LimitKind] = {}


def register(kind: Kind) -> None:
    """Make `kind` one that can be asked for. Registering a code again replaces it."""
    if kind.limit not in _LIMITS:
        raise ValueError(f"Kind {kind.code} names the limit {kind.limit}, which is not registered.")
    _KINDS[kind.code] = kind


def register_limit(code: str, label: str, *, has_amount: bool = True) -> None:
    """Make `code` something that limits can be set for. `label` completes “limits for …”: “journals”."""
    _LIMITS[code] = LimitKind(code, label, has_amount)


def known(code: str) -> Kind | None:
    """The kind called `code`, if this version of IMS knows it."""
    return _KINDS.get(code)


def label_of(code: str) -> str:
    """What people call the kind `code`."""
    return _KINDS[code].label if code in _KINDS else code


def find(code: str) -> Kind:
    """The kind called `code`. Raises `WorldHasMoved` for one that this version of IMS no longer knows."""
    if code not in _KINDS:
        raise WorldHasMoved(f"This version of IMS has no requests of the kind “{code}”. Ask again in another way.")
    return _KINDS[code]


def all_kinds() -> list[Kind]:
    """Every kind, by label."""
    return sorted(_KINDS.values(), key=lambda kind: kind.label)


def limits() -> list[LimitKind]:
    """Everything that limits can be set for, by label."""
    return sorted(_LIMITS.values(), key=lambda limit: limit.label)


def limit_label(code: str) -> str:
    """What people call the limit `code`."""
    return _LIMITS[code].label if code in _LIMITS else code


class Approval:
    """The leave a service is given to go beyond what the actor may do alone.

    In a rehearsal it notes which limits were asked about; when a request is applied it lets through what was noted
    then, and no more.
    """

    def __init__(self, request: Request, *, is_rehearsal: bool = False) -> None:
        self.request_id: int = request.pk
        self.is_rehearsal = is_rehearsal
        decider = "" if is_rehearsal else request.decided_by_id
        self.approver: int | None = int(decider) if decider.isdigit() else None
        self._covers: dict[str, str | None] = {} if is_rehearsal else dict(request.covers)

    @property
    def covers(self) -> dict[str, str | None]:
        """Each limit gone beyond or asked about, with the amount in pounds as text (None: no amount)."""
        return dict(self._covers)

    def cover(self, limit: str, amount: Decimal | None) -> None:
        """Raise `WorldHasMoved` unless `amount` of `limit` is what was approved."""
        if self.is_rehearsal:
            held = self._covers.get(limit, "0")
            unlimited = amount is None or held is None
            self._covers[limit] = None if unlimited else str(max(amount, Decimal(held)))
            return
        if limit not in self._covers:
            raise WorldHasMoved(f"What was approved did not include {limit_label(limit)}. Nothing was done.")
        held = self._covers[limit]
        if held is not None and (amount is None or amount > Decimal(held)):
            raise WorldHasMoved("The amount would be larger than what was approved. Nothing was done.")
