"""A page of history is to be looked at: nobody writes a record back through it, whoever they are."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ims.funds.models import Fund


@pytest.mark.parametrize("role", ["Auditor", "Income officer", "Administrator"])
def test_a_row_of_history_cannot_be_sent_back_as_a_change(everything, role):
    fund = Fund.objects.get(code="31")
    client = Client()
    client.force_login(everything.people[role])
    address = reverse("admin:funds_fund_simple_history", args=["31", fund.history.first().pk])
    sent = {"code": "31", "name": "Taken over", "vat_code": "W0", "reference_label": "x", "change_reason": "Because"}
    answer = client.post(address, sent)
    fund.refresh_from_db()
    assert fund.name == "Building Control"
    assert answer.status_code in (403, 405)
