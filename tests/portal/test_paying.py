"""Paying, as a payer's browser sees it: two bills at once, a failure, two tabs, the back button, no personal data."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ims.common import clock
from ims.correspondence.models import Message
from ims.correspondence.status_links import status_path
from ims.ledger.models import Entry, Posting
from ims.payment_types.models import PaymentType
from ims.payments import gateways
from ims.payments.models import Basket, PaymentAttempt
from tests.portal.conftest import Payer, attempts

pytestmark = pytest.mark.django_db(transaction=True)


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_two_bills_in_one_go_become_one_receipt_of_two_lines(payer: Payer):
    assert payer.bill()["Location"] == "/pay/basket/"
    assert payer.bill("rent", payer.world.rents_account, "£95.50")["Location"] == "/pay/basket/"
    assert "£216.00" in text(payer.get("basket/"))
    result = payer.pays(email="ada@example.org")
    said = text(payer.get(result))
    assert "Payment received" in said
    assert "ada@example.org" in said
    posting = Posting.objects.get()
    assert posting.reference in said
    assert [(entry.fund_id, str(entry.amount)) for entry in posting.entries.order_by("line")] == [
        ("23", "120.50"),
        ("5", "95.50"),
    ]
    message = Message.objects.get()
    assert (message.to, message.purpose) == ("ada@example.org", "receipt")
    for part in (posting.reference, "£216.00", "Council Tax, 700123452: £120.50", "Visa card ending 4242"):
        assert part in message.body
    assert "nothing to pay yet" in text(payer.get("basket/")), "the list is empty afterwards"


def test_a_payment_that_fails_takes_nothing_and_can_be_tried_again(payer: Payer):
    payer.bill()
    result = payer.pays("decline")
    said = text(payer.get(result))
    assert "Nothing was paid. No money was taken." in said
    assert "declined" in said
    assert not Posting.objects.exists()
    again = payer.post(result + "again/")
    back = payer.choose(again["Location"].removeprefix(gateways.STUB_PAGE))
    assert "Payment received" in text(payer.get(back))
    assert [attempt.state for attempt in attempts()] == ["declined", "paid"]
    assert Posting.objects.count() == 1
    assert "Nothing was paid" in text(payer.get(result)), "the first attempt's page stays true"


def test_coming_back_without_paying_is_being_checked_and_can_go_on(payer: Payer):
    payer.bill()
    token = payer.to_card_page()
    result = f"result/{PaymentAttempt.objects.get().return_token}/"
    page = payer.get(result)
    assert "still checking" in text(page)
    assert "Look again now" in text(page)
    again = payer.post(result + "again/")
    assert again["Location"].removeprefix(gateways.STUB_PAGE) == token
    assert PaymentAttempt.objects.count() == 1


def test_the_waiting_page_can_ask_whether_it_is_known_and_is_told_nothing_else(payer: Payer):
    payer.bill()
    token = payer.to_card_page()
    result = f"result/{PaymentAttempt.objects.get().return_token}/"
    assert payer.get(result + "outcome/").json() == {"is_known": False}
    payer.choose(token)
    assert payer.get(result + "outcome/").json() == {"is_known": True}
    assert Posting.objects.count() == 1
    assert payer.get("result/no-such-token/outcome/").status_code == 404


def test_a_second_click_and_the_back_button_meet_the_same_payment(payer: Payer):
    payer.bill()
    token = payer.to_card_page()
    assert payer.post("card/")["Location"].endswith(token)
    assert payer.get("check/").status_code == 200
    payer.choose(token)
    late = payer.post("card/")
    assert late["Location"] == f"/pay/result/{PaymentAttempt.objects.get().return_token}/"
    assert Posting.objects.count() <= 1
    payer.get(f"result/{PaymentAttempt.objects.get().return_token}/")
    assert payer.post("card/")["Location"] in ("/pay/basket/", late["Location"])
    assert Posting.objects.count() == 1


def test_the_same_bill_sent_twice_is_in_the_list_once(payer: Payer):
    for _ in range(2):
        assert payer.bill()["Location"] == "/pay/basket/"
    assert payer.basket.lines.count() == 1
    refused = payer.bill(amount="99.00")
    assert refused.status_code == 400
    assert "in your list already" in text(refused)


def test_another_tab_during_a_payment_begins_a_list_of_its_own(payer: Payer):
    payer.bill()
    payer.to_card_page()
    first = payer.basket
    payer.bill("rent", payer.world.rents_account, "10.00")
    assert payer.basket.pk != first.pk
    assert [line.fund_id for line in payer.basket.lines.all()] == ["5"]
    assert first.lines.count() == 1


def test_after_a_failure_the_list_can_be_changed(payer: Payer):
    payer.bill()
    payer.get(payer.pays("decline"))
    payer.bill("rent", payer.world.rents_account, "10.00")
    assert payer.basket.lines.count() == 2
    assert payer.basket.sealed_at is None


def test_a_bill_can_be_taken_out_twice_without_harm(payer: Payer):
    payer.bill()
    for _ in range(2):
        assert payer.post("basket/remove/", line="1")["Location"] == "/pay/basket/"
    assert "nothing to pay yet" in text(payer.get("basket/"))
    for nonsense in ("", "x", "9" * 40, "²"):
        assert payer.post("basket/remove/", line=nonsense).status_code == 302


def test_an_address_is_asked_for_where_a_bill_needs_it(payer: Payer):
    payer.bill("building-control", "BC/26/1", "50")
    assert payer.get("check/")["Location"] == "/pay/details/"
    refused = payer.post("details/", email="x", name="", postcode="??")
    assert refused.status_code == 400
    said = text(refused)
    for sentence in ("Enter your name.", "Enter the first line", "Enter your town", "like name@example.com"):
        assert sentence in said
    given = {"name": "Ada Moss", "line1": "1 High St", "town": "Barchester", "postcode": "s702dr", "email": ""}
    assert payer.post("details/", **given)["Location"] == "/pay/check/"
    assert payer.basket.postcode == "S70 2DR"
    again = payer.get("details/").content.decode()
    assert 'value="Barchester"' in again
    assert 'value="1 High St"' in again
    assert "1 High St" in text(payer.get("check/"))
    paid = text(payer.get(payer.choose(payer.post("card/")["Location"].removeprefix(gateways.STUB_PAGE))))
    assert "VAT included £8.33" in paid


@pytest.mark.parametrize(
    ("reference", "amount", "sentence"),
    [
        ("", "", "Enter the reference."),
        ("700123452", "", "Enter the amount you want to pay."),
        ("700123452", "ten", "Enter pounds and pence, like 120.50."),
        ("700123452", "1.234", "Enter pounds and pence, like 120.50."),
        ("700123452", "0", "Enter more than £0.00."),
        ("700123452", "-5", "Enter more than £0.00."),
        ("700123452", "9" * 30, "Enter pounds and pence"),
        ("700123453", "1", "do not fit together"),
        ("700099996", "1", "cannot be paid online just now"),
        ("<script>alert(1)</script>", "1", "You entered 25."),
        ("7" * 250, "1", "This is too long."),
    ],
)
def test_what_is_wrong_is_said_precisely_and_safely(payer: Payer, reference: str, amount: str, sentence: str):
    refused = payer.bill(reference=reference or " ", amount=amount)
    assert refused.status_code == 400
    assert sentence in text(refused)
    assert "<script>alert" not in refused.content.decode()
    assert "<title>Error:" in refused.content.decode()


def test_no_page_says_who_owes_what(payer: Payer):
    pages = [payer.bill(), payer.get("basket/"), payer.post("details/", email=""), payer.get("check/")]
    pages.append(payer.get(payer.choose(payer.post("card/")["Location"].removeprefix(gateways.STUB_PAGE))))
    attempt = PaymentAttempt.objects.get()
    pages.append(Client().get(status_path(attempt.return_token)))
    told = " ".join(page.content.decode() for page in pages)
    for secret in ("Moss", "S70 2DR", "1200.00", "1,200"):
        assert secret not in told


def test_guessing_references_is_slowed(payer: Payer):
    answers = [payer.bill(reference=f"70012{number:04d}").status_code for number in range(20)]
    assert answers.count(400) <= 13
    assert answers[-1] == 429
    assert "Wait" in text(payer.bill())


def test_guessing_with_new_sessions_is_slowed_by_address(payer: Payer):
    seen = [Payer(payer.world).bill(reference=f"70012{number:04d}").status_code for number in range(45)]
    assert seen[-1] == 429


def test_has_my_payment_arrived(payer: Payer):
    payer.bill()
    result = payer.pays()
    attempt = PaymentAttempt.objects.get()
    address = status_path(attempt.return_token)
    before = text(Client().get(address))
    assert "We do not know yet." in before
    payer.get(result)
    after = text(Client().get(address))
    assert "Yes. We have received your payment." in after
    assert "reference ending 3452" in after
    assert payer.world.council_tax_account not in after
    assert Client().get(address[:-2] + "x/").status_code == 404
    assert Client().get(f"/pay/status/{attempt.return_token}/").status_code == 404


def test_a_list_left_for_too_long_is_forgotten_with_a_sentence(payer: Payer):
    payer.bill()
    Basket.objects.update(expires_at=clock.now() - timedelta(minutes=1))
    assert "nothing to pay yet" in text(payer.get("basket/"))
    assert payer.get("check/")["Location"] == "/pay/basket/"
    assert payer.post("card/")["Location"] == "/pay/basket/"
    assert payer.bill()["Location"] == "/pay/basket/"
    assert payer.basket.lines.count() == 1


def test_forms_from_elsewhere_are_refused_in_our_own_dress(payer: Payer):
    payer.get("for/rent/")
    refused = payer.browser.post("/pay/for/rent/", {"reference": "1", "amount": "1"})
    assert refused.status_code == 403
    assert "Pay online" in refused.content.decode()
    lost = payer.get("nowhere/")
    assert lost.status_code == 404
    assert "Page not found" in text(lost)
    assert "Sign in" not in text(lost)
    assert payer.get("for/window-tax/").status_code == 404
    assert payer.get("result/nonsense/").status_code == 404
    assert payer.get("for/rent/?x=%00").status_code == 400


def test_the_card_page_may_be_reached_and_nothing_else(payer: Payer):
    payer.bill()
    payer.post("details/", email="")
    policy = payer.get("check/")["Content-Security-Policy"]
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert "'none'" in policy


def test_colours_and_name_are_the_councils(payer: Payer):
    from ims.audit.actors import acting
    from ims.council.models import CouncilDetails
    from tests.support.world import SET_UP

    with acting(SET_UP, "Test"):
        CouncilDetails.objects.create(name="Barchester", logo_text="City of Barchester", brand_colour="#400040")
    page = payer.get("").content.decode()
    assert "City of Barchester" in page
    assert "--pay-brand:#400040" in payer.get("brand.css").content.decode()
    assert payer.get("brand.css")["Content-Type"].startswith("text/css")


def test_entries_are_posted_by_the_card_desk_whoever_looked(payer: Payer):
    payer.bill()
    payer.get(payer.pays())
    assert Entry.objects.get().posting.actor_name == "Card payments"


def test_the_staff_sign_in_shows_payers_the_way_while_there_is_something_to_pay(payer: Payer):
    staff_page = reverse("account_login")
    assert "Pay a bill online" in Client().get(staff_page).content.decode()
    PaymentType.objects.update(is_active=False)
    assert "Pay a bill online" not in Client().get(staff_page).content.decode()
