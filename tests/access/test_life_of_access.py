"""Access that ends by itself, accounts nobody uses, and files of starters and leavers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from ims.access import selectors, staff_file, tasks
from ims.approvals import services as approvals
from ims.audit.actors import acting
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import Conflict, ImsError, InvalidInput, NotAllowed
from ims.people import services as people
from ims.people.errors import PeopleRefusal
from ims.people.models import AccessKind, User
from ims.people.selectors import actor_for
from ims.sign_in.models import BreakGlassAccount
from tests.access.conftest import fresh
from tests.people.people_world import SET_UP
from tests.support import limits

TOMORROW = clock.today() + timedelta(days=1)
LONG_AGO = clock.now() - timedelta(days=91)


def ended(person: User) -> User:
    User.objects.filter(pk=person.pk).update(access_ends_on=clock.today() - timedelta(days=1))
    return fresh(person)


def unused(person: User, days: int) -> None:
    moment = clock.now() - timedelta(days=days)
    User.objects.filter(pk=person.pk).update(last_login=moment, date_joined=moment, access_began_at=moment)


class TestLastDay:
    def test_after_it_nothing_is_allowed_without_anybody_acting(self, officer):
        client = Client()
        client.force_login(officer)
        assert client.get("/receipts/").status_code == 200
        over = ended(officer)
        assert actor_for(over).permissions == frozenset()
        assert not over.has_perm("ledger.view_entry")
        answer = client.get("/receipts/")
        assert answer.status_code == 302
        assert answer.url == "/account/not-active/"
        assert "_auth_user_id" not in client.session

    def test_on_the_day_itself_it_still_holds(self, officer):
        User.objects.filter(pk=officer.pk).update(access_ends_on=clock.today())
        assert fresh(officer).has_perm("ledger.view_entry")

    def test_the_night_takes_the_roles_too_and_says_so(self, officer):
        ended(officer)
        tasks.close_access()
        gone = fresh(officer)
        assert (gone.is_active, gone.role_names) == (False, "")
        event = Event.objects.get(verb="person_deactivated")
        assert event.actor_name == "Job: access.close"
        assert event.reason.startswith("The last day of access was")
        tasks.close_access()
        assert Event.objects.filter(verb="person_deactivated").count() == 1

    def test_borrowed_access_needs_an_end(self, administrator, officer):
        term = {"actor": administrator, "person": officer, "reason": "Agency"}
        with pytest.raises(InvalidInput, match="needs a last day"):
            people.set_access_term(**term, kind=AccessKind.SUPPLIER, ends_on=None)
        with pytest.raises(IntegrityError, match="borrowed_access_has_an_end"), transaction.atomic():
            User.objects.filter(pk=officer.pk).update(access_kind=AccessKind.SUPPLIER)
        people.set_access_term(**term, kind=AccessKind.SUPPLIER, ends_on=TOMORROW)
        assert fresh(officer).access_ends_on == TOMORROW
        assert Event.objects.get(verb="access_term_changed").reason == "Agency"

    def test_a_day_that_has_passed_is_refused(self, administrator, officer):
        with pytest.raises(InvalidInput, match="make the person inactive"):
            people.set_access_term(
                actor=administrator,
                person=officer,
                kind=AccessKind.STAFF,
                ends_on=clock.today() - timedelta(days=1),
                reason="Left",
            )

    def test_the_only_administrator_is_given_no_last_day(self, administrator):
        with pytest.raises(PeopleRefusal, match="only Administrator"):
            people.set_access_term(
                actor=SET_UP,
                person=User.objects.get(username="ada"),
                kind=AccessKind.STAFF,
                ends_on=TOMORROW,
                reason="x",
            )

    def test_nobody_lengthens_their_own(self, administrator):
        with pytest.raises(PeopleRefusal, match="you yourself"):
            people.set_access_term(
                actor=administrator,
                person=User.objects.get(username="ada"),
                kind=AccessKind.STAFF,
                ends_on=TOMORROW,
                reason="More",
            )

    def test_coming_back_needs_a_new_last_day(self, administrator, officer):
        ended(officer)
        tasks.close_access()
        with pytest.raises(PeopleRefusal, match="last day of access was"):
            people.reactivate(actor=administrator, person=officer, roles=["Income officer"], reason="Back")


class TestUnused:
    def test_they_are_named_first_and_closed_after_ninety_days(self, administrator, officer):
        unused(officer, 80)
        [warned] = selectors.unused_accounts()
        assert (warned.person, warned.closes_on) == (officer, clock.today() + timedelta(days=10))
        tasks.close_access()
        assert fresh(officer).is_active
        unused(officer, 90)
        tasks.close_access()
        assert not fresh(officer).is_active
        assert "Not used since" in Event.objects.get(verb="person_deactivated").reason

    def test_break_glass_accounts_are_left(self, administrator, officer):
        unused(officer, 400)
        with acting(SET_UP, "Sealed"):
            BreakGlassAccount.objects.create(person=officer)
        assert selectors.unused_accounts() == []
        tasks.close_access()
        assert fresh(officer).is_active

    def test_the_only_administrator_stays_and_somebody_is_told(self, administrator):
        unused(User.objects.get(username="ada"), 400)
        with pytest.raises(ImsError, match="only Administrator"):
            tasks.close_access()
        assert User.objects.get(username="ada").is_active
        assert Event.objects.get(verb="access_not_closed").subject_label == "Ada"

    def test_coming_back_starts_the_days_anew(self, administrator, officer):
        unused(officer, 400)
        tasks.close_access()
        people.reactivate(actor=administrator, person=officer, roles=["Income officer"], reason="Back from leave")
        tasks.close_access()
        assert fresh(officer).is_active


class TestStaffFile:
    TEXT = (
        "username,name,email,office,roles,last_day\n"
        "new,Nia New,nia@example.org,WP,Income officer;Finance,\n"
        f"olu,,,,,{TOMORROW:%d/%m/%Y}\n"
        "max,Max Manager,max@example.org,,,\n"
    )

    def apply(self, actor, text: str):
        planned = staff_file.plan(actor, text)
        return staff_file.apply(actor=actor, text=text, fingerprint=planned.fingerprint, reason="HR, week 48")

    def test_the_plan_names_every_change_and_does_nothing(self, administrator, officer, manager):
        planned = staff_file.plan(administrator, self.TEXT)
        assert [(change.line, change.kind) for change in planned.changes] == [
            (2, "starter"),
            (3, "leaver"),
            (4, "change"),
        ]
        assert planned.absent == ["Ada"]
        assert not User.objects.filter(username="new").exists()

    def test_who_needs_a_second_person_waits_and_the_rest_is_done(self, desk, officer, manager):
        limits.as_installed()
        assert "Waits for a second person" in staff_file.plan(desk, self.TEXT).changes[0].what
        done = self.apply(desk, self.TEXT)
        [waits] = done.waiting
        assert (waits.change.username, waits.request.summary) == ("new", "Add Nia New with roles")
        assert [change.kind for change in done.done] == ["leaver", "change"]
        assert not User.objects.filter(username="new").exists()
        assert fresh(officer).access_ends_on == TOMORROW
        assert Event.objects.get(verb="staff_file_applied").data == {"starter": 0, "leaver": 1, "change": 1, "asked": 1}
        again = staff_file.plan(desk, self.TEXT)  # not asked for twice
        assert (again.changes, again.asked_already) == ([], [f"new ({waits.request})"])
        approvals.approve(actor=manager, request_id=waits.request.pk)
        assert User.objects.get(username="new").role_names == "Income officer, Finance"

    def test_it_is_done_once_as_planned(self, administrator, officer, manager):
        self.apply(administrator, self.TEXT)
        new = User.objects.get(username="new")
        assert (new.role_names, new.office_code) == ("Income officer, Finance", "WP")
        assert fresh(officer).access_ends_on == TOMORROW
        assert User.objects.get(username="max").email == "max@example.org"
        assert Event.objects.get(verb="staff_file_applied").data == {"starter": 1, "leaver": 1, "change": 1}
        assert staff_file.plan(administrator, self.TEXT).changes == []

    def test_who_left_already_is_closed_now(self, administrator, officer):
        self.apply(administrator, f"username,last_day\nolu,{clock.today() - timedelta(days=3):%Y-%m-%d}\n")
        assert not fresh(officer).is_active

    def test_all_or_nothing(self, desk, administrator, officer):
        text = f"username,name,roles,last_day\nnew,Nia,Income officer,\nada,,,{TOMORROW:%d/%m/%Y}\n"
        with pytest.raises(NotAllowed, match=r"Line 3, ada: .*Nothing was changed"):
            self.apply(desk, text)
        assert not User.objects.filter(username="new").exists()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "empty"),
            ("name\nX\n", "no column “username”"),
            ("username,salary\nx,1\n", "column “salary”"),
            ("username\0,name\nx,1\n", "not a CSV"),
        ],
    )
    def test_what_is_no_such_list_is_refused(self, administrator, text, said):
        with pytest.raises(InvalidInput, match=said):
            staff_file.plan(administrator, text)

    def test_problems_are_named_by_line(self, administrator, officer):
        text = (
            "username,name,office,roles,last_day\n"
            "new,,,,\nolu,,ZZ,,\nx,X,,Emperor,\ny,Y,,,31/02/2026\nolu,,,,\n,Nameless,,,\n"
        )
        problems = staff_file.plan(administrator, text).problems
        assert [problem.split(":")[0] for problem in problems] == [f"Line {n}" for n in range(2, 8)]
        with pytest.raises(InvalidInput, match="nothing was changed"):
            staff_file.apply(actor=administrator, text=text, fingerprint="x", reason="HR")

    def test_people_changed_meanwhile(self, administrator, officer, manager):
        planned = staff_file.plan(administrator, self.TEXT)
        with acting(SET_UP, "Meanwhile"):
            User.objects.filter(pk=officer.pk).update(access_ends_on=TOMORROW)
        with pytest.raises(Conflict, match="changed since"):
            staff_file.apply(actor=administrator, text=self.TEXT, fingerprint=planned.fingerprint, reason="HR")

    def test_it_needs_the_permission(self, manager):
        with pytest.raises(NotAllowed):
            staff_file.plan(manager, self.TEXT)
