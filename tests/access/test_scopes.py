"""What people may see, and that they may not write beyond it."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ims.access import selectors, services
from ims.access.errors import AccessRefusal
from ims.access.models import PersonScope
from ims.audit.actors import acting
from ims.audit.models import Event
from ims.common.errors import InvalidInput, NotAllowed, NotFound
from ims.imports import services as imports
from ims.imports.errors import ImportRefusal
from ims.jobs.models import actor_as_data, actor_from_data
from ims.ledger import services as ledger
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line
from ims.people import services as people
from ims.people.errors import PeopleRefusal
from ims.people.selectors import actor_for
from tests.access.conftest import fresh
from tests.imports.files import checked, line, simple_profile
from tests.people.people_world import SET_UP
from tests.support.world import person

EVERYTHING = {"fund_groups": [], "offices": None, "methods": None}


def limit(actor, whom, **scope):
    return services.set_scope(actor=actor, person=whom, reason="Works on rents", **{**EVERYTHING, **scope})


class TestSetting:
    def test_each_side_limits_and_history_and_trail_say_why(self, administrator, officer, rents):
        words = limit(administrator, officer, fund_groups=[rents], offices=["WP"], methods=["28", "1"])
        assert words == "Fund groups: Rents. Offices: WP. Methods: 1, 28"
        now = actor_for(fresh(officer))
        assert (now.funds, now.offices, now.methods) == ({"5"}, {"WP"}, {"28", "1"})
        assert now.is_limited
        assert PersonScope.history.get().history_change_reason == "Works on rents"
        event = Event.objects.get(verb="scope_changed")
        assert event.data == {"before": "All money", "after": words}
        assert event.reason == "Works on rents"

    def test_back_to_everything(self, administrator, officer, rents):
        limit(administrator, officer, fund_groups=[rents], offices=["WP"])
        assert limit(administrator, officer) == "All money"
        assert not actor_for(fresh(officer)).is_limited

    def test_twice_changes_nothing(self, administrator, officer, rents):
        limit(administrator, officer, fund_groups=[rents], offices=["WP"])
        limit(administrator, officer, fund_groups=[rents], offices=["WP"])
        assert Event.objects.filter(verb="scope_changed").count() == 1
        assert PersonScope.history.count() == 1

    def test_nobody_changes_their_own(self, administrator):
        with pytest.raises(AccessRefusal, match="you yourself"):
            limit(administrator, fresh_of(administrator), offices=["WP"])

    def test_it_needs_the_permission(self, desk, officer):
        with pytest.raises(NotAllowed):
            limit(desk, officer, offices=["WP"])

    def test_nothing_at_all_is_no_scope(self, administrator, officer):
        with pytest.raises(AccessRefusal, match="at least one office"):
            limit(administrator, officer, offices=[])
        with pytest.raises(IntegrityError), transaction.atomic(), acting(SET_UP, "Behind the service"):
            PersonScope.objects.create(person=officer, methods=[])

    def test_ones_own_office_is_within(self, administrator, officer):
        people.change_details(
            actor=administrator, person=officer, display_name="Olu", email="", office_code="WP", reason="Moved desk"
        )
        with pytest.raises(AccessRefusal, match="works at office WP"):
            limit(administrator, fresh(officer), offices=["99"])

    def test_codes_must_exist(self, administrator, officer):
        with pytest.raises(InvalidInput, match="no method of payment “ZZ”"):
            limit(administrator, officer, methods=["ZZ"])

    @pytest.mark.django_db(transaction=True)
    def test_two_at_once_leave_one_scope(self, administrator, colleague, officer):
        results = []

        def run(actor, offices):
            try:
                results.append(limit(actor, officer, offices=offices))
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=args) for args in ((administrator, ["WP"]), (colleague, ["99"]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 2
        assert PersonScope.objects.get(person=officer).offices in (["WP"], ["99"])

    def test_background_work_keeps_the_scope_of_who_asked(self, administrator, officer):
        limit(administrator, officer, offices=["WP"], methods=["28"])
        actor = actor_for(fresh(officer))
        assert actor_from_data(actor_as_data(actor)) == actor


def fresh_of(actor):
    from ims.people.models import User

    return User.objects.get(pk=int(actor.identifier))


class TestWriting:
    """What somebody may not see they may not post either."""

    RIGHTS = ("ledger.post_receipt", "ledger.post_journal", "imports.post_batch", "imports.receive_file",
              "ledger.reverse_posting")  # fmt: skip

    def receipt(self, actor, **changes):
        values = {"fund": "5", "amount": Decimal(10), "method_of_payment": "28", "account_reference": "45006789013"}
        given = Line(**{**values, **changes})
        return ledger.post_receipts(actor=actor, lines=[given], source_kind="test", source_key=str(changes)).posting

    @pytest.mark.parametrize(
        ("limits", "changes", "said"),
        [
            ({"funds": frozenset({"5"})}, {"fund": "23"}, "not one of yours"),
            ({"offices": frozenset({"WP"})}, {"office": "99"}, "office 99"),
            ({"methods": frozenset({"28"})}, {"method_of_payment": "90"}, "method of payment 90"),
        ],
    )
    def test_a_receipt_outside_is_refused_in_a_sentence(self, world, limits, changes, said):
        limited = replace(person("Olu", *self.RIGHTS), **limits)
        with pytest.raises(LedgerRefusal, match=said):
            self.receipt(limited, **changes)
        assert self.receipt(limited).entry_count == 1

    def test_a_journal_needs_its_own_methods_in_scope(self, world):
        posting = self.receipt(SET_UP)
        target = Line(fund="13", account_reference="X", amount=Decimal(4))
        move = {"entry_id": posting.entries.get().pk, "targets": [target], "reason": "Wrong", "key": "k"}
        limited = replace(person("Olu", *self.RIGHTS), methods=frozenset({"28"}))
        with pytest.raises(LedgerRefusal, match="method of payment J"):
            ledger.post_journal(actor=limited, **move)
        assert ledger.post_journal(actor=replace(limited, methods=frozenset({"28", "JN", "JR"})), **move)

    def test_what_is_not_seen_is_not_moved_or_reversed(self, world):
        posting = self.receipt(SET_UP, office="99")
        limited = replace(person("Olu", *self.RIGHTS), offices=frozenset({"WP"}))
        target = Line(fund="13", account_reference="X", amount=Decimal(4))
        with pytest.raises(LedgerRefusal, match="does not exist"):
            ledger.post_journal(
                actor=limited, entry_id=posting.entries.get().pk, targets=[target], reason="Wrong", key="k"
            )
        with pytest.raises(LedgerRefusal, match="does not exist"):
            ledger.reverse(actor=limited, posting_id=posting.pk, reason="Wrong")

    def test_a_file_with_money_outside_is_not_posted_by_a_limited_person(self, world):
        simple_profile()
        batch = checked(SET_UP, [line("1.00", fund="5", reference="45006789013"), line("2.00")])
        limited = person("Olu", *self.RIGHTS, funds=frozenset({"5"}))
        with pytest.raises(ImportRefusal, match="line 2 is the first"):
            imports.post(actor=limited, batch_id=batch.pk)
        batch.refresh_from_db()
        assert batch.state == "checked"
        elsewhere = person("Eve", *self.RIGHTS, funds=frozenset({"13"}))
        with pytest.raises(NotFound):
            imports.post(actor=elsewhere, batch_id=batch.pk)


class TestMovers:
    def test_roles_of_a_limited_person_change_only_when_somebody_looked_at_the_scope(
        self, administrator, officer, rents
    ):
        limit(administrator, officer, fund_groups=[rents])
        change = {"actor": administrator, "person": fresh(officer), "roles": ["Finance"], "reason": "New post"}
        with pytest.raises(PeopleRefusal, match="must not stay by oversight"):
            people.change_roles(**change)
        assert people.change_roles(**change, scope_confirmed=True).role_names == "Finance"

    def test_a_move_is_one_act_and_must_be_confirmed(self, administrator, officer, rents):
        limit(administrator, officer, fund_groups=[rents])
        move = {
            "actor": administrator,
            "person": fresh(officer),
            "roles": ["Finance"],
            "office": "WP",
            "fund_groups": [],
            "offices": ["WP"],
            "methods": None,
            "reason": "Moved to finance",
        }
        with pytest.raises(AccessRefusal, match="keeps nothing"):
            services.move_person(**move, old_access_removed=False)
        moved = services.move_person(**move, old_access_removed=True)
        assert (moved.role_names, moved.office_code) == ("Finance", "WP")
        assert selectors.scope_in_words(moved) == "Offices: WP"
        assert Event.objects.get(verb="person_moved").data == {"roles": "Finance", "scope": "Offices: WP"}
