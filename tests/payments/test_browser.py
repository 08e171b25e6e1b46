"""The staff screens of card payments in a real browser: taking, linking, refunding; and every page that waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse

from ims.audit.actors import acting
from ims.common import clock
from ims.correspondence.models import CarrierAccount
from ims.ledger.lines import Line
from ims.ledger.models import Posting
from ims.ledger.services import post_receipts
from ims.payments import refundable, refunding
from ims.payments.actors import CARD_DESK
from ims.payments.models import Payout, Refund
from ims.payments.reading import compare, read_payouts
from ims.payments.services import request_refund
from ims.payments.services.troubles import raise_exception
from ims.providers import stub
from tests.console.conftest import add_people
from tests.console.test_browser import WIDTHS, Visit, chromium
from tests.payments.conftest import Desk
from tests.support import limits
from tests.support.world import SET_UP

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURES = os.environ.get("IMS_PICTURES", "")
"""A directory to put pictures of the pages in, for whoever wants to look at them."""


class Looking(Visit):
    """Somebody's window, which looks at pages at every width."""

    def looks(self, name: str) -> None:
        """No fault that axe finds and nothing wider than the window."""
        faults = [f"{name}: {fault}" for fault in self.violations()]
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            faults += [f"{name} at {width} px: {self.overflow()} px too wide"] * (self.overflow() > 0)
            if PICTURES and width != 320:
                self.page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}.png"), full_page=True)
        assert faults == []

    def presses(self, name: str, leads_to: str) -> None:
        """Press a button, or follow a link that looks like one, and be where it leads."""
        with self.page.expect_navigation(url=leads_to):
            self.page.locator("main, .ims-heading").get_by_role("button", name=name, exact=True).first.click()

    def fills(self, desk: Desk, amount: str) -> None:
        """Fill in what is paid, on the form for taking a payment."""
        self.open(reverse("payments:take"))
        self.page.select_option("#id_line-0-fund", desk.world.council_tax)
        self.page.fill("#id_line-0-account_reference", desk.world.council_tax_account)
        self.page.fill("#id_line-0-amount", amount)
        self.page.fill("#id_payer_name", "Ada Moss")


@pytest.fixture
def window(chromium: object, live_server: object, desk_committed: Desk) -> Iterator[Callable[[str], Looking]]:
    add_people()
    opened: list[Looking] = []

    def of(role: str) -> Looking:
        opened.append(Looking(chromium, live_server.url, role))
        return opened[-1]

    yield of
    for each in opened:
        each.context.close()
    assert [said for each in opened for said in each.complaints] == []


def test_a_clerk_takes_a_payment_by_telephone(window, desk_committed: Desk):
    clerk = window("income-officer")
    clerk.fills(desk_committed, "145.00")
    clerk.looks("take")
    clerk.presses("Go on", "**/payments/take/")
    clerk.looks("onward")
    clerk.presses("Go to the card page", "**/practice-card/**")
    assert "By telephone" in clerk.page.inner_text("main")
    clerk.looks("card-page")
    clerk.presses(stub.OUTCOMES["decline"][2], "**/payments/*/")
    assert "Nothing was paid: declined." in clerk.page.inner_text("body")
    clerk.looks("declined")
    clerk.presses("Try again", "**/go-on/")
    clerk.presses("Go to the card page", "**/practice-card/**")
    clerk.presses(stub.OUTCOMES["pay"][2], "**/payments/*/")
    assert "£145.00 was paid." in clerk.page.inner_text("body")
    assert str(Posting.objects.get()) in clerk.page.inner_text("main")
    clerk.looks("paid")


def test_a_link_is_sent_and_cancelled(window, desk_committed: Desk):
    clerk = window("income-officer")
    clerk.fills(desk_committed, "80.00")
    clerk.page.check("input[value=link]")
    clerk.page.fill("#id_email", "ada@example.org")
    clerk.presses("Go on", "**/payments/links/*/")
    assert "on its way to" in clerk.page.inner_text("body")
    clerk.looks("link")
    clerk.presses("Cancel the link", "**/cancel/")
    clerk.looks("link-cancel")
    clerk.page.fill("#id_reason", "Paid at the counter")
    clerk.presses("Cancel the link", "**/payments/links/*/")
    assert "The link was cancelled." in clerk.page.inner_text("body")
    clerk.open(reverse("payments:links"))
    clerk.looks("links")


