"""What an auditor looks at first among approvals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from ims.approvals import services as approvals
from ims.approvals.models import Request
from ims.assurance import unusual
from ims.audit.actors import Actor
from ims.audit.services import record
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.people import services as grants
from ims.people.models import User
from ims.people.selectors import actor_for
from tests.console.conftest import receive
from tests.support import limits
from tests.support.world import World

TODAY = date.today()


def found(auditor: Actor, name: str) -> list[unusual.Unusual]:
    (result,) = unusual.look(auditor, TODAY - timedelta(days=2), TODAY + timedelta(days=1), only=name)
    return list(result.found)


def journal_payload(entry: Entry, number: int, amount: str = "1.00") -> dict:
    line = Line(fund="5", amount=Decimal(amount), account_reference="45006789013").as_data()
    return {"entry_id": entry.pk, "targets": [line], "reason": "Wrong fund", "key": f"k{number}"}


def agreed(maker: Actor, checker: Actor, entry: Entry, number: int) -> Request:
    payload = journal_payload(entry, number)
    request = approvals.request(actor=maker, kind="ledger.journal", payload=payload, reason="x")
    return approvals.approve(actor=checker, request_id=request.pk)


def test_approved_within_a_minute_and_by_the_same_two_people(
    world: World, auditor: Actor, manager: Actor, people: dict[str, User]
):
    other = people["Administrator"]
    other.groups.set(people["Income manager"].groups.all())
    second = actor_for(User.objects.get(pk=other.pk))
    entry = receive("23", "100.00", reference=world.council_tax_account, key="r")
    for number in range(4):
        agreed(manager, second, entry, number)
    assert len(found(auditor, "hasty_approval")) == 4
    assert found(auditor, "same_pair") == []
    assert found(auditor, "let_in") == []
    record("one_time_link_made", actor=manager, subject=other)
    agreed(second, manager, entry, 9)
    pair = found(auditor, "same_pair")
    assert len(pair) == 5
    assert "one of 5 between the two" in pair[0].detail
    assert pair[0].reference.startswith("Request ")
    let_in = found(auditor, "let_in")
    assert {each.reference for each in let_in} == {each.reference for each in pair}
    assert let_in[0].detail.startswith(f"one_time_link_made by {manager.name} on ")


def test_just_under_what_one_may_do_alone(world: World, auditor: Actor, manager: Actor):
    limits.as_installed()
    entry = receive("23", "9000.00", reference=world.council_tax_account, key="r")
    for number, amount in enumerate(("4999.00", "4000.00")):
        payload = journal_payload(entry, number, amount)
        ledger.post_journal(
            actor=manager,
            entry_id=entry.pk,
            targets=[Line.from_data(payload["targets"][0])],
            reason="x",
            key=f"k{number}",
        )
    assert [thing.amount for thing in found(auditor, "under_own_limit")] == [Decimal("4999.00")]


def test_rights_granted_while_nobody_else_could_approve(world: World, auditor: Actor, people: dict[str, User]):
    limits.as_installed()
    for role in ("Income manager", "Finance"):
        people[role].groups.clear()
    ada = actor_for(people["Administrator"])
    nobody = people["Nobody"]
    grants.change_roles(actor=ada, person=nobody, roles=["Income officer"], reason="First day")
    assert [thing.who for thing in found(auditor, "granted_alone")] == [ada.name]
