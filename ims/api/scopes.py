"""What an API client may be allowed, by name. This file is the only place that says so.

A scope is a set of the permissions that services ask for, so that a client and a person are held to the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from ims.api.models import Client
from ims.audit.actors import Actor


@dataclass(frozen=True)
class Scope:
    """One thing a client may be allowed: its name in the API, what it means, and the permissions it grants."""

    name: str
    meaning: str
    permissions: frozenset[str]


SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope(
            "references:check",
            "Ask what may be paid for, and whether a reference and an amount may be paid.",
            frozenset({"payment_types.check_reference"}),
        ),
        Scope(
            "payments:create",
            "Ask for payments of its funds on behalf of payers, and read those it asked for.",
            frozenset({"payment_types.check_reference", "payments.pay_online"}),
        ),
        Scope(
            "telephone-line",
            "Announce and confirm payments of an automated telephone line.",
            frozenset({"payment_types.check_reference", "telephone_line.take_payment"}),
        ),
        Scope("receipts:read", "Read receipts of its funds.", frozenset({"ledger.view_entry"})),
        Scope(
            "accounts:read",
            "Read account holders of its funds: names, addresses and balances. Personal data.",
            frozenset({"accounts.view_accountholder", "accounts.see_personal_data"}),
        ),
    )
}


def actor_for(client: Client, *, address: str = "") -> Actor:
    """The actor that `client` is, as the audit trail will name it."""
    granted = [SCOPES[name].permissions for name in client.scopes if name in SCOPES]
    return Actor(
        kind="api",
        identifier=str(client.pk),
        name=f"API: {client.name}",
        permissions=frozenset().union(*granted),
        funds=None if client.every_fund else frozenset(client.funds),
        address=address,
    )
