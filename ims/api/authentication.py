"""Who is calling: a client, by one of its keys."""

from __future__ import annotations

import hmac

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ims.api import limits
from ims.api.keys import START, digest_of
from ims.api.models import Client, ClientKey
from ims.common import clock

WRONG = "The key is not known, has expired or was revoked. Ask the council for a new one."
MISSING = "No key was sent. Send your key in the header: Authorization: Bearer ims_…"


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer ims_…``. Cookies count for nothing here, so no other site can make a browser call."""

    def authenticate(self, request: Request) -> tuple[Client, ClientKey] | None:
        """The client and the key it used; None when no key was sent."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            return None
        limits.refuse_guessers(request)
        key = _known(secret.strip())
        if key is None:
            limits.count_bad_key(request)
            raise AuthenticationFailed(WRONG)
        _note_use(key)
        return key.client, key

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer 401 rather than 403."""
        return 'Bearer realm="IMS"'


def _known(secret: str) -> ClientKey | None:
    """The key that `secret` is, if it works and its client is in use."""
    if not secret.startswith(START) or len(secret) > 200 or not secret.isascii() or "\0" in secret:
        return None
    prefix = secret[:12]
    key = ClientKey.objects.filter(prefix=prefix).select_related("client").first()
    digest = digest_of(secret)
    if not hmac.compare_digest(digest, key.digest if key else "0" * 64):
        return None
    return key if key and key.works_at(clock.now()) and key.client.is_active else None


def _note_use(key: ClientKey) -> None:
    """Remember the day, so that keys nobody uses can be found; once a day."""
    today = clock.today()
    if key.last_used_on != today:
        ClientKey.objects.filter(pk=key.pk).update(last_used_on=today)


class KeyScheme(OpenApiAuthenticationExtension):
    """How the description of the API says it."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """A bearer token, in OpenAPI's words."""
        return {"type": "http", "scheme": "bearer", "description": "A key of an API client: `Bearer ims_…`."}
