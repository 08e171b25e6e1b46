"""Who acts on the payment pages: whoever pays, without a name and with no more than paying needs."""

from __future__ import annotations

from ims.audit.actors import Actor

PAYER = Actor(
    kind="system",
    identifier="public",
    name="Public payment pages",
    permissions=frozenset({"payments.pay_online", "payment_types.check_reference"}),
)
