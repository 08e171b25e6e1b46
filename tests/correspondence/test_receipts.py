"""Receipts: written with the payment, sent once by a job, retried, followed to the end; no reason to lose money."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections, transaction
from django.urls import reverse

from ims.audit.actors import acting
from ims.audit.models import Event
from ims.common import clock, masking
from ims.common.errors import NotAllowed, NotFound
from ims.correspondence import composing, rules
from ims.correspondence.actors import POST_ROOM
from ims.correspondence.errors import CorrespondenceRefusal
from ims.correspondence.models import CarrierAccount, Message, Wording
from ims.correspondence.services import sending, writing
from ims.council.models import CouncilDetails
from ims.jobs.models import JobRun
from ims.ledger.models import Posting
from ims.payments import observers
from ims.payments.services import NewLine, Payer
from ims.providers.messages import Fate
from tests.correspondence.doubles import KEY, TEMPLATE, mail, notify
from tests.payments.conftest import Desk, build_desk, own_books
from tests.support.world import SET_UP, World, person

__all__ = ["own_books"]
pytestmark = pytest.mark.django_db(transaction=True)
S = Message.State


@pytest.fixture
def desk(world_committed: World) -> Desk:
    return build_desk(world_committed)


@pytest.fixture
def double(settings):
    keys = {"notify-key": KEY, "main-signing": "first secret"}
    settings.NAMED_SECRET = lambda name: keys.get(name, "")
    settings.PUBLIC_ADDRESS = "https://pay.example.gov.uk"
    with notify() as running, acting(SET_UP, "Test"):
        for channel in ("email", "text", "letter"):
            CarrierAccount.objects.create(
                channel=channel, kind="govuk_notify", key_name="notify-key", template=TEMPLATE, base_url=running.address
            )
        yield running


def due(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(due_at=clock.now() - timedelta(seconds=1))


def send(message: Message) -> Message:
    due(message)
    sending.send(actor=POST_ROOM, message_id=message.pk)
    return Message.objects.get(pk=message.pk)


def test_a_receipt_is_written_with_the_payment_and_sent_once(desk: Desk, double):
    desk.paid("145.00")
    message = Message.objects.get()
    assert message.state == S.WAITING
    assert JobRun.objects.filter(task="correspondence.send", subject_id=str(message.pk)).count() == 1
    message = send(message)
    assert message.state == S.SENT
    assert send(message).state == S.SENT
    taken = double.taken
    assert len(taken) == 1
    assert taken[0]["email_address"] == "ada@example.org"
    assert taken[0]["reference"] == f"ims-message-{message.pk}"
    told = taken[0]["personalisation"]
    posting = Posting.objects.get(pk=message.posting_id)
    assert told["subject"] == "Receipt for your payment to Model Council"
    for part in (posting.reference, "Total: £145.00", "700123452: £145.00", "https://pay.example.gov.uk/pay/status/"):
        assert part in told["body"]
    assert "VAT" not in told["body"]
    assert "((" not in told["body"]


def test_vat_and_the_councils_number_stand_on_the_receipt(desk: Desk, double):
    with acting(SET_UP, "Test"):
        CouncilDetails.objects.create(vat_number="980780684", telephone="01632 960001")
    started = desk.start(_basket(desk, [NewLine(fund="31", amount=Decimal("120.00"), account_reference="BC/1")]))
    desk.choose(started)
    from ims.payments.dealings import refresh

    refresh(actor=desk.public, attempt_id=started.attempt.pk)
    body = Message.objects.get().body
    assert "(includes VAT at 20%: £20.00)" in body
    assert "VAT included: £20.00. VAT registration number: 980780684." in body
    assert "telephone 01632 960001" in body


def _basket(desk: Desk, lines: list[NewLine], **payer: str):
    from ims.payments.services import open_basket

    who = Payer(**{"name": "Ada", "email": "ada@example.org", **payer})
    return open_basket(actor=desk.public, channel="online", lines=lines, payer=who)


def test_a_payment_rolled_back_writes_no_receipt(desk: Desk, double):
    attempt = desk.paid("10.00")
    Message.objects.all().delete()
    with pytest.raises(RuntimeError), transaction.atomic():
        observers.tell("paid", attempt)
        raise RuntimeError
    assert not Message.objects.exists()


def test_being_told_twice_writes_one_receipt(desk: Desk, double):
    attempt = desk.paid("10.00")
    for _ in range(3):
        observers.tell("paid", attempt)
    assert Message.objects.count() == 1


def test_nobody_asked_for_a_receipt(desk: Desk, double):
    desk.paid("10.00", payer=Payer())
    assert not Message.objects.exists()


def test_an_answer_that_is_lost_never_means_two_receipts(desk: Desk, double):
    desk.paid("10.00")
    double.trouble = ["lost"]
    message = send(Message.objects.get())
    assert (message.state, message.may_have_gone) == (S.WAITING, True)
    message = send(message)
    assert message.state == S.SENT
    assert len(double.taken) == 1
    assert message.carrier_id == double.taken[0]["id"]


def test_what_was_not_taken_is_tried_again_with_patience_and_then_given_up(desk: Desk, double):
    desk.paid("10.00")
    double.trouble = ["drop", "500", "429", *["500"] * 20]
    message = Message.objects.get()
    for _ in range(rules.MOST_TRIES):
        message = send(message)
    assert message.state == S.FAILED
    assert "given up" in message.failure
    assert not double.taken
    assert Event.objects.filter(verb="message_not_sent").count() == 1
    assert Posting.objects.count() == 1, "the money is where it was"


def test_patience_grows_and_ends():
    waits = [rules.wait_after(tries) for tries in range(1, rules.MOST_TRIES)]
    assert waits == sorted(waits)
    assert timedelta(days=1) < sum(waits, timedelta()) < timedelta(days=5)
    assert rules.wait_after(rules.MOST_TRIES) is None


def test_a_wrong_address_is_refused_and_seen(desk: Desk, double):
    desk.paid("10.00", payer=Payer(email="not-an-address"))
    message = send(Message.objects.get())
    assert message.state == S.FAILED
    assert "Not a valid email address" in message.failure


def test_what_became_of_it_is_asked_and_heard(desk: Desk, double):
    desk.paid("10.00")
    message = send(Message.objects.get())
    double.status(message.reference, "delivered")
    due(message)
    sending.send_due(actor=POST_ROOM)
    message.refresh_from_db()
    assert (message.state, message.carrier_word) == (S.DELIVERED, "delivered")
    sending.hear(actor=POST_ROOM, message_id=message.pk, fate=Fate.BOUNCED, word="permanent-failure")
    message.refresh_from_db()
    assert message.state == S.DELIVERED, "what is finished stays as it was"


def test_a_bounce_is_visible(desk: Desk, double):
    desk.paid("10.00")
    message = send(Message.objects.get())
    double.status(message.reference, "permanent-failure")
    sending.ask_after(actor=POST_ROOM, message_id=message.pk)
    message.refresh_from_db()
    assert message.state == S.FAILED
    assert "address is wrong" in message.failure
    assert Event.objects.filter(verb="message_not_delivered").exists()


def test_two_workers_send_one_message_once(desk: Desk, double):
    desk.paid("10.00")
    message = Message.objects.get()
    due(message)

    def work(_: int) -> None:
        try:
            sending.send(actor=POST_ROOM, message_id=message.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(double.taken) == 1


def test_a_worker_killed_while_sending_is_followed_up(desk: Desk, double):
    desk.paid("10.00")
    message = Message.objects.get()
    Message.objects.filter(pk=message.pk).update(state=S.SENDING, due_at=clock.now() - timedelta(minutes=1))
    sending.send_due(actor=POST_ROOM)
    message.refresh_from_db()
    assert message.state == S.SENT
    assert len(double.taken) == 1


def test_a_copy_is_marked_counted_and_on_record(desk: Desk, double):
    desk.paid("10.00")
    first = send(Message.objects.get())
    officer = person("Olu", "correspondence.send_message")
    copy = writing.send_again(actor=officer, message_id=first.pk, to="new@example.org", reason="Changed address")
    assert copy.copy_of_id == first.pk
    assert "This is a copy of a receipt we sent before." in copy.body
    assert copy.to == "new@example.org"
    assert writing.send_again(actor=officer, message_id=first.pk, reason="Once more").pk != copy.pk
    assert Event.objects.filter(verb="receipt_sent_again").count() == 2
    with pytest.raises(CorrespondenceRefusal, match="no e-mail address"):
        writing.send_again(actor=officer, message_id=first.pk, to="a@example.org\nBcc: b@example.org", reason="x")
    with pytest.raises(NotAllowed):
        writing.send_again(actor=person("Nobody"), message_id=first.pk, reason="x")
    with pytest.raises(NotFound):
        writing.send_again(
            actor=person("Housing", "correspondence.send_message", funds=frozenset({"5"})),
            message_id=first.pk,
            reason="x",
        )


def test_only_receipts_are_sent_again(desk: Desk, double):
    attempt = desk.paid("10.00")
    writing.write_undone(actor=POST_ROOM, attempt=attempt)
    undone = Message.objects.get(purpose="undone")
    with pytest.raises(CorrespondenceRefusal):
        writing.send_again(actor=person("Olu", "correspondence.send_message"), message_id=undone.pk, reason="x")


def test_welsh_payers_get_welsh(desk: Desk, double):
    desk.paid("10.00", language="cy")
    body = Message.objects.get().body
    assert "Diolch am eich taliad." in body
    assert "Cyfanswm: £10.00" in body


def test_the_councils_own_words_come_first_and_by_fund(desk: Desk, double):
    with acting(SET_UP, "Test"):
        Wording.objects.create(purpose="receipt", channel="email", subject="Thanks", body="General ((total))")
        Wording.objects.create(
            purpose="receipt",
            channel="email",
            fund_id="23",
            subject="Council Tax",
            body="Tax ((total)) ((receipt_number))",
        )
    assert composing.wording("receipt", "email", "en", ["23", "23"]).subject == "Council Tax"
    assert composing.wording("receipt", "email", "en", ["23", "5"]).subject == "Thanks"
    assert "Diolch" in composing.wording("receipt", "email", "cy", ["23"]).body
    desk.paid("10.00")
    assert Message.objects.get().body.startswith("Tax £10.00 CRD-")


def test_a_place_that_is_none_is_refused():
    assert "((amonut))" in rules.wording_fault("Pay ((amonut))", "receipt")
    assert rules.wording_fault("((total)) ((vat))", "receipt") == ""


def test_empty_places_leave_no_gap():
    assert rules.filled("A\n((copy))\n\n\n((vat))\nB ((total))", {"total": "£1", "copy": "", "vat": ""}) == "A\n\nB £1"


def test_text_that_a_carrier_would_make_a_link_of_is_plain():
    assert rules.plain("[pay](https://evil.example) # now") == "pay evil.example now"


def test_a_mail_server_takes_it(desk: Desk, settings):
    with mail() as server, acting(SET_UP, "Test"):
        CarrierAccount.objects.create(
            channel="email",
            kind="smtp",
            host="127.0.0.1",
            port=server.port,
            security="none",
            sender="pay@council.example",
        )
        desk.paid("10.00")
        message = send(Message.objects.get())
        assert message.state == S.SENT
        assert "To: ada@example.org" in server.taken[0]
        assert f"Message-ID: <ims-message-{message.pk}@council.example>" in server.taken[0]


@pytest.mark.parametrize(
    ("trouble", "state", "said"),
    [
        ("450", S.WAITING, "just now"),
        ("550", S.FAILED, "refused the message"),
        ("drop", S.FAILED, "may have been sent or not"),
    ],
)
def test_a_mail_server_that_fails(desk: Desk, trouble: str, state: str, said: str):
    with mail() as server, acting(SET_UP, "Test"):
        server.trouble = trouble
        CarrierAccount.objects.create(
            channel="email",
            kind="smtp",
            host="127.0.0.1",
            port=server.port,
            security="none",
            sender="pay@council.example",
        )
        desk.paid("10.00")
        message = send(Message.objects.get())
    assert message.state == state
    assert said in message.failure


def test_no_mail_server_at_all_is_tried_again(desk: Desk):
    with acting(SET_UP, "Test"):
        CarrierAccount.objects.create(
            channel="email", kind="smtp", host="127.0.0.1", port=1, security="none", sender="pay@council.example"
        )
    desk.paid("10.00")
    assert send(Message.objects.get()).state == S.WAITING


def test_without_a_carrier_the_failure_is_seen_and_the_money_stands(desk: Desk):
    desk.paid("10.00")
    message = send(Message.objects.get())
    assert message.state == S.FAILED
    assert "No carrier is set up" in message.failure
    assert Posting.objects.count() == 1


def test_a_payment_undone_is_told(desk: Desk, double):
    attempt = desk.paid("10.00")
    desk.provider.fail_after_success(attempt.provider_id)
    from ims.payments.dealings import refresh

    refresh(actor=desk.public, attempt_id=attempt.pk)
    undone = Message.objects.get(purpose="undone")
    assert "no longer holds" in undone.body
    assert Posting.objects.filter(kind="reversal").count() == 1
    receipt = Message.objects.get(purpose="receipt")
    with pytest.raises(CorrespondenceRefusal, match="was reversed"):
        writing.send_again(actor=person("Olu", "correspondence.send_message"), message_id=receipt.pk, reason="Lost")


def test_addresses_are_masked_for_lists():
    assert masking.contact("ada.moss@example.org") == "a•••@example.org"
    assert masking.contact("07700900123") == "•••0123"
    assert masking.contact("1 High St\nBarchester\nS70 2DR") == "S70 •••"
    assert masking.contact(masking.contact("ada.moss@example.org")) == "a•••@example.org"
    said = masking.contacts_within("550 <ada.moss@example.org>: no such user, ring +44 7700 900123.")
    assert said == "550 <a•••@example.org>: no such user, ring •••0123."


ADDRESS = ("Mrs Ada Moss", "1 High Street", "Barchester", "S70 2dr")


@pytest.fixture
def posted(desk: Desk, double):
    """A payment whose payer gave neither e-mail address nor number, and who may have letters sent."""
    attempt = desk.paid("10.00", payer=Payer(name="Ada Moss"))
    clerk = person("Clerk", "correspondence.send_message", "payments.view_paymentattempt")

    def post(address=ADDRESS, key: str = "k", actor=clerk):
        return writing.post_receipt(
            actor=actor, attempt_id=attempt.pk, address=address, reason="Asked for on paper", key=key
        )

    return post


def test_a_receipt_goes_by_post_once_and_a_second_is_a_copy(posted, double):
    letter = posted()
    assert posted() == letter  # a second click
    assert send(letter).state == S.SENT
    [taken] = double.taken
    assert taken["type"] == "letter"
    lines = [taken["personalisation"][f"address_line_{number}"] for number in (1, 2, 3, 4)]
    assert lines == ["Mrs Ada Moss", "1 High Street", "Barchester", "S70 2DR"]
    assert "£10.00" in taken["personalisation"]["body"]
    assert Event.objects.filter(verb="receipt_posted").count() == 1
    again = posted(key="another day")
    assert again.copy_of == letter
    assert "This is a copy" in again.body
    clerk = person("Clerk", "correspondence.send_message")
    with pytest.raises(CorrespondenceRefusal, match="has 1 lines"):
        writing.send_again(actor=clerk, message_id=letter.pk, to="ada@example.org", reason="Lost")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (("Ada Moss", "S70 2DR"), "has 2 lines"),
        ((*["x"] * 7, "S70 2DR"), "has 8 lines"),
        (("Ada Moss", "1 High Street", "Barchester"), "not a British postcode"),
        (("=Ada", "1 High Street", "S70 2DR"), "begins with a sign"),
    ],
)
def test_an_address_that_notify_would_refuse_is_refused_before(posted, double, address, said: str):
    with pytest.raises(CorrespondenceRefusal, match=said):
        posted(address)
    assert not Message.objects.exists()


def test_no_letter_without_a_carrier_a_right_or_a_receipt(posted, desk: Desk):
    with pytest.raises(NotAllowed):
        posted(actor=person("Nobody"))
    with pytest.raises(NotFound):
        posted(actor=person("Elsewhere", "correspondence.send_message", funds=frozenset({"5"})))
    open_still = desk.start(desk.basket("9.00")).attempt
    clerk = person("Second", "correspondence.send_message", "payments.view_paymentattempt")
    with pytest.raises(CorrespondenceRefusal, match="no receipt"):
        writing.post_receipt(actor=clerk, attempt_id=open_still.pk, address=ADDRESS, reason="x", key="k")
    with acting(SET_UP, "Test"):
        CarrierAccount.objects.filter(channel="letter").update(is_active=False)
    with pytest.raises(CorrespondenceRefusal, match="No carrier of letters"):
        posted()


def test_a_letter_that_comes_back_weeks_later_is_heard_and_kept(posted, settings, client):
    names = {"notify-key": KEY, "callback": "a token of our own"}
    settings.NAMED_SECRET = lambda name: names.get(name, "")
    CarrierAccount.objects.filter(channel="letter").update(callback_token_name="callback")
    letter = send(posted())
    sending.hear(actor=POST_ROOM, message_id=letter.pk, fate=Fate.DELIVERED, word="received")
    told = {"notification_id": letter.carrier_id, "reference": letter.reference, "date_sent": "2026-11-01T10:00:00Z"}

    def tell(token: str) -> int:
        return client.post(
            reverse("api:notify-delivery"), told, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {token}"
        ).status_code

    assert tell("forged") == 403
    letter.refresh_from_db()
    assert letter.state == S.DELIVERED
    assert tell("a token of our own") == tell("a token of our own") == 200
    letter.refresh_from_db()
    assert (letter.state, letter.carrier_word) == (S.FAILED, "returned-letter")
    assert "came back" in letter.failure
    assert Event.objects.filter(verb="message_not_delivered").count() == 1
