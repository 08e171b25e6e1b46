"""Retention on screen, from the rule to the certificate."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ims.approvals import services as approvals
from ims.approvals.models import Request
from ims.people.selectors import actor_for
from ims.records import services
from ims.records.models import Disposal, Hold, RetentionRule
from tests.records.test_retention import people, receipts  # noqa: F401 - fixtures


@pytest.fixture
def client(people):  # noqa: F811
    signed_in = Client()
    signed_in.force_login(people["Administrator"])
    return signed_in


def test_a_rule_is_changed_with_a_reason(client):
    address = reverse("records:rule", args=["suspense_notes"])
    sent = {"months": "12", "counted_from": "day", "basis": "Decision 12", "is_active": "on", "reason": ""}
    assert b"required" in client.post(address, sent).content
    client.post(address, {**sent, "reason": "Shorter"})
    assert RetentionRule.objects.get(record_class="suspense_notes").months == 12


def test_a_hold_is_placed_and_lifted(client):
    client.post(reverse("records:hold"), {"reference": "700123452", "reason": "Claim 7"})
    hold = Hold.objects.get()
    assert b"Claim 7" in client.get(reverse("records:index")).content
    client.post(reverse("records:lift", args=[hold.pk]), {"reason": "Settled"})
    hold.refresh_from_db()
    assert hold.lifted_at is not None
    assert client.post(reverse("records:lift", args=[999]), {"reason": "x"}).status_code == 404


def test_from_asking_to_the_certificate(client, people, receipts):  # noqa: F811
    ask = reverse("records:ask", args=["ledger_text"])
    assert b"cannot be brought back" in client.get(ask).content
    answer = client.post(ask, {"reason": "Yearly"}, follow=True)
    assert b"waits for a second person" in answer.content
    approvals.approve(actor=actor_for(people["Second"]), request_id=Request.objects.get().pk)
    disposal = Disposal.objects.get()
    services.carry_out(actor=actor_for(people["Administrator"]), disposal_id=disposal.pk)
    page = client.get(reverse("records:disposal", args=[disposal.pk]))
    assert b"Certificate of disposal" in page.content
    assert b"Second Administrator" in page.content
    file = client.get(reverse("records:certificate", args=[disposal.pk]))
    disposal.refresh_from_db()
    assert file.content.decode() == disposal.certificate
