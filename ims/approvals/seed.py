"""The limits a new installation begins with. A suggestion: each council sets its own, with a reason, on screen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simple_history.utils import bulk_create_with_history

from ims.approvals import kinds
from ims.approvals.models import Conflict, Limit
from ims.audit.actors import acting, command
from ims.common.rooms import is_last

ANY = None
_OFFICER, _MANAGER, _FINANCE = "Income officer", "Income manager", "Finance"
_CARD_DESK, _DIRECTORY = "system:card-payments", "system:directory"
_DESK, _ADMINISTRATOR = "Service desk", "Administrator"
_REASON = "Suggested limits of a new installation"
_CONFLICT_REASON = "Suggested conflicts of duties of a new installation"

# Limit → role → (may do alone, may have approved, may approve for others), in pounds; ANY is any amount.
SUGGESTED: dict[str, dict[str, tuple[int | None, int | None, int | None]]] = {
    "ledger.journal": {_MANAGER: (5_000, ANY, 25_000), _FINANCE: (0, ANY, ANY)},
    "ledger.transfer": {_MANAGER: (1_000, 100_000, 5_000), _FINANCE: (10_000, ANY, ANY)},
    # A card provider's word that a payment failed after all takes its receipt back, whatever the amount.
    "ledger.reversal": {_CARD_DESK: (ANY, ANY, 0), _MANAGER: (1_000, ANY, 10_000), _FINANCE: (0, ANY, ANY)},
    "ledger.allocation": {_OFFICER: (5_000, ANY, 0), _MANAGER: (10_000, ANY, 100_000), _FINANCE: (10_000, ANY, ANY)},
    "ledger.write_off": {_OFFICER: (0, 100, 0), _MANAGER: (10, 1_000, 250), _FINANCE: (10, ANY, ANY)},
    "payments.refund": {_OFFICER: (0, 1_000, 0), _MANAGER: (50, ANY, 5_000), _FINANCE: (50, ANY, ANY)},
    "imports.duplicate": {_OFFICER: (500, ANY, 0), _MANAGER: (1_000, ANY, ANY), _FINANCE: (1_000, ANY, ANY)},
    "imports.routing_rule": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "imports.file_profile": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "exports.profile": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "funds.mapping": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "funds.setting": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    "payments.setting": {_MANAGER: (0, ANY, ANY), _FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, 0)},
    # Where a council's own directory gives the roles, who joins which group is agreed there.
    "people.roles": {
        _DIRECTORY: (ANY, ANY, 0),
        _MANAGER: (0, ANY, ANY),
        _DESK: (0, ANY, 0),
        _ADMINISTRATOR: (0, ANY, ANY),
    },
    "records.disposal": {_MANAGER: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, ANY)},
    "approvals.limits": {_FINANCE: (0, ANY, ANY), _ADMINISTRATOR: (0, ANY, ANY)},
}


_MOVES_MONEY = {
    "ledger.post_receipt": "posts receipts",
    "ledger.post_journal": "posts journals",
    "ledger.post_transfer": "posts transfers",
    "ledger.reverse_posting": "reverses postings",
    "suspense.allocate": "allocates suspense",
    "imports.post_batch": "posts files",
}
_RIGHTS = "Whoever could do both could give themselves the right, move the money and take the right back."
_LIMITS = "A limit its own holder can lift limits nothing."
_AUDITS = "An auditor would be auditing their own work."

# Name, one duty, the other, why, and what makes up for it (empty: refused).
CONFLICTS: tuple[tuple[str, str, str, str, str], ...] = (
    *((f"Keeps people’s rights and {does}", "people.change_user", right, _RIGHTS, "")
      for right, does in _MOVES_MONEY.items()),
    *((f"Sets limits and {does}", "approvals.change_limit", right, _LIMITS, "")
      for right, does in _MOVES_MONEY.items()),
    *((f"Audits and {does}", "role:Auditor", right, _AUDITS, "") for right, does in _MOVES_MONEY.items()),
    ("Audits and keeps people’s rights", "role:Auditor", "people.change_user", _AUDITS, ""),
    ("Audits and approves", "role:Auditor", "approvals.decide_request", _AUDITS, ""),
    ("Keeps funds and rules and posts files", "funds.change_fund", "imports.post_batch",
     "A rule could be bent, a file posted under it, and the rule bent back.", ""),
    ("Posts files and reverses them", "imports.post_batch", "imports.reverse_batch",
     "A receipt could be posted, receipted to the payer and taken back.",
     "A reversal over the limit needs a second person; work on one’s own file is listed for the auditor."),
    ("Allocates suspense and keeps routing rules", "suspense.allocate", "imports.change_routingrule",
     "Unclaimed money could be steered to an account, now and from now on.",
     "Every change of a rule needs a second person; large allocations too; round sums are listed for the auditor."),
    ("Allocates suspense and writes it off", "suspense.allocate", "suspense.write_off",
     "Money that has an owner could be taken as if nobody claimed it.",
     "A write-off of more than a few pounds needs a second person."),
    ("Moves money and approves its moving", "ledger.post_journal", "approvals.decide_request",
     "Two such people could approve each other.",
     "Nobody approves their own; the same two approving each other again and again are listed for the auditor."),
    ("Transfers and hands over to the ledger", "ledger.post_transfer", "exports.build_export",
     "A wrong transfer could be handed on before anybody sees it.",
     "Transfers over the limit need a second person; the daily proof ties every journal to its entries."),
    ("Keeps ledger codes and hands over to the ledger", "funds.change_generalledgermapping", "exports.build_export",
     "Income could be sent to another code for one journal.",
     "Every change of a mapping needs a second person and stays in its history."),
    ("Transfers and closes periods", "ledger.post_transfer", "ledger.close_accountingperiod",
     "A period could be opened again for one posting and closed.",
     "Opening and closing are in the history with a reason; entries dated long before their posting are listed."),
)  # fmt: skip
"""The conflicts a new installation begins with: custody, recording, authorising and checking are kept apart."""


def suggest_conflicts() -> int:
    """Write the suggested conflicts of duties unless there ever were any; return how many. Twice adds nothing."""
    if Conflict.history.exists():
        return 0
    rows = [
        Conflict(
            name=name,
            first=first,
            second=second,
            severity=Conflict.Severity.REPORT if control else Conflict.Severity.REFUSE,
            why=why,
            compensating_control=control,
        )
        for name, first, second, why, control in CONFLICTS
    ]
    with acting(command("suggested conflicts of duties"), _CONFLICT_REASON):
        bulk_create_with_history(rows, Conflict, default_change_reason=_CONFLICT_REASON)
    return len(rows)


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
    if is_last(sender):
        suggest()
        suggest_conflicts()


def _pounds(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
