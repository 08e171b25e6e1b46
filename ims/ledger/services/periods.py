"""Opening and closing accounting periods."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, OperationalError, transaction
from psycopg.errors import LockNotAvailable

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.ledger.errors import LedgerRefusal
from ims.ledger.models import AccountingPeriod

PERMISSION = "ledger.close_accountingperiod"


@transaction.atomic
def open_period(*, actor: Actor, name: str, starts_on: date, ends_on: date) -> AccountingPeriod:
    """Add an accounting period from `starts_on` to `ends_on`, both included. Raises `LedgerRefusal` on an overlap."""
    authorise(actor, PERMISSION, what="open accounting periods")
    try:
        with transaction.atomic(), acting(actor, "Opened"):
            period = AccountingPeriod.objects.create(name=name, starts_on=starts_on, ends_on=ends_on)
    except IntegrityError as error:
        raise LedgerRefusal(
            f"{name} cannot be opened: another period has that name or some of those days.", code="period_overlaps"
        ) from error
    record("period_opened", actor=actor, subject=period)
    return period


def close_period(*, actor: Actor, period_id: int, reason: str) -> AccountingPeriod:
    """Close a period. It waits for postings on their way into it; afterwards the database refuses new ones.

    Raises `LedgerRefusal` when a posting (a large file) takes longer than a person would wait.
    """
    return _set_open(actor, period_id, is_open=False, reason=reason)


def reopen_period(*, actor: Actor, period_id: int, reason: str) -> AccountingPeriod:
    """Open a closed period again, for a reason that stays on record."""
    return _set_open(actor, period_id, is_open=True, reason=reason)


@transaction.atomic
def _set_open(actor: Actor, period_id: int, *, is_open: bool, reason: str) -> AccountingPeriod:
    authorise(actor, PERMISSION, what="close or reopen accounting periods")
    if not reason.strip():
        raise LedgerRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    period = _locked(period_id)
    if period.is_open == is_open:
        raise LedgerRefusal(f"{period} is {'open' if is_open else 'closed'} already.", code="nothing_to_do")
    period.is_open = is_open
    with acting(actor, reason):
        period.save()
    record("period_reopened" if is_open else "period_closed", actor=actor, subject=period, reason=reason)
    return period


def _locked(period_id: int) -> AccountingPeriod:
    try:
        period = AccountingPeriod.objects.select_for_update().filter(pk=period_id).first()
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise LedgerRefusal(
                "Something is being posted into that period just now. Try again in a few minutes.", code="conflict"
            ) from error
        raise
    if period is None:
        raise LedgerRefusal("That accounting period does not exist.", code="not_found")
    return period
