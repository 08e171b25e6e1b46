"""A provider's list of payments, imported beside a service that IMS is connected to: nothing is counted twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.urls import reverse

from ims.audit.actors import acting
from ims.common import clock
from ims.funds.models import Fund
from ims.imports import elsewhere, services
from ims.imports.errors import ImportRefusal, WorldMoved
from ims.imports.models import ImportBatch, ImportRow
from ims.ledger.models import Entry
from ims.payments import gateways, reading
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import refresh
from ims.payments.models import PaymentAttempt, PaymentService, Refund
from ims.providers import stub
from ims.providers.card import PaymentRequest
from tests.imports.files import LAYOUT, line, outcomes, simple_profile
from tests.imports.files import checked as bank_checked
from tests.payments.conftest import Desk, build_desk, own_books
from tests.support.world import SET_UP

__all__ = ["own_books"]

Row = tuple[str, str, str, str]


@pytest.fixture
def desk(world) -> Desk:
    simple_profile("cards", format="govuk-pay", layout={}, fund_id="23", entries="receipts_and_returns")
    return build_desk(world)


def card_file(rows: Sequence[Row]) -> bytes:
    """GOV.UK Pay's list of (payment id, reference, amount, state)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("Reference", "Amount", "State", "GOV.UK Payment ID", "Date Created", "Time Created"))
    for payment_id, reference, amount, state in rows:
        writer.writerow((reference, amount, state, payment_id, f"{date.today():%d %b %Y}", "00:00:00"))
    return text.getvalue().encode()


def checked(actor, rows: Sequence[Row], name: str = "pay.csv") -> ImportBatch:
    batch = services.receive(actor=actor, stream=io.BytesIO(card_file(rows)), name=name, profile="cards")
    batch = services.check(actor=actor, batch_id=batch.pk)
    assert batch.state == "checked", batch.error
    return batch


def found_later(desk: Desk) -> None:
    found = {"reference": "R", "return_token": "T", "provider_id": "found-later", "amount": Decimal("9.00")}
    who = {"actor_kind": "system", "actor_id": "x", "actor_name": "Comparing with the provider"}
    with acting(SET_UP, "Found"):
        PaymentAttempt.objects.create(service=desk.service, method_of_payment_id=desk.world.card, **found, **who)


def rows_of(batch: ImportBatch) -> list[ImportRow]:
    return list(batch.rows.order_by("line"))


def ledger_total() -> Decimal:
    return Entry.objects.aggregate(total=Sum("amount"))["total"] or Decimal(0)


def test_our_own_payments_are_left_out_and_the_rest_is_posted(desk: Desk, actor):
    ours = desk.paid("145.00")
    before = ledger_total()
    batch = checked(
        actor,
        [
            (ours.provider_id, "anything", "145.00", "Success"),
            ("another-account-1", desk.world.council_tax_account, "20.00", "Success"),
            ("", ours.reference, "145.00", "Success"),
            (ours.provider_id, "anything", "-45.00", "Refund success"),
        ],
    )
    rows = rows_of(batch)
    assert [row.outcome for row in rows] == ["ignored", "to_post", "ignored", "ignored"]
    assert rows[0].reason == (
        f"Line 2: it is card payment {ours.reference}, which IMS took itself (Main account). "
        f"Its £145.00 is posted as {ours.posting} already. Nothing is posted for it a second time."
    )
    assert batch.notices[0]["message"].startswith("3 rows tell of payments that IMS took itself.")
    services.post(actor=actor, batch_id=batch.pk)
    assert ledger_total() - before == Decimal("20.00")


def test_a_file_of_nothing_else_posts_nothing_however_often(desk: Desk, actor):
    ours = desk.paid("145.00")
    open_still = desk.start(desk.basket("9.00")).attempt
    before = ledger_total()
    rows = [(ours.provider_id, "", "145.00", "Success"), (open_still.provider_id, "", "9.00", "Success")]
    for name, more in (("first.csv", []), ("again.csv", [("x", "", "1.00", "Declined")])):
        batch = checked(actor, [*rows, *more], name)
        assert {row.outcome for row in rows_of(batch)} == {"ignored"}
        assert "posts it itself once the provider confirms it" in rows_of(batch)[1].reason
        assert services.post(actor=actor, batch_id=batch.pk).posting is None
    assert ledger_total() == before


def test_a_payment_undone_is_not_said_to_be_posted(desk: Desk, actor):
    ours = desk.paid("145.00")
    desk.provider.fail_after_success(ours.provider_id)
    refresh(actor=desk.public, attempt_id=ours.pk)
    [row] = rows_of(checked(actor, [(ours.provider_id, "", "145.00", "Success")]))
    assert row.outcome == "ignored"
    assert "its receipt was reversed" in row.reason


def test_a_fault_of_the_row_does_not_ask_anybody_to_correct_and_post_it(desk: Desk, actor):
    ours = desk.paid("145.00")
    Fund.objects.filter(pk="23").update(is_active=False)
    [row] = rows_of(checked(actor, [(ours.provider_id, "", "145.00", "Success")]))
    assert (row.outcome, row.reason_code) == ("ignored", "taken_elsewhere")


