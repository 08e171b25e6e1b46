"""What every resource of the API shares: who calls, how often, as whom; and writes that are done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, ClassVar

from django.db import connection
from rest_framework.exceptions import NotAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ims.api import limits
from ims.api.authentication import MISSING
from ims.api.errors import KeyMissing, KeySpent, StillWorking
from ims.api.models import Client, SpentKey
from ims.api.scopes import SCOPES, actor_for
from ims.audit.actors import Actor, acting, authorise
from ims.people.middleware import address_of

Handler = Callable[..., Response]

REPLAYED = "Idempotent-Replayed"
LONGEST_KEY = 255


class Endpoint(APIView):
    """One address of the API, open to clients that hold one of `scopes`.

    The services and selectors behind it ask for the same permissions again: a scope is nothing but a set of them.
    """

    scopes: ClassVar[tuple[str, ...]]
    actor: Actor
    client: Client

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find out who calls, count the call, and act as them until it is answered."""
        self._until_answered = ExitStack()
        # Read before the parser does, so that a write can be recognised when it is sent again.
        self.sent = request._request.body
        super().initial(request, *args, **kwargs)
        if not isinstance(request.user, Client):
            raise NotAuthenticated(MISSING)
        self.client = request.user
        limits.count_call(self.client)
        self.actor = actor_for(self.client, address=address_of(request._request))
        self._authorise()
        self._until_answered.enter_context(acting(self.actor))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Nothing of the API is kept by a cache on the way."""
        if hasattr(self, "_until_answered"):
            self._until_answered.close()
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def _authorise(self) -> None:
        wanted = [SCOPES[name] for name in self.scopes]
        if any(scope.permissions <= self.actor.permissions for scope in wanted):
            return
        for permission in sorted(wanted[0].permissions):
            authorise(self.actor, permission, what=f"use this address: it needs the scope {wanted[0].name}")


def once(handler: Handler) -> Handler:
    """A write that the caller may send again: the second time it is answered as the first, and nothing is done.

    The caller names the request with the header ``Idempotency-Key``. A key is spent by the first request that
    succeeds; sent with another request it is refused (422), and while the first is being worked on (409). What the
    handler calls must itself find what it made before, by the client and the key: a process may die between the act
    and the note of it.
    """

    @wraps(handler)
    def guarded(self: Endpoint, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key_of(request)
        asked = hashlib.sha256(b"\0".join([request.method.encode(), request.get_full_path().encode(), self.sent]))
        with _one_at_a_time(f"{self.client.pk}:{key}"):
            spent = SpentKey.objects.filter(client=self.client, key=key).first()
            if spent is not None:
                return _as_before(spent, asked.hexdigest())
            response = handler(self, request, *args, **kwargs)
            if response.status_code < 300:
                answer = json.loads(JSONRenderer().render(response.data))
                SpentKey.objects.create(
                    client=self.client, key=key, request=asked.hexdigest(), status=response.status_code, answer=answer
                )
            return response

    guarded.is_done_once = True  # type: ignore[attr-defined] - read by the description of the API
    return guarded


def own_key(endpoint: Endpoint, request: Request) -> str:
    """The natural key of what a write makes: the client and its idempotency key."""
    return f"{endpoint.client.pk}:{_key_of(request)}"


def _key_of(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        raise KeyMissing(
            "Send the header Idempotency-Key with every write: a name of your own for this request, such as a UUID, "
            "and the same name if you send it again."
        )
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise KeyMissing(f"An Idempotency-Key has up to {LONGEST_KEY} plain letters, digits and signs.")
    return key


def _as_before(spent: SpentKey, asked: str) -> Response:
    if spent.request != asked:
        raise KeySpent(
            "This Idempotency-Key was used for another request. Use a new key, or send the first request unchanged."
        )
    return Response(spent.answer, status=spent.status, headers={REPLAYED: "true"})


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Hold a lock named `name`, which PostgreSQL lets go of when this process dies. Raises `StillWorking`."""
    number = int.from_bytes(hashlib.sha256(f"ims.api:{name}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise StillWorking("The same request is being worked on just now. Send it again in a few seconds.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
