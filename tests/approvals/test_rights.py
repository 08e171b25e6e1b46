"""Granting roles takes two; duties that do not go together are refused or listed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from ims.access import services as access
from ims.access.selectors import scope_in_words
from ims.approvals import seed, services
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.models import Conflict, Request
from ims.audit.actors import Actor, command
from ims.audit.models import Event
from ims.common.errors import InvalidInput, NotAllowed
from ims.people import checks, council_roles, roles
from ims.people import services as people
from ims.people.errors import PeopleRefusal
from ims.people.models import CouncilRole, User
from ims.people.selectors import actor_for
from tests.people.people_world import actor, member
from tests.support import limits
from tests.support.world import World


@pytest.fixture
def suggested(world: World) -> World:
    limits.as_installed()
    return world


@pytest.fixture
def desk(suggested: World) -> Actor:
    return actor("desk", "Service desk")


def grant(by: Actor, person: User, *names: str) -> User:
    return people.change_roles(actor=by, person=person, roles=names, reason="New post")


def ask(needed: ApprovalNeeded, by: Actor) -> Request:
    return services.request(actor=by, kind=needed.kind, payload=needed.payload, reason="New post")


# --- granting ------------------------------------------------------------------------------------------------------


def test_a_grant_waits_for_a_second_person(suggested: World, desk: Actor, mina: Actor):
    ned = member("ned")
    with pytest.raises(ApprovalNeeded, match="Grants of roles need the approval of a second person") as needed:
        grant(desk, ned, "Income officer")
    request = ask(needed.value, desk)
    assert request.plan["differences"] == [{"name": "Roles", "before": "", "after": "Income officer"}]
    services.approve(actor=mina, request_id=request.pk)
    ned.refresh_from_db()
    assert ned.role_names == "Income officer"
    assert ned.history.first().actor_name == desk.name


def test_who_it_is_about_does_not_decide(suggested: World, desk: Actor, mina: Actor):
    with pytest.raises(ApprovalNeeded) as needed:
        grant(desk, User.objects.get(pk=mina.identifier), "Income manager", "Finance")
    with pytest.raises(NotAllowed, match="about yourself"):
        services.approve(actor=mina, request_id=ask(needed.value, desk).pk)


def test_no_role_of_the_council_takes_the_limits_of_a_part_of_ims(suggested: World):
    with pytest.raises(InvalidInput, match="no colon"):
        council_roles.save_role(
            actor=actor("ada", "Administrator"), name="system:directory", purpose="x", permissions=["funds.view_fund"],
            reason="x",
        )  # fmt: skip


def test_taking_a_role_away_needs_nobody(suggested: World, desk: Actor, mina: Actor):
    ned = member("ned", "Income officer", "Finance")
    assert grant(desk, ned, "Income officer").role_names == "Income officer"


def test_adding_a_person_and_bringing_one_back(suggested: World, desk: Actor, mina: Actor):
    with pytest.raises(ApprovalNeeded) as needed:
        people.create_person(
            actor=desk, username="nora", display_name="Nora New", roles=["Income officer"], reason="Starts"
        )
    request = ask(needed.value, desk)
    assert not User.objects.filter(username="nora").exists()
    services.approve(actor=mina, request_id=request.pk)
    nora = User.objects.get(username="nora")
    people.deactivate(actor=desk, person=nora, reason="Left")
    with pytest.raises(ApprovalNeeded) as needed:
        people.reactivate(actor=desk, person=nora, roles=["Income officer"], reason="Back")
    services.approve(actor=mina, request_id=ask(needed.value, desk).pk)
    nora.refresh_from_db()
    assert (nora.is_active, nora.role_names) == (True, "Income officer")


def test_who_approves_sees_until_when_and_a_mistake_is_told_before_anybody_is_asked(suggested: World, mina: Actor):
    desk = Client()
    desk.force_login(member("desk", "Service desk"))
    typed = {"username": "nora", "display_name": "Nora New", "roles": ["Income officer"], "change_reason": "Starts"}
    typed["access_kind"] = "supplier"
    answer = desk.post("/admin/people/user/add/", typed)
    assert "needs a last day" in answer.content.decode()
    assert 'value="Nora New"' in answer.content.decode()
    assert not Request.objects.exists()
    desk.post("/admin/people/user/add/", {**typed, "access_ends_on": "31/12/2099"})
    assert ["Kind of access", "Supplier, until 31 Dec 2099"] in Request.objects.get().plan["facts"]


def test_a_move_is_asked_for_with_office_and_scope_and_done_as_a_whole(suggested: World, mina: Actor):
    ada = actor("ada", "Administrator")
    olu = member("olu")
    move = {"person": olu, "roles": ["Income officer"], "office": "WP", "fund_groups": [], "offices": ["WP"]}
    with pytest.raises(ApprovalNeeded) as needed:
        access.move_person(actor=ada, **move, methods=None, old_access_removed=True, reason="Moves")
    assert scope_in_words(olu) == "All money"
    request = ask(needed.value, ada)
    assert [(each["name"], each["after"]) for each in request.plan["differences"]] == [
        ("Roles", "Income officer"),
        ("Office", "WP"),
        ("Sees", "Offices: WP"),
    ]
    services.approve(actor=mina, request_id=request.pk)
    olu.refresh_from_db()
    assert (olu.role_names, olu.office_code, scope_in_words(olu)) == ("Income officer", "WP", "Offices: WP")


def test_a_move_asked_for_is_not_done_when_what_they_see_has_changed(suggested: World, mina: Actor):
    ada = actor("ada", "Administrator")
    olu = member("olu")
    move = {"person": olu, "roles": ["Finance"], "office": "", "fund_groups": [], "offices": None, "methods": None}
    with pytest.raises(ApprovalNeeded) as needed:
        access.move_person(actor=ada, **move, old_access_removed=True, reason="Moves")
    request = ask(needed.value, ada)
    access.set_scope(actor=ada, person=olu, fund_groups=[], offices=["WP"], methods=None, reason="Meanwhile")
    assert services.approve(actor=mina, request_id=request.pk).state == "stale"
    assert User.objects.get(pk=olu.pk).role_names == ""


def test_what_is_changed_beside_roles_that_wait_is_not_lost_unsaid(suggested: World, mina: Actor):
    desk, olu = Client(), member("olu")
    desk.force_login(member("desk", "Service desk"))
    typed = {"display_name": "Olu Adeyemi", "roles": ["Income officer"], "is_active": "on", "change_reason": "New post"}
    answer = desk.post(f"/admin/people/user/{olu.pk}/change/", typed)
    assert "Save those first" in answer.content.decode()
    assert not Request.objects.exists()
    desk.post(f"/admin/people/user/{olu.pk}/change/", {**typed, "roles": []})
    assert User.objects.get(pk=olu.pk).display_name == "Olu Adeyemi"
    desk.post(f"/admin/people/user/{olu.pk}/change/", typed)
    assert Request.objects.get().plan["differences"][0]["after"] == "Income officer"


def test_somebody_without_roles_needs_nobody(suggested: World, desk: Actor, mina: Actor):
    assert people.create_person(actor=desk, username="nora", display_name="Nora", roles=[], reason="Starts")


def test_while_nobody_else_could_approve_it_is_done_alone_and_on_record(suggested: World):
    ada = actor("ada", "Administrator")
    grant(ada, member("ned"), "Income manager")
    assert Event.objects.filter(verb="roles_granted_alone", actor_name=ada.name).count() == 1
    with pytest.raises(ApprovalNeeded):  # now Ned could
        grant(ada, member("olga"), "Income officer")


# --- duties --------------------------------------------------------------------------------------------------------


def test_the_six_roles_hold_no_refused_conflict_by_themselves(suggested: World):
    from ims.approvals.duties import conflicts_within
    from ims.people.granting import permissions_of

    roles.sync_roles()
    for name in roles.ROLE_NAMES:
        held = conflicts_within(permissions_of(frozenset({name})), {name})
        assert [conflict.name for conflict in held if conflict.is_refused] == [], name


def test_every_duty_named_exists(suggested: World):
    known = roles._declared()
    for conflict in Conflict.objects.all():
        for duty in (conflict.first, conflict.second):
            assert duty in known or duty.removeprefix("role:") in roles.ROLE_NAMES


@pytest.mark.parametrize(
    "held",
    [("Administrator", "Income officer"), ("Service desk", "Finance"), ("Auditor", "Income officer")],
)
def test_what_does_not_go_together_is_refused(suggested: World, desk: Actor, held: tuple[str, str]):
    ada = actor("ada", "Administrator")
    with pytest.raises(PeopleRefusal, match="cannot be held by one person"):
        grant(ada, member("ned"), *held)
    with pytest.raises(PeopleRefusal, match="cannot be held by one person"):
        people.create_person(actor=ada, username="nora", display_name="Nora", roles=held, reason="x")


def test_not_even_by_approval(suggested: World, desk: Actor, mina: Actor):
    payload = {
        "act": "change",
        "arguments": {"person": member("ned").pk, "roles": ["Auditor", "Income officer"], "reason": "x"},
        "reason": "x",
    }
    with pytest.raises(PeopleRefusal, match="cannot be held by one person"):
        services.request(actor=desk, kind="people.roles", payload=payload, reason="x")


def test_out_of_force_it_is_allowed(suggested: World):
    ada = actor("ada", "Administrator")
    Conflict.objects.filter(first="role:Auditor").update(is_in_force=False)
    assert grant(ada, member("ned"), "Auditor", "Income officer")


def test_held_before_it_is_found_and_does_not_stop_other_changes(suggested: World):
    ned = member("ned", "Auditor", "Income officer", "Service desk")
    found = [each for each in checks.verify() if each.check == "people.duties"]
    assert [each.severity for each in found if "Audits and posts receipts" in each.message] == ["warning"]
    assert any("Ned" in each.message for each in found)
    ada = actor("ada", "Administrator")
    assert grant(ada, ned, "Auditor", "Income officer").role_names == "Income officer, Auditor"


def test_what_is_only_reported_is_listed_with_what_makes_up_for_it(suggested: World, mina: Actor):
    found = [each for each in checks.verify() if each.check == "people.duties"]
    [sentence] = [each.message for each in found if "Allocates suspense and writes it off" in each.message]
    assert "Mina" in sentence
    assert "second person" in sentence
    assert {each.severity for each in found} == {"information"}


def test_suggested_once(suggested: World):
    assert seed.suggest_conflicts() == 0


def test_a_conflict_needs_two_duties_and_what_makes_up_for_it(suggested: World):
    for values in ({"first": "a.b", "second": "a.b", "severity": "refuse"}, {"first": "a.b", "second": "c.d"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Conflict.objects.create(name="x", why="y", **values)


def test_the_rights_of_now_count(suggested: World, mina: Actor):
    assert actor_for(User.objects.get(pk=mina.identifier)).may("approvals.decide_request")


# --- what a role allows --------------------------------------------------------------------------------------------


def compose(by: Actor, role: CouncilRole | None = None, **changes: object) -> CouncilRole:
    values = {"name": "Cashier", "purpose": "Counter", "permissions": ["ledger.view_entry"], "reason": "Counter opens"}
    return council_roles.save_role(actor=by, role=role, **{**values, **changes})


@pytest.fixture
def ada(suggested: World, mina: Actor) -> Actor:
    return actor("ada", "Administrator")


@pytest.fixture
def cashier(ada: Actor, mina: Actor) -> CouncilRole:
    """The role, composed by Ada and agreed by Mina."""
    with pytest.raises(ApprovalNeeded) as needed:
        compose(ada)
    services.approve(actor=mina, request_id=ask(needed.value, ada).pk)
    return CouncilRole.objects.get(name="Cashier")


def test_composing_a_role_takes_two(ada: Actor, mina: Actor, cashier: CouncilRole):
    assert cashier.permissions == ["ledger.view_entry"]
    assert cashier.history.first().actor_name == ada.name
    request = Request.objects.get(kind="people.council_role")
    assert (request.state, request.decided_by_name) == ("approved", mina.name)
    assert {"name": "May now", "before": "", "after": "Ledger: See entries"} in request.plan["differences"]


def test_a_role_grows_by_two_and_shrinks_by_one(ada: Actor, mina: Actor, cashier: CouncilRole):
    ned = member("ned", "Cashier")
    more = ["ledger.post_receipt", "ledger.view_entry"]
    with pytest.raises(ApprovalNeeded) as needed:
        compose(ada, cashier, permissions=more)
    assert not actor_for(User.objects.get(pk=ned.pk)).may("ledger.post_receipt")
    request = ask(needed.value, ada)
    assert ["Who holds it", "Ned"] in request.plan["facts"]
    assert ask(needed.value, ada) == request  # asked twice is asked once
    services.approve(actor=mina, request_id=request.pk)
    assert actor_for(User.objects.get(pk=ned.pk)).may("ledger.post_receipt")
    saved = Event.objects.filter(verb="council_role_saved").latest("pk")
    assert (saved.actor_name, saved.data) == (ada.name, {"gained": ["ledger.post_receipt"], "lost": []})
    assert compose(ada, cashier, permissions=["ledger.post_receipt"], purpose="Less").purpose == "Less"


def test_who_holds_the_role_does_not_decide(ada: Actor, mina: Actor, cashier: CouncilRole):
    User.objects.get(pk=mina.identifier).groups.add(cashier.group)
    with pytest.raises(ApprovalNeeded) as needed:
        compose(ada, cashier, permissions=["ledger.view_entry", "ledger.post_journal"])
    with pytest.raises(NotAllowed, match="about yourself"):
        services.approve(actor=mina, request_id=ask(needed.value, ada).pk)


def test_duties_brought_together_in_a_holders_hands_are_refused(ada: Actor, cashier: CouncilRole):
    member("ned", "Cashier", "Service desk")
    with pytest.raises(PeopleRefusal, match=r"Ned would hold both with the role “Cashier”"):
        compose(ada, cashier, permissions=["ledger.view_entry", "ledger.post_receipt"])
    cashier.refresh_from_db()
    assert cashier.permissions == ["ledger.view_entry"]


def test_duties_brought_together_by_the_role_itself_are_refused(ada: Actor):
    with pytest.raises(PeopleRefusal, match="Whoever holds it would hold both"):
        compose(ada, permissions=["people.change_user", "ledger.post_receipt"])


def test_duties_that_are_only_reported_are_shown_and_on_record(ada: Actor, mina: Actor, cashier: CouncilRole):
    member("ned", "Cashier", "Income officer")
    with pytest.raises(ApprovalNeeded) as needed:
        compose(ada, cashier, permissions=["ledger.view_entry", "imports.reverse_batch"])
    request = ask(needed.value, ada)
    [told] = [value for name, value in request.plan["facts"] if name == "Duties that should be apart"]
    assert told.startswith("Posts files and reverses them: Ned. What makes up for it: A reversal")
    services.approve(actor=mina, request_id=request.pk)
    data = Event.objects.filter(verb="council_role_saved").latest("pk").data
    assert data["duties_together"] == {"Posts files and reverses them": "Ned"}


def test_what_was_together_before_does_not_stop_other_changes(ada: Actor, cashier: CouncilRole):
    member("ned", "Auditor", "Income officer", "Cashier")
    with pytest.raises(ApprovalNeeded):
        compose(ada, cashier, permissions=["ledger.view_entry", "funds.view_fund"])


def test_a_grant_is_overtaken_when_the_role_has_grown(ada: Actor, mina: Actor, cashier: CouncilRole):
    with pytest.raises(ApprovalNeeded) as granting:
        grant(ada, member("ned"), "Cashier")
    waiting = ask(granting.value, ada)
    with pytest.raises(ApprovalNeeded) as growing:
        compose(ada, cashier, permissions=["ledger.view_entry", "ledger.post_receipt"])
    services.approve(actor=mina, request_id=ask(growing.value, ada).pk)
    assert services.approve(actor=mina, request_id=waiting.pk).state == "stale"


def test_a_role_does_not_grow_while_somebody_is_given_it(world_committed: World):
    """Whichever comes first, the other is refused: nobody ends up with duties that must be apart."""
    system, sam = command("tests"), member("sam", "Service desk")
    role = compose(system)
    acts = (
        lambda: compose(system, role, permissions=["ledger.view_entry", "ledger.post_receipt"]),
        lambda: people.change_roles(actor=system, person=sam, roles=["Service desk", "Cashier"], reason="Counter"),
    )
    both, outcomes = threading.Barrier(2), []

    def run(act: Callable[[], object]) -> None:
        both.wait()
        try:
            act()
            outcomes.append("done")
        except PeopleRefusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "duties_conflict"]
