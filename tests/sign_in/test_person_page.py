"""The page of how somebody signs in: what an administrator and the service desk do there, and what they may not."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ims.audit.models import Event
from ims.people.roles import ADMINISTRATOR, AUDITOR, INCOME_OFFICER, SERVICE_DESK
from ims.sign_in.models import BreakGlassAccount, DirectoryIdentity, OneTimeLink
from tests.console.markup import text_of
from tests.sign_in.local_account import factors_of, person, sign_in, with_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def olu():
    return person("olu", INCOME_OFFICER)


@pytest.fixture
def desk():
    client = Client()
    client.force_login(person("sid", SERVICE_DESK))
    return client


def page(who) -> str:
    return reverse("account:person", args=[who.pk])


def act(client, who, act: str, reason: str = "They rang", **more: str):
    return client.post(page(who), {"act": act, "reason": reason, **more})


def test_a_link_is_shown_once(desk, olu):
    shown = act(desk, olu, "link").content.decode()
    assert "http://testserver/account/link/" in shown
    assert "/account/link/" not in desk.get(page(olu)).content.decode()
    assert OneTimeLink.objects.get().made_by == "Sid"


def test_each_act_does_what_it_says(desk, olu, settings):
    settings.LOCKOUT_FAILURES = 1
    with_app(olu)
    sign_in(Client(), password="wrong")
    assert "Locked" in text_of(desk.get(page(olu)).content)
    assert act(desk, olu, "unlock").status_code == 302
    assert "Locked" not in text_of(desk.get(page(olu)).content)
    assert act(desk, olu, "remove_factors").status_code == 302
    assert factors_of(olu) == set()
    assert act(desk, olu, "end_sessions").status_code == 302


def test_a_reason_is_needed_and_asked_for_beside_the_act(desk, olu):
    shown = act(desk, olu, "remove_factors", reason="")
    assert shown.status_code == 200
    assert "required" in text_of(shown.content)


def test_connecting_with_a_directory_is_refused_in_words(desk, olu, provider):
    assert "not an e-mail address" in text_of(
        act(desk, olu, "connect", directory="town", subject="o@town.example").content
    )
    assert act(desk, olu, "connect", directory="town", subject="n-1").status_code == 302
    assert "n-1" in text_of(desk.get(page(olu)).content)
    assert act(desk, olu, "disconnect").status_code == 302
    assert not DirectoryIdentity.objects.exists()


def test_a_password_that_was_lent_is_taken_away_where_the_directory_lets_them_in(desk, olu, provider):
    assert "no other way to sign in" in text_of(act(desk, olu, "take_password").content)
    act(desk, olu, "connect", directory="town", subject="n-1")
    assert "Take the password away" in text_of(desk.get(page(olu)).content)
    BreakGlassAccount.objects.create(person=olu, note="Safe")
    assert "is a break-glass account" in text_of(act(desk, olu, "take_password").content)
    BreakGlassAccount.objects.all().delete()
    for _ in range(2):
        assert act(desk, olu, "take_password").status_code == 302
    olu.refresh_from_db()
    assert not olu.has_usable_password()
    assert Event.objects.filter(verb="password_removed", subject_id=str(olu.pk)).count() == 1
    assert "Take the password away" not in text_of(desk.get(page(olu)).content)


def test_who_may_do_what(desk, olu):
    boss = person("boss", ADMINISTRATOR)
    assert act(desk, boss, "link").status_code == 403
    assert act(desk, olu, "mark", note="Safe").status_code == 403
    assert not BreakGlassAccount.objects.exists()
    auditor, officer = Client(), Client()
    auditor.force_login(person("aud", AUDITOR))
    officer.force_login(person("off", INCOME_OFFICER))
    assert auditor.get(page(olu)).status_code == 200
    assert act(auditor, olu, "link").status_code == 403
    assert act(auditor, olu, "take_password").status_code == 403
    assert officer.get(page(olu)).status_code == 403
    administrator = Client()
    administrator.force_login(boss)
    assert act(administrator, olu, "mark", note="Safe").status_code == 302
    assert "Break-glass account" in text_of(administrator.get(page(olu)).content)
    assert act(administrator, olu, "unmark").status_code == 302
    assert "Ask a colleague" in text_of(act(administrator, boss, "link").content)
    assert act(administrator, olu, "nonsense").status_code == 200
