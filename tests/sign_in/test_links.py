"""One-time links: single use, expiring, only the latest."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import InvalidInput, NotAllowed
from ims.people.errors import PeopleRefusal
from ims.people.roles import ADMINISTRATOR, INCOME_OFFICER, SERVICE_DESK
from ims.people.selectors import actor_for
from ims.sign_in.errors import SignInRefusal
from ims.sign_in.models import OneTimeLink, OneTimeLinkUse
from ims.sign_in.services.links import choose_password, make_link, person_of
from tests.people.people_world import SET_UP, actor, member

GOOD = "violet harbour tractor"


@pytest.fixture
def olu(db):
    return member("olu", INCOME_OFFICER)


def test_a_link_lets_its_person_choose_a_password_and_is_recorded(olu):
    made = make_link(actor=actor("sid", SERVICE_DESK), person=olu, reason="New starter")
    assert person_of(made.secret) == olu
    choose_password(secret=made.secret, password=GOOD, address="192.0.2.7")
    olu.refresh_from_db()
    assert olu.check_password(GOOD)
    verbs = {event.verb: event for event in Event.objects.filter(subject_id=str(olu.pk))}
    assert verbs["one_time_link_made"].reason == "New starter"
    assert verbs["one_time_link_used"].address == "192.0.2.7"
    assert made.secret not in str([event.data for event in verbs.values()])
    assert made.secret not in OneTimeLink.objects.get().digest


def test_a_link_works_once(olu):
    made = make_link(actor=SET_UP, person=olu)
    choose_password(secret=made.secret, password=GOOD)
    with pytest.raises(SignInRefusal, match="no longer works"):
        choose_password(secret=made.secret, password="another good phrase")
    olu.refresh_from_db()
    assert olu.check_password(GOOD)


def test_a_weak_password_is_refused_and_uses_nothing_up(olu):
    made = make_link(actor=SET_UP, person=olu)
    with pytest.raises(InvalidInput, match="at least 12"):
        choose_password(secret=made.secret, password="short")
    choose_password(secret=made.secret, password=GOOD)


def test_a_link_expires(olu):
    made = make_link(actor=SET_UP, person=olu, hours=0)
    with pytest.raises(SignInRefusal):
        person_of(made.secret)
    assert made.expires_at <= clock.now()


def test_the_council_says_how_long_a_link_works(olu, settings):
    settings.ONE_TIME_LINK_HOURS = 5
    lasts = make_link(actor=SET_UP, person=olu).expires_at - clock.now()
    assert timedelta(hours=4, minutes=59) < lasts <= timedelta(hours=5)


def test_a_newer_link_takes_the_older_back(olu):
    older = make_link(actor=SET_UP, person=olu)
    newer = make_link(actor=SET_UP, person=olu)
    with pytest.raises(SignInRefusal):
        choose_password(secret=older.secret, password=GOOD)
    choose_password(secret=newer.secret, password=GOOD)


def test_a_leaver_is_given_no_link_and_an_old_one_stops(olu):
    made = make_link(actor=SET_UP, person=olu)
    olu.is_active = False
    olu.save()
    with pytest.raises(SignInRefusal):
        person_of(made.secret)
    with pytest.raises(PeopleRefusal, match="not active"):
        make_link(actor=SET_UP, person=olu)


def test_who_may_make_links(olu):
    boss = member("boss", ADMINISTRATOR)
    desk = member("sid", SERVICE_DESK)
    with pytest.raises(NotAllowed):
        make_link(actor=actor("off", INCOME_OFFICER), person=olu)
    with pytest.raises(NotAllowed):
        make_link(actor=actor_for(desk), person=boss)
    with pytest.raises(PeopleRefusal, match="Ask a colleague"):
        make_link(actor=actor_for(boss), person=boss)
    make_link(actor=actor_for(boss), person=desk)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_use_a_link_once():
    made = make_link(actor=SET_UP, person=member("olu", INCOME_OFFICER))
    outcomes = []

    def use(password: str) -> None:
        try:
            choose_password(secret=made.secret, password=password)
            outcomes.append("used")
        except SignInRefusal:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=use, args=(f"{GOOD} {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "used"]
    assert OneTimeLinkUse.objects.count() == 1


def test_the_page_sets_the_password_and_signs_in(olu, client: Client):
    made = make_link(actor=SET_UP, person=olu)
    address = f"/account/link/{made.secret}/"
    page = client.get(address).content.decode()
    assert "olu" in page
    assert not OneTimeLinkUse.objects.exists()
    different = client.post(address, {"password": GOOD, "again": "other"})
    assert "not the same" in different.content.decode()
    weak = client.post(address, {"password": "short", "again": "short"})
    assert "at least 12" in weak.content.decode()
    done = client.post(address, {"password": GOOD, "again": GOOD})
    assert done.status_code == 302
    assert client.get("/").context["request"].user == olu
    again = Client().get(address)
    assert again.status_code == 400
    assert "no longer works" in again.content.decode()
