"""A process killed outright between the provider's answer and our commit: the poller finishes the payment, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from ims.audit.actors import acting
from ims.audit.models import Event
from ims.common import clock
from ims.ledger.models import Entry, Posting
from ims.payments.following import read_again_what_is_due
from ims.payments.models import AttemptMove, PaymentAttempt, Watch
from tests.payments.doubles.govuk_pay import GovUkPayDouble
from tests.support.processes import PATIENCE_SECONDS, Process
from tests.support.world import SET_UP

KEYS = {"pay-key": "api_test_main"}


class Pausing(GovUkPayDouble):
    """Holds one answer back until it is told to go on, so that the test can lay a lock in the way of who hears it."""

    def __post_init__(self) -> None:
        self.method, self.reached, self.go_on = "", threading.Event(), threading.Event()
        super().__post_init__()

    def answer(self, method: str, *rest: Any) -> tuple[int, Any]:
        answered = super().answer(method, *rest)
        if method == self.method:
            self.method = ""
            self.reached.set()
            self.go_on.wait(PATIENCE_SECONDS)
        return answered


@pytest.fixture
def pay(desk_committed, settings):
    """The small world with its service at the double, over real HTTP."""
    desk_committed.double = Pausing(keys={"api_test_main": "main"})
    settings.NAMED_SECRET = KEYS.get
    service = desk_committed.service
    service.provider, service.base_url, service.key_name = "govuk_pay", desk_committed.double.url, "pay-key"
    with acting(SET_UP, "Test set-up"):
        service.save()
    yield desk_committed
    desk_committed.double.go_on.set()
    desk_committed.double.stop()


def killed_before_its_commit(double: Pausing, method: str, code: str, hold: Callable[[], object]) -> None:
    """Run `code` in a process; kill it once it has the answer to `method` and waits for what `hold` locks."""
    double.method = method
    process = Process(f"from django.conf import settings; settings.NAMED_SECRET = {KEYS!r}.get;{code}")
    assert double.reached.wait(PATIENCE_SECONDS), "the process never asked the provider"
    with transaction.atomic():
        hold()
        double.go_on.set()
        process.until_it_waits()
        process.strike()
    process.kill()


def poll() -> None:
    Watch.objects.update(due_at=clock.now() - timedelta(seconds=1))
    assert read_again_what_is_due(per_second=1000) == 1


def test_killed_while_a_payment_is_made_it_is_adopted_and_paid_once(pay):
    basket = pay.basket("145.00")
    killed_before_its_commit(
        pay.double,
        "POST",
        "from ims.payments.actors import PUBLIC; from ims.payments.dealings import start_payment;"
        f"start_payment(actor=PUBLIC, basket_id={basket.pk}, return_url='https://council.example/{{}}'.format)",
        hold=lambda: PaymentAttempt.objects.select_for_update().get(),
    )
    attempt = PaymentAttempt.objects.get()
    assert (attempt.state, attempt.provider_id) == ("new", None), "what was answered went with the process"
    [made] = pay.double.payments

    poll()

    attempt.refresh_from_db()
    assert (attempt.state, attempt.provider_id) == ("open", made)
    assert pay.start(basket).attempt.pk == attempt.pk, "the payer goes on with the same payment"
    pay.double.pay(made)
    poll()
    assert list(pay.double.payments) == [made], "the provider was asked for one payment and no second"
    assert_paid_once(attempt)


def test_killed_while_a_success_is_posted_it_is_posted_once(pay):
    attempt = pay.start(pay.basket("145.00")).attempt
    pay.double.pay(attempt.provider_id)
    killed_before_its_commit(
        pay.double,
        "GET",
        "from ims.payments.actors import CARD_DESK; from ims.payments.dealings import refresh;"
        f"refresh(actor=CARD_DESK, attempt_id={attempt.pk})",
        # The next appointment is the last thing written: all else of the posting is written and not committed.
        hold=lambda: Watch.objects.select_for_update().get(),
    )
    attempt.refresh_from_db()
    assert (attempt.state, attempt.posting, Posting.objects.count()) == ("open", None, 0)

    poll()
    poll()

    assert list(pay.double.payments) == [attempt.provider_id]
    assert_paid_once(attempt)


def assert_paid_once(attempt: PaymentAttempt) -> None:
    attempt.refresh_from_db()
    assert (attempt.state, attempt.posting, attempt.paid_total) == ("paid", Posting.objects.get(), Decimal("145.00"))
    assert [entry.amount for entry in Entry.objects.all()] == [Decimal("145.00")]
    assert attempt.posting.number == 1, "the number that the killed process had drawn went back with it"
    assert list(AttemptMove.objects.values_list("after", flat=True)) == ["new", "open", "paid"]
    assert Event.objects.filter(verb="payment_made").count() == 1
