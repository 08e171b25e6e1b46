"""The signed address where a payer sees what became of a payment. It names no person and cannot be guessed."""

from __future__ import annotations

from django.conf import settings
from django.core import signing

SALT = "ims.payment-status"
PATH = "/pay/status/{}/"


def status_address(return_token: str) -> str:
    """The whole address for a payment known by its return token; empty where the server's own address is not set."""
    return f"{settings.PUBLIC_ADDRESS}{status_path(return_token)}" if settings.PUBLIC_ADDRESS else ""


def status_path(return_token: str) -> str:
    """The address within the server."""
    return PATH.format(signing.Signer(salt=SALT).sign(return_token))


def return_token_of(signed: str) -> str | None:
    """The return token that a status address was made of; None for anything we did not sign."""
    try:
        return signing.Signer(salt=SALT).unsign(signed)
    except signing.BadSignature:
        return None
