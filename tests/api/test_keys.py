"""Clients and their keys: shown once, stored hashed, ended at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ims.api.errors import ClientRefusal
from ims.api.keys import digest_of
from ims.api.models import Client, ClientKey
from ims.api.services.clients import MOST_KEYS, issue_key, revoke_key
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import NotAllowed
from tests.api.conftest import add_client
from tests.support.world import SET_UP, World, person

ADMINISTRATOR = person("Ann Admin", "api.issue_key")


@pytest.fixture
def client_record(world: World) -> Client:
    return add_client("E-forms", "receipts:read")[0]


def issue(client: Client, days: int = 30, actor=ADMINISTRATOR):
    return issue_key(actor=actor, client=client, expires_on=clock.today() + timedelta(days=days), reason="New server")


def test_only_a_hash_is_kept_and_the_trail_names_who_issued_it(client_record: Client):
    issued = issue(client_record)
    assert issued.secret not in str(ClientKey.objects.values_list())
    assert ClientKey.objects.get(prefix=issued.key.prefix).digest == digest_of(issued.secret)
    event = Event.objects.filter(verb="api_key_issued").first()
    assert (event.actor_name, event.reason, event.data["key"]) == ("Ann Admin", "New server", issued.key.prefix)
    assert issued.secret not in str(list(Event.objects.values_list()))


def test_two_keys_at_once_and_no_third(client_record: Client):
    second = issue(client_record)
    with pytest.raises(ClientRefusal, match=f"has {MOST_KEYS} keys"):
        issue(client_record)
    revoke_key(actor=ADMINISTRATOR, key=second.key, reason="Lost")
    issue(client_record)


@pytest.mark.parametrize("days", [-1, 0, 401])
def test_a_key_ends_neither_too_early_nor_too_late(client_record: Client, days: int):
    with pytest.raises(ClientRefusal, match="ends between tomorrow"):
        issue(client_record, days)


def test_revoking_twice_is_recorded_once(client_record: Client):
    issued = issue(client_record)
    for _ in range(2):
        revoke_key(actor=ADMINISTRATOR, key=issued.key, reason="Lost")
    assert Event.objects.filter(verb="api_key_revoked").count() == 1


def test_nobody_else_issues_or_revokes(client_record: Client):
    with pytest.raises(NotAllowed):
        issue(client_record, actor=person("Olu Officer", "api.change_client"))
    with pytest.raises(NotAllowed):
        revoke_key(actor=person("Olu Officer"), key=client_record.keys.get(), reason="x")


def test_a_client_out_of_use_gets_no_key(client_record: Client):
    client_record.is_active = False
    client_record.save()
    with pytest.raises(ClientRefusal, match="out of use"):
        issue(client_record, actor=SET_UP)
