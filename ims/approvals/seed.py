"""The limits a new installation begins with. A suggestion: each council sets its own, with a reason, on screen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.apps import apps
from simple_history.utils import bulk_create_with_history

from ims.approvals import kinds
from ims.approvals.models import Limit
from ims.audit.actors import acting, command

ANY = None
_OFFICER, _MANAGER, _FINANCE = "Income officer", "Income manager", "Finance"
_DESK, _ADMINISTRATOR = "Service desk", "Administrator"
_REASON = "Suggested limits of a new installation"

# Limit → role → (may do alone, may have approved, may approve for others), in pounds; ANY is any amount.
SUGGESTED: dict[str, dict[str, tuple[int | None, int | None, int | None]]] = {
    "ledger.journal": {_MANAGER: (5_000, ANY, 25_000), _FINANCE: (0, ANY, ANY)},
    "ledger.transfer": {_MANAGER: (1_000, 100_000, 5_000), _FINANCE: (10_000, ANY, ANY)},
    "ledger.reversal": {_MANAGER: (1_000, ANY, 10_000), _FINANCE: (0, ANY, ANY)},
    "ledger.allocation": {_OFFICER: (5_000, ANY, 0), _MANAGER: (10_000, ANY, 100_000), _FINANCE: (10_000, ANY, ANY)},
    "suspense.write_off": {_OFFICER: (0, 100, 0), _MANAGER: (10, 1_000, 250), _FINANCE: (10, ANY, ANY)},
    "payments.refund": {_OFFICER: (0, 1_000, 0), _MANAGER: (50, ANY, 5_000), _FINANCE: (50, ANY, ANY)},
    "imports.duplicate": {_OFFICER: (500, ANY, 0), _MANAGER: (1_000, ANY, ANY), _FINANCE: (1_000, ANY, ANY)},
    "imports.routing_rule": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "funds.mapping": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "funds.setting": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "people.roles": {_MANAGER: (0, ANY, ANY), _DESK: (0, ANY, 0), _ADMINISTRATOR: (0, ANY, ANY)},
    "approvals.limits": {_FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, ANY)},
}


def suggest() -> int:
    """Write the suggested limits for every kind that has never had any; return how many rows. Twice adds nothing.

    A limit that was changed or taken away stays so: its history says that the council has decided.
    """
    rows = suggested(frozenset(Limit.history.values_list("kind", flat=True).distinct()))
    if rows:
        with acting(command("suggested limits"), _REASON):
            bulk_create_with_history(rows, Limit, default_change_reason=_REASON)
    return len(rows)


def suggested(decided: frozenset[str]) -> list[Limit]:
    """The suggested limits of every registered kind, those of `decided` left out. Not saved."""
    return [
        Limit(
            role=role,
            kind=limit.code,
            alone_up_to=_pounds(alone),
            with_approval_up_to=_pounds(approved),
            may_approve_up_to=_pounds(approves),
        )
        for limit in kinds.limits()
        if limit.code not in decided
        for role, (alone, approved, approves) in SUGGESTED.get(limit.code, {}).items()
    ]


def suggest_after_migrate(sender: Any, **_: Any) -> None:
    """Suggest once, when the last application has made its tables."""
    last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
    if sender is last:
        suggest()


def _pounds(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
