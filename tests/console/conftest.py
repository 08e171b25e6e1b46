"""People of every role, and a few receipts, for the tests of screens."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from ims.audit.actors import acting
from ims.ledger import seals, services
from ims.ledger.lines import Line
from ims.ledger.models import Entry, Posting
from ims.people.models import User
from ims.people.roles import ROLE_NAMES, sync_roles
from tests.support.world import SET_UP, World

PASSWORD = "correct horse battery staple"


def add_people() -> dict[str, User]:
    """One person for each role, and one (“Nobody”) without any."""
    sync_roles()
    found = {}
    with acting(SET_UP, "Test set-up"):
        for role in (*ROLE_NAMES, "Nobody"):
            person = User(username=role.lower().replace(" ", "-"), display_name=f"Sam {role}", is_staff=True)
            person.set_password(PASSWORD)
            person.save()
            if role != "Nobody":
                person.groups.set([Group.objects.get(name=role)])
            found[role] = person
    return found


def receive(fund: str, amount: str, *, reference: str = "", key: str, days_ago: int = 0, **more: object) -> Entry:
    """One receipt, posted as the set-up."""
    day = date.today() - timedelta(days=days_ago)
    line = Line(
        fund=fund,
        amount=Decimal(amount),
        method_of_payment="28",
        account_reference=reference,
        received_on=day,
        accounting_date=day,
        **more,
    )
    posted = services.post_receipts(actor=SET_UP, lines=[line], source_kind="test", source_key=key)
    return posted.posting.entries.get()


def add_receipts(world: World) -> list[Entry]:
    """Six receipts: council tax, rent, one with VAT, one unidentified, a negative one, one of a week ago; sealed."""
    found = [
        receive(
            "23", "120.50", reference=world.council_tax_account, key="a", payer_name="Mrs Ada Moss", narrative="CT"
        ),
        receive("5", "95.50", reference=world.rents_account, key="b", payer_name="Mr Dev Rao", narrative="RENT WK 33"),
        receive("31", "120.00", reference="BC/1", key="c", payer_name="Build Ltd", narrative="Plans"),
        receive("1", "42.00", key="d", narrative="FPS UNKNOWN PAYER", source_reference="FP0001"),
        receive("23", "-20.00", reference=world.council_tax_account, key="e", narrative="Returned cheque"),
        receive(
            "23", "80.00", reference=world.other_council_tax_account, key="f", days_ago=7, payer_name="Mr Ben Hill"
        ),
    ]
    seals.seal_pending()
    return found


@pytest.fixture
def people(world: World) -> dict[str, User]:
    return add_people()


@pytest.fixture
def receipts(world: World) -> list[Entry]:
    return add_receipts(world)


def shows_details(client: Client) -> Client:
    """The client, after its person asked for personal details to be shown."""
    client.post("/personal-details/", {"show": "yes"})
    return client


@pytest.fixture
def as_role(people: dict[str, User]):
    """A client signed in as the person of a role."""

    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(people[role])
        return shows_details(client)

    return sign_in


@pytest.fixture
def imported(world: World) -> Posting:
    """A posting that came from a file, as far as the ledger knows."""
    from psycopg import sql

    select = sql.SQL(
        "SELECT 1 AS line, '23' AS fund_id, '700123452' AS account_reference, '28' AS method_of_payment_id,"
        " '99' AS office_id, 10.00::numeric AS amount, 'N0' AS vat_code_id, 0::numeric AS vat_rate, 'x' AS narrative,"
        " '' AS payer_name, '' AS source_reference, 7 AS source_line, %(day)s::date AS received_on,"
        " %(day)s::date AS accounting_date"
    )
    return services.post_set(
        actor=SET_UP, select=select, parameters={"day": date.today()}, source_kind="file", source_key="f1"
    )
