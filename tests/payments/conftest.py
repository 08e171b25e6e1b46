"""Payment services of the small world, and the people who work with them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from ims.audit.actors import Actor, acting
from ims.funds.models import Fund, MethodOfPayment
from ims.payments import gateways
from ims.payments.actors import PUBLIC
from ims.payments.dealings import Started, start_payment
from ims.payments.models import Basket, PaymentRoute, PaymentService
from ims.payments.services import NewLine, Payer, open_basket
from ims.providers import stub
from ims.providers.stub import StubProvider
from tests.support import world as small_world
from tests.support.world import SET_UP, World, person


@dataclass
class Desk:
    """The small world with a practice service for every channel."""

    world: World
    service: PaymentService
    staff: Actor
    manager: Actor
    public: Actor = PUBLIC

    @property
    def provider(self) -> StubProvider:
        return gateways.provider_for(self.service)

    def basket(self, *amounts: str, channel: str = "online", actor: Actor | None = None, **options) -> Basket:
        """A basket of council tax, and of a second account when two amounts are given."""
        accounts = (self.world.council_tax_account, self.world.other_council_tax_account)
        lines = [
            NewLine(fund=self.world.council_tax, amount=Decimal(amount), account_reference=account)
            for amount, account in zip(amounts or ("145.00",), accounts, strict=False)
        ]
        given = {"payer": Payer(name="Ada Moss", email="ada@example.org"), **options}
        return open_basket(actor=actor or self.public, channel=channel, lines=lines, **given)

    def start(self, basket: Basket, actor: Actor | None = None) -> Started:
        return start_payment(
            actor=actor or self.public,
            basket_id=basket.pk,
            return_url=lambda token: f"https://council.example/return/{token}",
        )

    def choose(self, started: Started, outcome: str = "pay") -> str:
        """Do on the practice card page what a payer does; the address they are sent back to."""
        token = started.next_step.url.removeprefix(gateways.STUB_PAGE)
        return stub.choose(gateways.practice_books(), token, outcome)

    def paid(self, *amounts: str, **options):
        """A payment that succeeded and was heard of."""
        from ims.payments.dealings import refresh

        started = self.start(self.basket(*amounts, **options))
        self.choose(started)
        return refresh(actor=self.public, attempt_id=started.attempt.pk)


def build_desk(world: World) -> Desk:
    with acting(SET_UP, "Test set-up"):
        Fund.objects.create(code="CC", name="Card clearing", vat_code_id="N0")
        Fund.objects.create(code="CF", name="Card fees", vat_code_id="N0")
        MethodOfPayment.objects.create(code="PF", name="Card fee", is_card_fee=True)
        for code in (world.council_tax, world.rents, world.building_control):
            fund = Fund.objects.get(code=code)
            fund.is_payable_online = True
            fund.save()
        service = PaymentService.objects.create(
            code="main",
            name="Main account",
            provider="stub",
            signing_secret_name="main-signing",
            next_signing_secret_name="main-signing-next",
            clearing_fund_id="CC",
            fee_fund_id="CF",
            bank_text="PRACTICE PAY",
        )
        for channel in ("online", "link", "telephone", "counter"):
            PaymentRoute.objects.create(channel=channel, service=service, method_of_payment_id=world.card)
    return Desk(
        world=world,
        service=service,
        staff=person(
            "Olu Officer",
            "payments.take_payment",
            "payments.send_link",
            "payments.view_paymentattempt",
            "payments.view_basket",
            "payments.request_refund",
            "payments.request_part_refund",
            "payments.resolve_exception",
        ),
        manager=person("Mia Manager", "payments.view_paymentattempt", "payments.approve_refund"),
    )


@pytest.fixture(autouse=True)
def own_books(settings, tmp_path):
    """A practice provider of this test's own, and a place for secrets."""
    settings.PRACTICE_PROVIDER_BOOKS = tmp_path / "books.sqlite3"
    keys = {"main-signing": "first secret", "main-signing-next": "second secret"}
    settings.NAMED_SECRET = lambda name: keys.get(name, "")


@pytest.fixture
def desk(world) -> Desk:
    return build_desk(world)


@pytest.fixture
def desk_committed(transactional_db) -> Desk:
    return build_desk(small_world.build())
