"""Limits in tests: generous unless a test asks for those a new installation begins with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ims.approvals import kinds, seed
from ims.approvals.models import ANYBODY, Limit
from ims.audit.actors import acting, command
from ims.common.rooms import is_last


def everybody_alone(sender: Any = None, **_: Any) -> None:
    """Everybody may do everything alone: most tests are about what is done, not about who must agree."""
    if sender is not None and not is_last(sender):
        return
    seed.suggest_conflicts()
    Limit.objects.all()._raw_delete("default")
    Limit.objects.bulk_create(
        [Limit(role=ANYBODY, kind=each.code, alone_up_to=None, may_approve_up_to=None) for each in kinds.limits()]
    )


def as_installed() -> None:
    """The limits a new installation begins with."""
    Limit.objects.all()._raw_delete("default")
    Limit.objects.bulk_create(seed.suggested(frozenset()))


def set_limit(kind: str, role: str = ANYBODY, *, alone: str | None = "0", approved: str | None = None,
              approves: str | None = "0") -> None:  # fmt: skip
    """One limit, in pounds; None is any amount. Replaces the limit of that role and kind."""
    values = {
        "alone_up_to": None if alone is None else Decimal(alone),
        "with_approval_up_to": None if approved is None else Decimal(approved),
        "may_approve_up_to": None if approves is None else Decimal(approves),
    }
    with acting(command("test set-up"), "Test set-up"):
        Limit.objects.update_or_create(role=role, kind=kind, defaults=values)


def no_limits(kind: str) -> None:
    """As if nobody had set a limit for `kind`."""
    Limit.objects.filter(kind=kind)._raw_delete("default")
