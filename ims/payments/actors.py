"""Who acts when nobody in particular does."""

from __future__ import annotations

from ims.audit.actors import Actor

CARD_DESK = Actor(
    kind="system",
    identifier="card-payments",
    name="Card payments",
    permissions=frozenset(
        {"ledger.post_receipt", "ledger.reverse_posting", "payments.view_paymentattempt", "payments.match_payout"}
    ),
)
"""Posts what a provider has confirmed. The receipt follows from the provider's word, not from whoever looked at it."""

PUBLIC = Actor(
    kind="system",
    identifier="public",
    name="Public payment pages",
    permissions=frozenset({"payments.pay_online"}),
)
"""Whoever pays on the public pages, without a name."""
