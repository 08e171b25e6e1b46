"""Issuing and revoking keys of API clients."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from ims.api.errors import ClientRefusal
from ims.api.keys import START, digest_of
from ims.api.models import Client, ClientKey
from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common import clock

MOST_KEYS = 2
"""Keys of one client that may work at once: the old and the new, while the system is told the new one."""

LONGEST_DAYS = 400
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class IssuedKey:
    """A new key. `secret` is the whole key, which nobody can be shown again."""

    key: ClientKey
    secret: str


@transaction.atomic
def issue_key(*, actor: Actor, client: Client, expires_on: date, reason: str) -> IssuedKey:
    """Give `client` a further key that works to the end of `expires_on`.

    To rotate: issue, tell the system, revoke the old one. Raises `ClientRefusal` for a client that has two keys at
    work, is out of use, or a day that is past or too far off.
    """
    authorise(actor, "api.issue_key", what="issue keys of API clients")
    client = Client.objects.select_for_update().get(pk=client.pk)
    moment, today = clock.now(), clock.today()
    if not client.is_active:
        raise ClientRefusal(f"{client} is out of use. Put it into use first.")
    if not today < expires_on <= today + timedelta(days=LONGEST_DAYS):
        raise ClientRefusal(
            f"A key ends between tomorrow and {today + timedelta(days=LONGEST_DAYS):%-d %b %Y}, not on "
            f"{expires_on:%-d %b %Y}."
        )
    working = client.keys.filter(revoked_at=None, expires_at__gt=moment).count()
    if working >= MOST_KEYS:
        raise ClientRefusal(f"{client} has {working} keys that work. Revoke the one no longer used first.")
    prefix = START + "".join(secrets.choice(_ALPHABET) for _ in range(8))
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ClientKey.objects.create(
        client=client,
        prefix=prefix,
        digest=digest_of(secret),
        issued_at=moment,
        issued_by=actor.name,
        expires_at=_end_of(expires_on),
    )
    record(
        "api_key_issued",
        actor=actor,
        subject=client,
        reason=reason,
        data={"key": prefix, "expires_on": expires_on.isoformat()},
    )
    return IssuedKey(key, secret)


@transaction.atomic
def revoke_key(*, actor: Actor, key: ClientKey, reason: str) -> ClientKey:
    """End `key` at once. Revoking it twice changes nothing."""
    authorise(actor, "api.issue_key", what="revoke keys of API clients")
    key = ClientKey.objects.select_for_update().select_related("client").get(pk=key.pk)
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])
        record("api_key_revoked", actor=actor, subject=key.client, reason=reason, data={"key": key.prefix})
    return key


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
