"""Roles a council composes, and the report of who can do what."""

from __future__ import annotations

import pytest

from ims.access import report, services
from ims.audit.models import Event
from ims.common.errors import InvalidInput, NotAllowed
from ims.people import checks, council_roles
from ims.people import services as people
from ims.people.errors import PeopleRefusal
from ims.people.models import CouncilRole, User
from ims.people.selectors import actor_for
from tests.access.conftest import fresh


def compose(actor, role=None, **changes):
    values = {
        "name": "Cashier",
        "purpose": "Takes money at a counter",
        "permissions": ["ledger.view_entry", "ledger.post_receipt"],
        "reason": "Counter reopens",
    }
    return council_roles.save_role(actor=actor, role=role, **{**values, **changes})


class TestComposing:
    def test_it_lets_its_holders_do_exactly_what_it_says(self, administrator, officer):
        compose(administrator)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier"], reason="Counter")
        held = fresh(officer)
        assert held.role_names == "Cashier"
        assert actor_for(held).permissions == {"ledger.view_entry", "ledger.post_receipt"}
        assert list(checks.findings()) == []

    def test_a_change_reaches_its_holders_and_history_says_why(self, administrator, officer):
        role = compose(administrator)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier"], reason="Counter")
        compose(administrator, role, permissions=["ledger.view_entry"], reason="Takes no money now")
        assert actor_for(fresh(officer)).permissions == {"ledger.view_entry"}
        assert Event.objects.filter(verb="council_role_saved").latest("pk").data == {
            "gained": [],
            "lost": ["ledger.post_receipt"],
        }
        assert role.history.first().history_change_reason == "Takes no money now"

    @pytest.mark.parametrize("name", sorted(council_roles.NOT_TO_COMPOSE))
    def test_what_makes_an_administrator_is_not_to_be_had(self, administrator, name):
        with pytest.raises(PeopleRefusal, match="Administrator alone"):
            compose(administrator, permissions=[name])

    def test_nobody_changes_a_role_they_hold(self, administrator, colleague):
        role = compose(administrator, permissions=["ledger.view_entry"])
        ada = User.objects.get(username="ada")
        people.change_roles(actor=colleague, person=ada, roles=["Administrator", "Cashier"], reason="Helps out")
        with pytest.raises(PeopleRefusal, match="hold this role yourself"):
            compose(administrator, role, permissions=["ledger.post_journal"])

    def test_the_six_stay_as_they_are(self, administrator):
        with pytest.raises(PeopleRefusal, match="come with IMS"):
            compose(administrator, name="finance")

    def test_refusals(self, administrator, desk, officer):
        with pytest.raises(NotAllowed):
            compose(desk)
        with pytest.raises(InvalidInput, match="at least one"):
            compose(administrator, permissions=[])
        with pytest.raises(InvalidInput, match="not a permission"):
            compose(administrator, permissions=["ledger.print_money"])
        with pytest.raises(InvalidInput, match="comma"):
            compose(administrator, name="A, B")
        role = compose(administrator)
        with pytest.raises(PeopleRefusal, match="already"):
            compose(administrator)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier"], reason="Counter")
        with pytest.raises(PeopleRefusal, match="Make a new role"):
            compose(administrator, role, name="Teller")

    def test_out_of_use_it_is_kept_and_given_to_nobody_new(self, administrator, officer, manager):
        role = compose(administrator)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier"], reason="Counter")
        compose(administrator, role, is_in_use=False)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier", "Finance"], reason="More")
        with pytest.raises(InvalidInput, match="not a role"):
            people.change_roles(
                actor=administrator, person=User.objects.get(username="max"), roles=["Cashier"], reason="No"
            )

    def test_a_change_behind_the_services_is_found(self, administrator):
        role = compose(administrator)
        role.group.permissions.clear()
        assert any("Cashier was changed outside IMS" in finding for finding in checks.findings())

    def test_leaving_takes_composed_roles_too(self, administrator, officer):
        compose(administrator)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier"], reason="Counter")
        people.deactivate(actor=administrator, person=officer, reason="Left")
        assert not fresh(officer).groups.exists()


class TestReport:
    def test_it_says_through_which_role_and_given_by_whom_when_and_why(self, administrator, officer):
        compose(administrator)
        people.change_roles(actor=administrator, person=officer, roles=["Cashier"], reason="Counter reopens")
        found = report.holdings(administrator, person=fresh(officer))
        assert {each.permission for each in found} == {"ledger.view_entry", "ledger.post_receipt"}
        [one] = [each for each in found if each.permission == "ledger.post_receipt"]
        assert (one.role, one.sentence, one.scope) == ("Cashier", "Post receipts", "All money")
        assert (one.given.by, one.given.why) == ("Ada", "Counter reopens")
        assert (one.in_role.by, one.in_role.why) == ("Ada", "Counter reopens")

    def test_it_says_who_set_the_scope_and_why(self, administrator, officer, rents):
        services.set_scope(
            actor=administrator, person=officer, fund_groups=[rents], offices=None, methods=None, reason="Rents alone"
        )
        one = report.holdings(administrator, person=fresh(officer), permission="ledger.view_entry")[0]
        assert (one.scope, one.scoped.by, one.scoped.why) == ("Fund groups: Rents", "Ada", "Rents alone")

    def test_taken_away_and_given_again_it_tells_of_the_last_time(self, administrator, officer):
        for roles, why in ((["Finance"], "First"), (["Income officer"], "Back"), (["Finance"], "Again")):
            people.change_roles(actor=administrator, person=officer, roles=roles, reason=why)
        found = report.holdings(administrator, person=fresh(officer), permission="exports.build_export")
        assert [each.given.why for each in found] == ["Again"]

    def test_everybody_who_holds_a_permission(self, administrator, colleague, officer):
        found = report.holdings(administrator, permission="people.grant_administrator")
        assert [str(each.person) for each in found] == ["Ada", "Bea"]

    def test_what_it_says_is_what_django_says(self, administrator, colleague, manager, desk, officer):
        for person in User.objects.all():
            told = {each.permission for each in report.holdings(administrator, person=person)}
            assert told == {name for name in person.get_all_permissions() if "_historical" not in name}

    def test_it_is_for_auditors_and_administrators(self, manager, administrator):
        with pytest.raises(NotAllowed):
            report.holdings(manager)
        report.export(actor=administrator)
        assert Event.objects.get(verb="who_can_exported").data["rows"] > 50

    def test_every_permission_has_a_sentence(self, world):
        sentences = [each.sentence for each in council_roles.named_permissions()]
        assert not any("istorical" in sentence for sentence in sentences)
        assert all(sentence and "_" not in sentence and sentence[0].isupper() for sentence in sentences)
        assert CouncilRole.objects.count() == 0
