"""Nobody moves money of an account they declared an interest in, and few know of the declarations."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from ims.approvals import services as approvals
from ims.approvals.errors import ApprovalNeeded
from ims.assurance import unusual
from ims.audit.actors import Actor, acting
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import InvalidInput, NotAllowed, NotFound
from ims.funds.models import Fund
from ims.imports import services as imports
from ims.interests import selectors, services
from ims.interests.errors import InterestRefusal
from ims.interests.models import Interest
from ims.ledger import services as ledger
from ims.ledger.lines import Line, Take
from ims.ledger.models import Posting
from ims.people.models import User
from tests.console.markup import text_of
from tests.imports.files import line, posted, simple_profile
from tests.people.people_world import SET_UP, actor, member
from tests.support import limits
from tests.support.world import World


@pytest.fixture
def mina(world: World) -> Actor:
    """A manager, who moves money."""
    return actor("mina", "Income manager", "Finance")


@pytest.fixture
def max_(world: World) -> Actor:
    """Her colleague."""
    return actor("max", "Income manager", "Finance")


def of(someone: Actor) -> User:
    return User.objects.get(pk=someone.identifier)


def declare(someone: Actor, reference: str = "700123452", by: Actor | None = None, **more: object) -> Interest:
    values = {"account_reference": reference, "relation": "own", **more}
    return services.declare(actor=by or someone, person=of(someone), **values)


def receipt(by: Actor, world: World, reference: str = "", fund: str = "23", key: str = "r") -> Posting:
    given = Line(
        fund=fund,
        amount=Decimal("100.00"),
        method_of_payment="28",
        account_reference=reference or world.council_tax_account,
    )
    return ledger.post_receipts(actor=by, lines=[given], source_kind="test", source_key=key).posting


class TestDeclaring:
    def test_once_by_oneself_kept_in_one_form_and_on_record(self, mina: Actor):
        made = declare(mina, " 7001 23452 ", note="My flat")
        assert (made.account_reference, made.history.get().actor_name) == ("700123452", "Mina")
        assert declare(mina) == made
        event = Event.objects.get(verb="interest_declared")
        assert event.data == {"person": "Mina", "relation": "own"}  # which account, the trail does not tell
        with pytest.raises(IntegrityError), transaction.atomic(), acting(SET_UP, "Past the service"):
            Interest.objects.create(
                person=of(mina), account_reference="700123452", relation="own", declared_on=clock.today()
            )

    def test_for_others_by_who_keeps_them_and_not_without_an_account(self, mina: Actor, world: World):
        olu = actor("olu", "Income officer")
        assert declare(olu, by=mina).person == of(olu)
        with pytest.raises(NotAllowed):
            declare(mina, by=olu)
        with pytest.raises(InvalidInput):
            declare(mina, "  ")

    def test_it_is_ended_by_a_colleague_never_by_oneself(self, mina: Actor, max_: Actor):
        made = declare(mina)
        with pytest.raises(InterestRefusal, match="Ask a colleague"):
            services.end(actor=mina, interest_id=made.pk, reason="Moved")
        for _ in range(2):
            ended = services.end(actor=max_, interest_id=made.pk, reason="Moved")
        assert ended.ended_on == clock.today()
        assert Event.objects.filter(verb="interest_ended").count() == 1
        assert declare(mina) != made  # and declared anew

    def test_who_knows_of_them(self, mina: Actor, world: World):
        made, olu = declare(mina), actor("olu", "Income officer")
        [masked] = selectors.everybodys(actor("ann", "Auditor"))
        assert masked.account_reference != "700123452"  # until asked for
        assert selectors.own(mina).get().account_reference == "700123452"
        assert selectors.of_person(olu, of(mina)) is None
        with pytest.raises(NotFound):
            selectors.get(olu, made.pk)
        for role in ("Administrator", "Income officer", "Finance", "Service desk"):
            with pytest.raises(NotAllowed):
                selectors.everybodys(actor(f"x-{role.split()[0]}", role))


class TestRefused:
    def test_moving_and_reversing_but_not_taking(self, mina: Actor, max_: Actor, world: World):
        declare(mina)
        taken = receipt(mina, world)
        [entry] = taken.entries.all()
        to = Line(fund="5", amount=Decimal("10.00"), account_reference=world.rents_account)
        with pytest.raises(InterestRefusal, match="You may not move money to or from 700123452"):
            ledger.post_journal(actor=mina, entry_id=entry.pk, targets=[to], reason="x", key="j")
        with pytest.raises(InterestRefusal, match="You may not reverse what was posted to 700123452"):
            ledger.reverse(actor=mina, posting_id=taken.pk, reason="x")
        sources = [Line(fund="23", amount=Decimal("10.00"), account_reference=world.council_tax_account)]
        with pytest.raises(InterestRefusal):
            ledger.post_transfer(actor=mina, sources=sources, targets=[to], reason="x", key="t")
        assert ledger.reverse(actor=max_, posting_id=taken.pk, reason="Wrong")

    def test_allocating_and_writing_off_to_it(self, mina: Actor, world: World):
        declare(mina)
        [entry] = receipt(SET_UP, world, "WHO", world.suspense).entries.all()
        to = Line(fund="23", amount=entry.amount, account_reference=world.council_tax_account)
        with pytest.raises(InterestRefusal):
            ledger.post_allocation(
                actor=mina, takes=[Take(entry.pk, entry.amount)], lines=[to], credit_notes=[], reason="x", key="a"
            )

    def test_only_in_the_fund_declared(self, mina: Actor, world: World):
        declare(mina, fund=Fund.objects.get(pk="5"))
        assert ledger.reverse(actor=mina, posting_id=receipt(SET_UP, world).pk, reason="Wrong")

    def test_a_whole_file_is_reversed_and_listed(self, mina: Actor, world: World):
        declare(mina)
        simple_profile()
        batch = posted(SET_UP, [line(), line(reference=world.other_council_tax_account)])
        imports.reverse_batch(actor=mina, batch_id=batch.pk, reason="Wrong file")
        receipt(mina, world)
        day = clock.today()
        [result] = unusual.look(actor("ann", "Auditor"), day, day, only="own_account")
        assert [each.who for each in result.found] == ["Mina", "Mina"]

    def test_a_held_row_of_it_is_a_colleagues_however_it_is_spelt(self, mina: Actor, max_: Actor, world: World):
        declare(mina, "70-01 23/452")
        simple_profile()
        posted(SET_UP, [line()])
        again = posted(SET_UP, [line(), line(reference=world.other_council_tax_account)], name="b.csv")
        twin = again.rows.get(outcome="suspected_duplicate")
        for post in (True, False):
            with pytest.raises(InterestRefusal, match="decide about a row of 700123452"):
                imports.decide_duplicate(actor=mina, row_id=twin.pk, post=post, reason="A second receipt")
        imports.decide_duplicate(actor=max_, row_id=twin.pk, post=True, reason="A second receipt")
        with pytest.raises(InterestRefusal):
            imports.discard_row(actor=mina, row_id=twin.pk, reason="Not wanted")

    def test_a_file_of_nothing_else_is_not_reversed(self, mina: Actor, max_: Actor, world: World):
        declare(mina)
        simple_profile()
        batch = posted(SET_UP, [line(), line("12.00")])
        with pytest.raises(InterestRefusal, match="reverse what was posted to"):
            imports.reverse_batch(actor=mina, batch_id=batch.pk, reason="Wrong")
        assert imports.reverse_batch(actor=max_, batch_id=batch.pk, reason="Wrong").state == "reversed"

    def test_approving_it_and_the_request_goes_on_waiting(self, mina: Actor, max_: Actor, world: World):
        fran = actor("fran", "Finance")
        posting = receipt(SET_UP, world)
        limits.as_installed()
        limits.set_limit("ledger.reversal", "Income manager", alone="10.00", approves=None)
        declare(mina)
        with pytest.raises(ApprovalNeeded) as needed:
            ledger.reverse(actor=max_, posting_id=posting.pk, reason="Wrong")
        request = approvals.request(
            actor=max_, kind=needed.value.kind, payload=needed.value.payload, reason="Wrong payer"
        )
        with pytest.raises(InterestRefusal, match="You may not approve this"):
            approvals.approve(actor=mina, request_id=request.pk)
        assert approvals.approve(actor=fran, request_id=request.pk).state == "approved"


class TestScreens:
    def test_one_declares_sees_and_a_manager_ends(self, mina: Actor, world: World, client: Client):
        olu = member("olu", "Income officer")
        client.force_login(olu)
        typed = {"relation": "own", "account_reference": "700 123 452", "fund": "", "note": ""}
        answer = client.post("/account/interests/", typed, follow=True)
        assert "700123452 is declared" in text_of(answer.content)
        assert client.get("/access/interests/").status_code == 403
        boss = Client()
        boss.force_login(of(mina))
        page = text_of(boss.get("/access/interests/").content)
        assert "Olu" in page
        assert "700123452" not in page
        made = Interest.objects.get()
        boss.post(f"/access/interests/{made.pk}/end/", {"reason": "Account closed"})
        made.refresh_from_db()
        assert not made.is_current
        boss.post("/access/interests/new/", {**typed, "person": str(olu.pk), "relation": "relative"})
        assert Interest.objects.filter(person=olu, ended_on=None, relation="relative").exists()
