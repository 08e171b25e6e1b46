"""Adding people and changing what they may do."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.db import connection

from ims.audit.models import Event
from ims.common.errors import InvalidInput, NotAllowed
from ims.people import checks, services
from ims.people.errors import PeopleRefusal
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, AUDITOR, FINANCE, INCOME_MANAGER, INCOME_OFFICER, SERVICE_DESK, sync_roles
from ims.people.selectors import actor_for
from tests.people.people_world import SET_UP, actor, member


@pytest.fixture
def administrator(db):
    return actor("ada", ADMINISTRATOR)


@pytest.fixture
def service_desk(db):
    return actor("sid", SERVICE_DESK)


def test_a_person_is_added_with_roles_history_and_event(administrator):
    person = services.create_person(
        actor=administrator,
        username="olu",
        display_name="Olu Officer",
        roles=[INCOME_OFFICER],
        office_code="WP",
        reason="New starter",
    )
    assert not person.has_usable_password()
    assert set(person.groups.values_list("name", flat=True)) == {INCOME_OFFICER}
    first = person.history.get()
    assert (first.actor_name, first.history_change_reason, first.role_names) == ("Ada", "New starter", INCOME_OFFICER)
    assert Event.objects.get(verb="person_created").data == {"roles": [INCOME_OFFICER]}


def test_adding_twice_is_refused(administrator):
    services.create_person(actor=administrator, username="olu", display_name="Olu", roles=[])
    with pytest.raises(InvalidInput, match="already exists"):
        services.create_person(actor=administrator, username="olu", display_name="Olu", roles=[])


def test_an_unknown_role_is_refused_by_name(administrator):
    with pytest.raises(InvalidInput, match="“Wizard” is not a role"):
        services.create_person(actor=administrator, username="olu", display_name="Olu", roles=["Wizard"])


def test_an_officer_may_not_add_people(db):
    with pytest.raises(NotAllowed):
        services.create_person(actor=actor("off", INCOME_OFFICER), username="x", display_name="X", roles=[])


def test_the_service_desk_may_not_grant_administrator(service_desk):
    with pytest.raises(NotAllowed, match="Administrator"):
        services.create_person(actor=service_desk, username="x", display_name="X", roles=[ADMINISTRATOR])
    assert not User.objects.filter(username="x").exists()


def test_the_service_desk_may_not_touch_an_administrator(service_desk):
    boss = member("boss", ADMINISTRATOR)
    member("other", ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        services.may_give_a_way_in(actor=service_desk, person=boss)
    with pytest.raises(NotAllowed):
        services.deactivate(actor=service_desk, person=boss, reason="Left")
    with pytest.raises(NotAllowed):
        services.change_roles(actor=service_desk, person=boss, roles=[AUDITOR], reason="Moved")


def test_nobody_changes_their_own_roles(db):
    """Scenario 83."""
    desk = member("sid", SERVICE_DESK)
    with pytest.raises(PeopleRefusal, match="your own roles"):
        services.change_roles(actor=actor_for(desk), person=desk, roles=[FINANCE], reason="Because")
    assert set(desk.groups.values_list("name", flat=True)) == {SERVICE_DESK}


def test_a_change_of_roles_shows_before_and_after(administrator):
    person = member("olu", INCOME_OFFICER)
    own = Group.objects.create(name="Elections team")
    person.groups.add(own)
    services.change_roles(
        actor=administrator, person=person, roles=[FINANCE, INCOME_MANAGER], reason="Moved to finance"
    )
    assert set(person.groups.values_list("name", flat=True)) == {FINANCE, INCOME_MANAGER, "Elections team"}
    now, before = person.history.all()[:2]
    change = now.diff_against(before).changes[0]
    assert (change.field, change.old, change.new) == ("role_names", "Income officer", "Income manager, Finance")
    assert now.history_change_reason == "Moved to finance"
    assert Event.objects.get(verb="roles_changed").data == {
        "before": [INCOME_OFFICER],
        "after": sorted([FINANCE, INCOME_MANAGER]),
    }


def test_the_same_roles_again_change_nothing(administrator):
    person = member("olu", INCOME_OFFICER)
    services.change_roles(actor=administrator, person=person, roles=[INCOME_OFFICER], reason="Again")
    assert person.history.count() == 1
    assert not Event.objects.filter(verb="roles_changed").exists()


def test_a_reason_is_required(administrator):
    with pytest.raises(InvalidInput, match="Say why"):
        services.change_roles(actor=administrator, person=member("olu"), roles=[FINANCE], reason="  ")


def test_a_leaver_cannot_sign_in_and_loses_their_roles(administrator, client):
    person = member("olu", INCOME_OFFICER)
    assert client.login(username="olu", password="a long pass phrase")
    services.deactivate(actor=administrator, person=person, reason="Left")
    services.deactivate(actor=administrator, person=person, reason="Left")
    assert not client.login(username="olu", password="a long pass phrase")
    assert client.get("/admin/").status_code == 302
    assert not person.groups.exists()
    assert Event.objects.filter(verb="person_deactivated").count() == 1
    services.reactivate(actor=administrator, person=person, roles=[AUDITOR], reason="Came back")
    person.refresh_from_db()
    assert person.is_active
    assert person.role_names == AUDITOR


def test_the_last_administrator_stays(db):
    ada = member("ada", ADMINISTRATOR)
    bea = member("bea", ADMINISTRATOR)
    services.deactivate(actor=actor_for(ada), person=bea, reason="Left")
    with pytest.raises(PeopleRefusal, match="only Administrator"):
        services.change_roles(actor=SET_UP, person=ada, roles=[], reason="Left")


def test_signing_in_leaves_no_history_and_passwords_never_do(client, db):
    person = member("olu", INCOME_OFFICER)
    assert client.login(username="olu", password="a long pass phrase")
    assert person.history.count() == 1
    columns = {field.name for field in User.history.model._meta.fields}
    assert not columns & {"password", "last_login"}


def test_roles_changed_behind_the_services_are_found(administrator):
    person = member("olu", INCOME_OFFICER)
    person.groups.add(Group.objects.get(name=FINANCE))
    assert any("olu" in finding.lower() and "outside IMS" in finding for finding in checks.findings())


def test_the_first_administrator_is_made_once_and_on_the_server(db):
    from ims.audit.actors import command

    sync_roles()
    services.first_administrator(
        actor=command("set up"), username="ada", display_name="Ada", password="a long pass phrase"
    )
    with pytest.raises(PeopleRefusal, match="already"):
        services.first_administrator(
            actor=command("set up"), username="bea", display_name="Bea", password="a long pass phrase"
        )
    with pytest.raises(PeopleRefusal, match="on the server"):
        services.first_administrator(
            actor=actor("sid", ADMINISTRATOR), username="bea", display_name="Bea", password="a long pass phrase"
        )


def test_two_administrators_cannot_remove_each_other_at_once(transactional_db):
    people = [member("ada", ADMINISTRATOR), member("bea", ADMINISTRATOR)]
    actors = [actor_for(person) for person in people]
    start, outcomes = threading.Barrier(2), []

    def remove(who: int) -> None:
        start.wait()
        try:
            services.deactivate(actor=actors[who], person=people[1 - who], reason="At the same moment")
            outcomes.append("done")
        except PeopleRefusal:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    assert User.objects.filter(is_active=True, groups__name=ADMINISTRATOR).count() == 1


def test_a_person_may_what_they_and_their_groups_may_in_one_question(db, django_assert_num_queries):
    person = member("olu", INCOME_OFFICER, SERVICE_DESK)
    person.user_permissions.add(Permission.objects.get(codename="post_journal"))
    stock = ModelBackend().get_all_permissions(User.objects.get(pk=person.pk))
    for who, held, queries in (
        (person, stock, 1),
        (User(pk=person.pk, is_active=False), set(), 0),
    ):
        with django_assert_num_queries(queries):
            assert who.get_all_permissions() == held
    assert "ledger.post_journal" in stock
    assert len(stock) > 10
