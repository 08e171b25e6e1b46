"""Reading what payers may pay for."""

from __future__ import annotations

from django.db.models import QuerySet

from ims.audit.actors import Actor
from ims.audit.scope import Paths, within
from ims.common.errors import NotFound
from ims.payment_types.models import PaymentType


def offered(actor: Actor | None = None) -> QuerySet[PaymentType]:
    """The types on offer whose fund is in use and payable online, of those in the actor's scope, in order."""
    types = PaymentType.objects.filter(is_active=True, fund__is_active=True, fund__is_payable_online=True)
    if actor is not None:
        types = types.filter(within(actor, Paths(offices="", methods="")))
    return types.select_related("fund")


def find(code: str, *, actor: Actor | None = None) -> PaymentType:
    """The type called `code`. Raises `NotFound` when none is on offer under that name."""
    found = offered(actor).filter(pk=code).first()
    if found is None:
        raise NotFound(f"There is no payment type “{code[:50]}” on offer. Ask for the list of payment types.")
    return found
