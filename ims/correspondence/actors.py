"""Who writes when a payment asks for a receipt."""

from __future__ import annotations

from ims.audit.actors import Actor

POST_ROOM = Actor(
    kind="system",
    identifier="post-room",
    name="Messages to payers",
    permissions=frozenset({"correspondence.send_message"}),
)
"""Writes and sends what follows from a payment: the receipt follows from the money, not from whoever looked at it."""