def test_a_payer_who_quotes_a_card_payment_at_the_bank_has_paid(desk: Desk, actor):
    ours = desk.paid("145.00")
    columns = [*LAYOUT["columns"], {"field": "account", "column": 7}]
    simple_profile("bank", layout={"columns": columns})
    rows = [(*line("145.00", "23", ours.reference), "20-00-00 12345678"), (*line("9.00"), "20-00-00 12345678")]
    assert outcomes(bank_checked(actor, rows, "bank")) == ["to_suspense", "to_post"]

    given_up = desk.start(desk.basket("9.00"))
    desk.choose(given_up, "cancel")
    refresh(actor=desk.public, attempt_id=given_up.attempt.pk)
    [row] = rows_of(checked(actor, [("", given_up.attempt.reference, "9.00", "Success")]))
    assert row.outcome == "to_suspense"


def test_money_that_left_at_a_provider_that_tells_nothing_is_known_from_its_file(desk: Desk, actor):
    ours = desk.paid("145.00")
    PaymentService.objects.update(provider="signed_form")
    file = [(ours.provider_id, "", "145.00", "Success"), (ours.provider_id, "", "-45.00", "Refund success")]
    assert outcomes(checked(actor, file)) == ["ignored", "to_suspense"]
    who = {"requested_kind": "person", "requested_id": "1", "requested_name": "Olu"}
    with acting(SET_UP, "Given back by IMS"):
        Refund.objects.create(attempt=ours, number=1, amount=Decimal("45.00"), reason="x", state="submitted", **who)
    again = [*file, ("x", "", "1.00", "Declined")]
    assert outcomes(checked(actor, again, "again.csv"))[:2] == ["ignored", "ignored"]


def test_a_corrected_row_is_not_posted_beside_what_ims_learned_since(desk: Desk, actor):
    Fund.objects.filter(pk="23").update(is_active=False)
    batch = checked(actor, [("found-later", desk.world.council_tax_account, "9.00", "Success")])
    services.post(actor=actor, batch_id=batch.pk)
    Fund.objects.filter(pk="23").update(is_active=True)
    [row] = rows_of(batch)
    services.correct_row(actor=actor, row_id=row.pk, changes={"fund": "23"}, reason="In use again")
    found_later(desk)
    with pytest.raises(ImportRefusal, match="1 row is a payment that IMS took itself"):
        services.post_corrected(actor=actor, batch_id=batch.pk)
    services.discard_row(actor=actor, row_id=row.pk, reason="A card payment of ours")


def test_what_is_learned_between_check_and_post_stops_the_posting(desk: Desk, actor):
    batch = checked(actor, [("found-later", desk.world.council_tax_account, "9.00", "Success")])
    found_later(desk)
    with pytest.raises(WorldMoved, match="took 1 of its payments itself"):
        services.post(actor=actor, batch_id=batch.pk)
    batch = services.check(actor=actor, batch_id=batch.pk)
    assert services.post(actor=actor, batch_id=batch.pk).posting is None


def test_what_a_file_brought_is_not_found_at_the_provider_as_well(desk: Desk, actor):
    asked = PaymentRequest(amount=900, reference="LINK-7", description="Another system's", return_url="https://x.test/")
    made = desk.provider.create(asked)
    stub.choose(gateways.practice_books(), made.next_step.url.removeprefix(gateways.STUB_PAGE), "pay")
    batch = checked(actor, [(made.payment_id, desk.world.council_tax_account, "9.00", "Success")])
    services.post(actor=actor, batch_id=batch.pk)
    reading.compare(actor=CARD_DESK, service=desk.service)
    assert (ledger_total(), PaymentAttempt.objects.count()) == (Decimal("9.00"), 0)
    services.reverse_batch(actor=actor, batch_id=batch.pk, reason="Wrong file")
    reading.compare(actor=CARD_DESK, service=desk.service)
    assert (ledger_total(), PaymentAttempt.objects.count()) == (Decimal("9.00"), 1)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_found_while_a_file_is_posted(world_committed):
    yesterday = clock.now() - timedelta(days=1)
    with ThreadPoolExecutor(1) as worker, transaction.atomic():
        elsewhere.count_to_post(ImportBatch(pk=1))
        assert worker.submit(may_have_posted, "x", yesterday).result() is True
    assert may_have_posted("x", yesterday) is False


def may_have_posted(payment_id: str, since: datetime) -> bool:
    try:
        with transaction.atomic():
            return elsewhere.may_have_posted(payment_id, since)
    finally:
        connection.close()


def test_the_screen_says_so(desk: Desk, actor, client):
    from tests.console.conftest import add_people

    ours = desk.paid("145.00")
    batch = checked(actor, [(ours.provider_id, "", "145.00", "Success")])
    client.force_login(add_people()["Income officer"])
    page = client.get(reverse("imports:batch", args=[batch.pk])).content.decode()
    assert "1 row tells of a payment that IMS took itself" in page
