"""Payouts and the bank's lines, matched by people: sums, refusals, taking a match back, two at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.urls import reverse

from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import NotAllowed
from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.ledger.services import post_receipts
from ims.ledger.services import reverse as reverse_posting
from ims.payments import checks
from ims.payments.actors import CARD_DESK
from ims.payments.errors import PaymentRefusal
from ims.payments.models import Payout
from ims.payments.reading import read_payouts
from ims.payments.services.settlement import match_payout, match_payouts, unmatch_payout
from ims.payments.transit import bank_credits, in_transit
from tests.console.conftest import add_people
from tests.payments.conftest import Desk
from tests.support.world import SET_UP, person

OFFICER = "payments.match_payout"


def paid_out(desk: Desk, amount: str, days_ago: int = 1) -> Payout:
    desk.paid(amount)
    desk.provider.settle(clock.today() - timedelta(days=days_ago))
    [payout] = read_payouts(actor=CARD_DESK, service=desk.service)
    return payout


def credit(amount: Decimal, key: str = "bank", narrative: str = "PRACTICE PAY") -> Entry:
    line = Line(fund="CC", amount=amount, method_of_payment="28", narrative=narrative)
    return post_receipts(actor=SET_UP, lines=[line], source_kind="test", source_key=key).posting.entries.get()


def test_two_payouts_in_one_sum_are_matched_and_taken_back_together(desk: Desk):
    first, second = paid_out(desk, "100.00", 2), paid_out(desk, "50.00")
    entry = credit(first.net + second.net)
    officer = person("Officer", OFFICER)
    with pytest.raises(PaymentRefusal, match="differ"):
        match_payout(actor=officer, payout_ids=[first.pk], entry_id=entry.pk)
    match_payout(actor=officer, payout_ids=[first.pk, second.pk], entry_id=entry.pk)
    assert in_transit().not_in_bank == 0
    with pytest.raises(PaymentRefusal, match="reason"):
        unmatch_payout(actor=officer, payout_id=first.pk, reason=" ")
    with pytest.raises(NotAllowed):
        unmatch_payout(actor=person("Nobody"), payout_id=first.pk, reason="x")
    assert len(unmatch_payout(actor=officer, payout_id=first.pk, reason="Another provider's line")) == 2
    assert in_transit().not_in_bank == first.net + second.net
    assert Event.objects.filter(verb="payout_unmatched").count() == 2
    with pytest.raises(PaymentRefusal, match="not matched"):
        unmatch_payout(actor=officer, payout_id=second.pk, reason="Again")


def test_a_payout_is_found_in_nothing_but_a_credit_that_is_still_there(desk: Desk):
    payout = paid_out(desk, "100.00")
    entry = credit(payout.net)
    matched = {"actor": person("Officer", OFFICER), "payout_ids": [payout.pk]}
    match_payout(**matched, entry_id=entry.pk)
    back = reverse_posting(actor=SET_UP, posting_id=entry.posting_id, reason="Wrong file")
    assert "payments.payout_reversed" in {finding.check for finding in checks.verify()}
    unmatch_payout(actor=person("Officer", OFFICER), payout_id=payout.pk, reason="Its file was reversed")
    assert bank_credits(payout) == []
    with pytest.raises(PaymentRefusal, match="moved or reversed"):
        match_payout(**matched, entry_id=entry.pk)
    with pytest.raises(PaymentRefusal, match="no credit of the bank"):
        match_payout(**matched, entry_id=back.entries.get().pk)
    match_payout(**matched, entry_id=credit(payout.net, "again").pk)


def test_what_a_person_took_apart_is_not_matched_again_by_itself(desk: Desk):
    payout = paid_out(desk, "100.00")
    entry = credit(payout.net)
    assert match_payouts(actor=CARD_DESK) == 1
    unmatch_payout(actor=person("Officer", OFFICER), payout_id=payout.pk, reason="Belongs to another day")
    assert match_payouts(actor=CARD_DESK) == 0
    assert bank_credits(payout) == [entry]


def test_the_screen_shows_the_nearest_line_first_and_matches_several(desk: Desk, client):
    first, second = paid_out(desk, "100.00", 2), paid_out(desk, "50.00")
    odd, both = credit(Decimal("7.00"), "odd", "OTHER"), credit(first.net + second.net, "both", "OTHER")
    client.force_login(add_people()["Income manager"])
    url = reverse("payments:payout", args=[first.pk])
    page = client.get(url).content.decode()
    assert page.index(both.receipt_number) < page.index(odd.receipt_number)
    refused = client.post(url, {"entry": str(both.pk)}).content.decode()
    assert "they differ, and are not matched" in refused
    done = client.post(url, {"entry": str(both.pk), "others": [str(second.pk)]}, follow=True).content.decode()
    assert "is matched with the bank" in done
    assert "In one sum with" in done
    back = reverse("payments:unmatch", args=[first.pk])
    assert "required" in client.post(back, {"reason": ""}).content.decode()
    undone = client.post(back, {"reason": "Wrong day"}, follow=True).content.decode()
    assert "is not matched with the bank any more" in undone
    assert not Payout.objects.filter(bank_entry__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_give_a_credit_away_once(desk_committed: Desk):
    first, second = paid_out(desk_committed, "100.00", 2), paid_out(desk_committed, "100.00")
    assert first.net == second.net
    entry = credit(first.net)

    def match(payout: Payout) -> bool:
        try:
            return bool(match_payout(actor=CARD_DESK, payout_ids=[payout.pk], entry_id=entry.pk))
        except PaymentRefusal:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as people:
        assert sorted(people.map(match, (first, second))) == [False, True]
    assert Payout.objects.filter(bank_entry=entry).count() == 1
