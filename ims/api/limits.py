"""How often the API may be called."""

from __future__ import annotations

from django.http import HttpRequest

from ims.api.models import Client
from ims.people.middleware import address_of
from ims.throttling.limits import Limit, TooOften, seconds_exhausted, seconds_to_wait

BAD_KEYS = Limit("api.bad_keys", most=20, seconds=300)
"""Wrong keys from one address. A key cannot be guessed; this keeps the log readable."""


def count_call(client: Client) -> None:
    """Count a call of `client`. Raises `TooOften` when the minute's calls are used up."""
    limit = Limit("api.calls", most=client.calls_a_minute, seconds=60)
    wait = seconds_to_wait(limit, str(client.pk))
    if wait:
        raise TooOften(
            f"{client} may call {client.calls_a_minute} times a minute. Call again in {wait} seconds.", seconds=wait
        )


def count_bad_key(request: HttpRequest) -> None:
    """Count a wrong key."""
    seconds_to_wait(BAD_KEYS, address_of(request))


def refuse_guessers(request: HttpRequest) -> None:
    """Raise `TooOften` for an address that sent too many wrong keys."""
    wait = seconds_exhausted(BAD_KEYS, address_of(request))
    if wait:
        raise TooOften(f"Too many wrong keys came from your address. Call again in {wait} seconds.", seconds=wait)
