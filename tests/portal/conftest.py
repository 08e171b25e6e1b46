"""The small world with something to pay, and a payer with a browser that keeps cookies and follows nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from django.test import Client

from ims.payments import gateways
from ims.payments.models import Basket, PaymentAttempt
from ims.providers import stub
from tests.payments.conftest import Desk, build_desk, own_books
from tests.support.world import World, add_payment_types

__all__ = ["own_books"]


@dataclass
class Payer:
    """Somebody with a browser."""

    world: World
    browser: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def get(self, path: str, **options):
        return self.browser.get(f"/pay/{path}", **options)

    def post(self, path: str, **data: str):
        """Send a form with the token the last page gave."""
        token = self.browser.cookies.get("csrftoken")
        if token is None:
            self.get("for/rent/")
            token = self.browser.cookies["csrftoken"]
        return self.browser.post(f"/pay/{path}", {"csrfmiddlewaretoken": token.value, **data})

    def bill(self, kind: str = "council-tax", reference: str = "", amount: str = "120.50"):
        return self.post(f"for/{kind}/", reference=reference or self.world.council_tax_account, amount=amount)

    def to_card_page(self, email: str = "") -> str:
        """From the basket to the card page; its token."""
        assert self.post("details/", email=email)["Location"] == "/pay/check/"
        answer = self.post("card/")
        assert answer.status_code == 303, answer.content.decode()[:2000]
        return answer["Location"].removeprefix(gateways.STUB_PAGE)

    def choose(self, token: str, outcome: str = "pay") -> str:
        """Do on the card page what a payer does; the path they come back to."""
        back = stub.choose(gateways.practice_books(), token, outcome)
        return re.sub(r"^https?://[^/]+/pay/", "", back)

    def pays(self, outcome: str = "pay", email: str = "") -> str:
        """All of it; the path of the result page."""
        return self.choose(self.to_card_page(email), outcome)

    @property
    def basket(self) -> Basket:
        return Basket.objects.get(token=self.browser.session["pay_basket"])


@pytest.fixture
def paying_desk(desk_committed: Desk) -> Desk:
    add_payment_types()
    return desk_committed


@pytest.fixture
def desk_committed(world_committed: World) -> Desk:
    return build_desk(world_committed)


@pytest.fixture
def payer(paying_desk: Desk) -> Payer:
    return Payer(paying_desk.world)


def attempts() -> list[PaymentAttempt]:
    return list(PaymentAttempt.objects.order_by("id"))
