"""The question every service asks before it does what may need a second person.

The service works out what it is about to do, then calls `require` with the amount. Either it may go on (the answer is
the request's number, to be written on what it leaves behind; None when the actor may do it alone), or it is stopped by
`ApprovalNeeded` (it can be asked for) or `ApprovalRefusal` (it cannot).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ims.approvals import directory, kinds, rules
from ims.approvals.errors import ApprovalNeeded, ApprovalRefusal
from ims.approvals.kinds import Approval
from ims.approvals.models import ANYBODY, Limit
from ims.approvals.rules import Allowance, Verdict
from ims.audit.actors import Actor
from ims.common.money import format_pounds


@dataclass(frozen=True)
class Asked:
    """How the act would be asked for: its kind, what is asked, and the key that makes asking twice the same request."""

    kind: str
    payload: Mapping[str, Any]
    key: str = ""


def require(
    *, actor: Actor, limit: str, amount: Decimal | None, approval: Approval | None, ask: Callable[[], Asked]
) -> int | None:
    """Let the act through, or raise. `amount` in pounds, None for what has none; `ask` is called when it is stopped.

    Returns the number of the request that gives leave, None when the actor may do it alone.
    """
    if approval is not None:
        approval.cover(limit, amount)
        return approval.request_id
    allowance = allowance_of(actor, limit)
    match rules.verdict(allowance, amount):
        case Verdict.ALONE:
            return None
        case Verdict.REFUSED:
            raise ApprovalRefusal(_refused(limit, amount, allowance))
    asked = ask()
    raise ApprovalNeeded(_needed(limit, amount, allowance), kind=asked.kind, payload=asked.payload, key=asked.key)


class Limits:
    """All limits as they stand now, read once."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Limit]] = {}
        for row in Limit.objects.order_by("kind", "role"):
            self._rows.setdefault(row.kind, []).append(row)

    def allowance(self, roles: frozenset[str], limit: str) -> Allowance:
        """How far somebody with exactly `roles` may go in `limit`."""
        held = {*roles, ANYBODY}
        return rules.best_of(row.as_allowance() for row in self._rows.get(limit, ()) if row.role in held)

    def may_approve(self, roles: frozenset[str], covers: Mapping[str, str | None]) -> bool:
        """Whether somebody with `roles` may approve all that `covers` names."""
        return all(
            rules.within(amount_of(held), self.allowance(roles, limit).may_approve_up_to)
            for limit, held in covers.items()
        )

    def approving_roles(self, limit: str, amount: Decimal | None) -> list[str]:
        """The roles whose people may approve `amount` of `limit`."""
        rows = self._rows.get(limit, ())
        return [row.role or "anybody" for row in rows if rules.within(amount, row.may_approve_up_to)]


def allowed_alone(actor: Actor, limit: str, amount: Decimal | None) -> bool:
    """Whether `actor` may do `amount` of `limit` without anybody else."""
    return rules.verdict(allowance_of(actor, limit), amount) is Verdict.ALONE


def allowance_of(actor: Actor, limit: str) -> Allowance:
    """How far `actor` may go in `limit` now, by the roles they hold."""
    return Limits().allowance(directory.roles_of(actor), limit)


def refuse_beyond_all(actor: Actor, covers: Mapping[str, str | None]) -> None:
    """Raise `ApprovalRefusal` when some amount of `covers` may not be done even with an approval."""
    limits, roles = Limits(), directory.roles_of(actor)
    for limit, held in covers.items():
        allowance = limits.allowance(roles, limit)
        if rules.verdict(allowance, amount_of(held)) is Verdict.REFUSED:
            raise ApprovalRefusal(_refused(limit, amount_of(held), allowance))


def amount_of(held: str | None) -> Decimal | None:
    """An amount as `Approval.covers` writes it."""
    return None if held is None else Decimal(held)


def _needed(limit: str, amount: Decimal | None, allowance: Allowance) -> str:
    label = kinds.limit_label(limit)
    roles = Limits().approving_roles(limit, amount)
    by = f"by somebody with the role {_either(roles)}" if roles else "— but no role may approve it: have a limit set"
    if amount is None:
        return f"{label} need the approval of a second person, {by}."
    alone = f"{label} of {rules.in_words(allowance.alone_up_to)} may be done alone"
    if not allowance.alone_up_to:
        alone = f"{label} may not be done alone"
    return f"{alone}; this is {format_pounds(amount)}. It needs the approval of a second person, {by}."


def _refused(limit: str, amount: Decimal | None, allowance: Allowance) -> str:
    label = kinds.limit_label(limit)
    if amount is None:
        return f"{label} are not allowed to your roles, even with an approval. Ask who sets the limits."
    return (
        f"{format_pounds(amount)} is more than your roles allow for {label.lower()}, even with an approval "
        f"({rules.in_words(allowance.with_approval_up_to)}). Ask a colleague whose role goes further."
    )


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
