"""What creating a payment costs the database, and that nothing was saved on what must be written."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ims.audit.models import Event
from ims.payments.models import Basket, BasketLine, PaymentAttempt, Watch
from tests.people.people_world import member

MOST = 25
"""Statements of one creation, signing in and the answer's page included. A regression here is felt at 25 a second."""


def statements(act: Callable[[], object]) -> list[str]:
    """What the database is asked while `act` runs, without the marks of transactions."""
    with CaptureQueriesContext(connection) as asked:
        act()
    marks = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [each["sql"] for each in asked.captured_queries if not each["sql"].startswith(marks)]


def test_taking_a_payment_at_the_screen_costs_few_statements_and_leaves_every_trace(desk):
    person = member("olu", "Income officer")
    browser = Client()
    browser.force_login(person)
    accounts = (desk.world.council_tax_account, desk.world.other_council_tax_account)
    data = {"channel": "telephone", "payer_name": "Ada Moss", "step": "go"}
    data |= {"line-TOTAL_FORMS": "2", "line-INITIAL_FORMS": "0"}
    for number, account in enumerate(accounts):
        data |= {f"line-{number}-fund": desk.world.council_tax, f"line-{number}-account_reference": account}
        data |= {f"line-{number}-amount": "12.50"}
    for _ in range(2):  # the first time reads what is read once a process, and once a minute
        asked = statements(lambda: browser.post(reverse("payments:take"), data))

    assert len(asked) <= MOST, "\n".join(asked)
    basket = Basket.objects.first()
    attempt = basket.attempts.get()
    assert (basket.state, attempt.state, attempt.amount) == ("paying", "open", 25)
    assert [(row.history_type, row.state, row.history_change_reason) for row in basket.history.order_by("pk")] == [
        ("+", "open", "Opened"),
        ("~", "paying", "Payment started"),
    ]
    for line in basket.lines.all():
        row = line.history.get()
        assert (row.history_type, row.history_change_reason, row.amount) == ("+", "Opened", line.amount)
        assert (row.history_user, row.actor_kind, row.actor_name) == (person, "person", "Olu")
    assert [row.state for row in attempt.history.order_by("pk")] == ["new", "open"]
    assert [move.after for move in attempt.moves.all()] == ["new", "open"]
    assert Event.objects.filter(verb="payment_started", subject_id=attempt.pk).count() == 1
    assert Watch.objects.filter(kind="attempt", subject_id=attempt.pk).count() == 1


def test_the_payer_on_the_public_pages_costs_few_statements(desk, client):
    for _ in range(2):
        basket = desk.basket("145.00", "20.50")
        session = client.session
        session["pay_basket"] = basket.token
        session.save()
        asked = statements(lambda: client.post(reverse("portal:pay")))
    assert len(asked) <= MOST, "\n".join(asked)
    assert PaymentAttempt.objects.get(basket=basket).state == "open"


def test_a_payment_that_is_refused_at_the_screen_leaves_nothing(desk):
    browser = Client()
    browser.force_login(member("olu", "Income officer"))
    data = {"channel": "telephone", "step": "go", "line-TOTAL_FORMS": "1", "line-INITIAL_FORMS": "0"}
    data |= {"line-0-fund": desk.world.council_tax, "line-0-account_reference": desk.world.council_tax_account}
    answer = browser.post(reverse("payments:take"), {**data, "line-0-amount": "0.20"})
    assert b"the least is" in answer.content
    assert (Basket.objects.count(), BasketLine.objects.count(), PaymentAttempt.objects.count()) == (0, 0, 0)
