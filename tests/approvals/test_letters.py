"""E-mails to those who may decide."""

from __future__ import annotations

import pytest
from django.core import mail

from ims.approvals import letters, services
from ims.approvals.models import Request
from ims.audit.actors import Actor, acting
from ims.people.models import User
from tests.support.world import SET_UP, World


@pytest.fixture
def waiting(world: World, limited: str, olu: Actor, mina: Actor, fran: Actor) -> Request:
    with acting(SET_UP, "Test set-up"):
        for each in (olu, mina, fran):
            person = User.objects.get(pk=each.identifier)
            person.email = f"{person.username}@council.example"
            person.save()
    payload = {"amount": "1500.00", "reference": world.council_tax_account, "key": "k"}
    return services.request(actor=olu, kind=limited, payload=payload, reason="The bank says so")


def test_who_may_decide_is_written_to_and_nobody_else(waiting: Request, settings):
    settings.EMAIL_URL, settings.ADDRESS = "smtp://localhost", "https://ims.council.example"
    assert letters.tell(waiting.pk) == "1 of those who may approve it were written to"
    [letter] = mail.outbox
    assert letter.to == ["fran@council.example"]
    assert letter.subject == f"Test receipt of £1,500.00 waits for approval (request {waiting.pk})"
    assert f"https://ims.council.example/approvals/{waiting.pk}/" in letter.body
    assert waiting.summary not in letter.body  # it names an account


def test_nothing_is_sent_without_a_server_or_once_it_is_decided(waiting: Request, settings, fran: Actor):
    assert "nothing was sent" in letters.tell(waiting.pk)
    settings.EMAIL_URL = "smtp://localhost"
    services.reject(actor=fran, request_id=waiting.pk, reason="No")
    assert "nothing was sent" in letters.tell(waiting.pk)
    assert mail.outbox == []
