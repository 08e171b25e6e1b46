"""Clients of the API, and a way to call it over real HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from ims.api.models import Client
from ims.api.scopes import SCOPES
from ims.api.services.clients import issue_key
from ims.audit.actors import acting
from ims.common import clock
from tests.support.world import SET_UP, World, add_payment_types


def add_client(name: str = "E-forms", *scopes: str, funds: tuple[str, ...] = (), **more: Any) -> tuple[Client, str]:
    """A client with `scopes` (every one unless told) for `funds` (every fund unless told), and its key."""
    with acting(SET_UP, "Test set-up"):
        client = Client.objects.create(
            name=name,
            purpose="Tests",
            contact="tests@example.org",
            scopes=list(scopes or SCOPES),
            every_fund=not funds,
            funds=list(funds),
            **{"calls_a_minute": 10_000, **more},
        )
    issued = issue_key(actor=SET_UP, client=client, expires_on=clock.today() + timedelta(days=30), reason="Test set-up")
    return client, issued.secret


@dataclass
class Caller:
    """Another system: it speaks HTTP and knows its key."""

    root: str
    secret: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return requests.get(self.root + path, params=parameters, headers=self._all(), timeout=30)

    def post(self, path: str, body: Any = None, *, key: str | None = "") -> requests.Response:
        headers = self._all()
        if key is not None:
            headers["Idempotency-Key"] = key or str(uuid4())
        return requests.post(self.root + path, json=body, headers=headers, timeout=30)

    def _all(self) -> dict[str, str]:
        known = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return {**known, **self.headers}


@pytest.fixture
def paying(world_committed: World) -> World:
    add_payment_types()
    return world_committed


@pytest.fixture
def call(paying: World, live_server: Any):
    """Make a caller: ``call("receipts:read", funds=("23",))``."""

    def start(*scopes: str, name: str = "", **options: Any) -> Caller:
        _, secret = add_client(name or f"System {uuid4().hex[:8]}", *scopes, **options)
        return Caller(live_server.url + "/api/v1/", secret)

    return start


@pytest.fixture
def stranger(live_server: Any) -> Caller:
    return Caller(live_server.url + "/api/v1/", "")