def test_a_manager_approves_a_refund_that_somebody_else_asked_for(window, desk_committed: Desk):
    limits.as_installed()
    attempt = desk_committed.paid("145.00")
    clerk = window("income-officer")
    clerk.open(reverse("payments:payment", args=[attempt.pk]))
    clerk.presses("Refund", "**/refund/")
    clerk.page.fill("#id_reason", "Paid twice")
    clerk.looks("refund")
    clerk.presses("See what will happen", "**/refund/")
    clerk.looks("refund-plan")
    clerk.presses("Refund", "**/payments/*/")
    assert "The refund was asked for." in clerk.page.inner_text("body")
    assert not Refund.objects.exists()

    manager = window("income-manager")
    manager.open(reverse("approvals:index"))
    with manager.page.expect_navigation():
        manager.page.get_by_role("link", name=f"Refund £145.00 of card payment {attempt.reference}").click()
    manager.looks("refund-request")
    manager.page.fill("#id_reason", "Seen twice on the statement")
    manager.presses("Approve and do it", "**/approvals/**")
    refund = Refund.objects.get()
    refunding.send_refund(actor=CARD_DESK, refund_id=refund.pk)
    desk_committed.provider.settle(clock.today())
    refunding.refresh_refund(actor=CARD_DESK, refund_id=refund.pk)
    manager.open(reverse("payments:payment", args=[attempt.pk]))
    assert "Refund 1: refunded" in manager.page.inner_text("main")
    manager.looks("refunded")


@pytest.fixture
def waiting(desk_committed: Desk) -> dict[str, str]:
    """Of each kind of thing that waits for somebody, one; and the pages that show them."""
    desk, days = desk_committed, timedelta(days=1)
    with acting(SET_UP, "Test set-up"):
        CarrierAccount.objects.create(channel="letter", kind="practice")
    provider, failing, disputed = desk.provider, desk.paid("100.00"), desk.paid("60.00", "5.00")
    refund = _refund(desk, failing)
    provider.fail_refund(refund.provider_refund_id)
    refunding.refresh_refund(actor=CARD_DESK, refund_id=refund.pk)
    provider.raise_dispute(disputed.provider_id, respond_by=clock.today() + 5 * days)
    desk.paid("30.00")
    provider.settle(clock.today() - days)
    compare(actor=CARD_DESK, service=desk.service)
    read_payouts(actor=CARD_DESK, service=desk.service)
    payout = Payout.objects.get()
    for key, amount in (("fits", payout.net), ("differs", payout.net - 1)):
        line = Line(fund="CC", amount=amount, method_of_payment="28", narrative=f"PAYMENTS LTD {key} 0042")
        post_receipts(actor=SET_UP, lines=[line], source_kind="test", source_key=key)
    raised = raise_exception(
        actor=CARD_DESK, kind="stuck", key="x", service=desk.service, attempt=failing, amount=Decimal("100.00"),
        message="The provider has not said for six hours what became of this payment. Look at its own pages.",
    )  # fmt: skip
    return {
        "index": reverse("payments:index"),
        "none-found": reverse("payments:index") + "?q=ZZZ",
        "failed-refund": reverse("payments:payment", args=[failing.pk]),
        "letter": reverse("payments:letter", args=[failing.pk]),
        "exceptions": reverse("payments:exceptions"),
        "resolve": reverse("payments:resolve", args=[raised.pk]),
        "refunds": reverse("payments:refunds"),
        "disputes": reverse("payments:disputes"),
        "note": reverse("payments:note", args=[disputed.disputes.get().pk]),
        "payouts": reverse("payments:payouts"),
        "report": reverse("payments:report"),
        "services": reverse("payments:services"),
        "payout": reverse("payments:payout", args=[payout.pk]),
    }


def _refund(desk: Desk, attempt: object) -> Refund:
    [line] = refundable.lines_of(attempt)
    refund = request_refund(
        actor=desk.staff,
        attempt_id=attempt.pk,
        amounts={line.entry.pk: Decimal("40.00")},
        reason="Paid for the wrong month",
        unclaimed_seen=line.refundable,
        available_seen=refunding.available(actor=desk.staff, attempt_id=attempt.pk),
    )
    return refunding.send_refund(actor=CARD_DESK, refund_id=refund.pk)


def test_every_page_that_waits_can_be_used_and_a_payout_is_matched_by_hand(window, waiting: dict[str, str]):
    manager = window("income-manager")
    for name, address in waiting.items():
        manager.open(address)
        manager.looks(name)
    manager.page.get_by_label("differs").check()
    manager.presses("Match", "**/payouts/*/")
    assert "they differ, and are not matched" in manager.page.inner_text("main")
    manager.looks("payout-differs")
    manager.page.get_by_label("fits").check()
    manager.presses("Match", "**/payouts/*/")
    assert "is matched with the bank" in manager.page.inner_text("body")
    manager.looks("payout-matched")
