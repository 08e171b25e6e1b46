"""Sessions that end by age and by disuse, lists of them, and acts that need a recent sign-in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from ims.audit.models import Event
from ims.common import clock
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, INCOME_MANAGER, INCOME_OFFICER, SERVICE_DESK
from ims.sign_in.services import accounts
from ims.sign_in.tasks import tidy
from tests.console.markup import text_of
from tests.people.people_world import SET_UP, actor
from tests.sign_in.local_account import PASSWORD, code_of, person, sign_in, with_app

pytestmark = pytest.mark.django_db


class Clock:
    """The moment, put forward by the test."""

    def __init__(self, monkeypatch) -> None:
        self.ahead = timedelta()
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + self.ahead)

    def forward(self, **time: float) -> None:
        self.ahead += timedelta(**time)


@pytest.fixture
def later(monkeypatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def olu():
    return person("olu", INCOME_OFFICER)


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_a_session_nobody_uses_ends_and_the_page_says_why(client, olu, later):
    sign_in(client)
    later.forward(minutes=29)
    assert is_in(client)
    later.forward(minutes=29)
    assert is_in(client)  # used in between
    later.forward(minutes=31)
    answer = client.get("/receipts/")
    assert answer.url == reverse("account_login") + "?next=/receipts/"
    assert "not used for 30 minutes" in text_of(client.get(answer.url).content)
    ended = Event.objects.get(verb="session_ended")
    assert (ended.subject_id, ended.data) == (str(olu.pk), {"why": "idle"})
    assert not Event.objects.filter(verb="signed_out").exists()


def test_a_session_ends_with_the_day_however_busy(client, olu, later):
    sign_in(client)
    for _ in range(23):
        later.forward(minutes=25)
        assert is_in(client)
    later.forward(minutes=26)
    assert not is_in(client)
    assert Event.objects.get(verb="session_ended").data == {"why": "age"}


def test_the_council_says_how_long(client, olu, later, settings):
    settings.SESSION_IDLE_MINUTES = 5
    sign_in(client)
    later.forward(minutes=6)
    assert not is_in(client)


def test_looking_around_writes_once_a_minute(client, olu, later, django_assert_num_queries):
    sign_in(client)
    before = Session.objects.get(session_key=client.session.session_key).session_data
    for _ in range(3):
        is_in(client)
    assert Session.objects.get(session_key=client.session.session_key).session_data == before
    later.forward(minutes=2)
    is_in(client)
    assert Session.objects.get(session_key=client.session.session_key).session_data != before


def test_ones_own_sessions_are_listed_and_ended(client, olu):
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
    other = Client(headers={"user-agent": agent})
    sign_in(client)
    sign_in(other, REMOTE_ADDR="192.0.2.44")
    page = text_of(client.get(reverse("mfa_index")).content)
    assert "Edge on Windows" in page
    assert "192.0.2.44" in page
    number = UserSession.objects.get(session_key=other.session.session_key).pk
    assert is_in(other)
    client.post(reverse("account:end_session", args=[number]))
    assert not is_in(other)
    assert is_in(client)
    assert Event.objects.get(verb="session_ended").data == {"why": "own", "address": "192.0.2.44"}
    client.post(reverse("account:end_session", args=[number]))  # twice changes nothing
    assert Event.objects.filter(verb="session_ended").count() == 1


def test_nobody_ends_anothers_session_from_their_own_account(client, olu):
    person("zoe", INCOME_OFFICER)
    other = Client()
    sign_in(other, "zoe")
    number = UserSession.objects.get(user__username="zoe").pk
    sign_in(client)
    client.post(reverse("account:end_session", args=[number]))
    assert is_in(other)


def test_a_colleague_who_may_ends_them_all(client, olu):
    other = Client()
    sign_in(client)
    sign_in(other)
    assert accounts.end_sessions(actor=actor("sid", SERVICE_DESK), person=olu, reason="Left a computer open") == 2
    assert not is_in(client)
    assert not is_in(other)
    assert accounts.end_sessions(actor=SET_UP, person=olu, reason="Again") == 0


def test_a_password_changed_signs_out_everywhere_else(client, olu):
    other = Client()
    sign_in(client)
    sign_in(other)
    new = "violet harbour tractor"
    client.post(
        reverse("admin:password_change"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )
    assert is_in(client)
    assert not is_in(other)
    event = Event.objects.get(verb="password_changed")
    assert (event.actor_name, event.subject_id) == ("Olu", str(olu.pk))
    assert new not in str(event.data) + str(list(olu.history.values()))


def test_sessions_that_ended_are_forgotten(client, olu, later):
    sign_in(client)
    tidy()
    assert Session.objects.exists()
    later.forward(days=2)
    tidy()
    assert not Session.objects.exists()


class TestRecent:
    @pytest.fixture
    def ada(self, client):
        who = person("ada", ADMINISTRATOR)
        sign_in(client, "ada")
        return who

    def grant(self, client, who: User):
        typed = {"display_name": "Olu", "email": "", "office_code": "", "roles": [ADMINISTRATOR], "is_active": "on"}
        return client.post(f"/admin/people/user/{who.pk}/change/", {**typed, "change_reason": "Promoted"})

    def test_granting_a_role_soon_after_signing_in_is_simply_done(self, client, ada, olu):
        assert self.grant(client, olu).status_code == 302
        olu.refresh_from_db()
        assert olu.role_names == ADMINISTRATOR

    def test_later_it_needs_the_password_again_and_then_is_taken_up(self, client, ada, olu, later, settings):
        settings.SESSION_IDLE_MINUTES = 120
        later.forward(minutes=31)
        answer = self.grant(client, olu)
        assert answer.url.startswith(reverse("account_reauthenticate"))
        olu.refresh_from_db()
        assert olu.role_names == INCOME_OFFICER
        assert "not right" in text_of(client.post(answer.url, {"password": "wrong"}).content)
        olu.refresh_from_db()
        assert olu.role_names == INCOME_OFFICER
        done = client.post(answer.url, {"password": PASSWORD})
        assert done.status_code == 302, text_of(done.content)
        olu.refresh_from_db()
        assert olu.role_names == ADMINISTRATOR
        changed = Event.objects.get(verb="roles_changed")
        assert (changed.actor_name, changed.reason) == ("Ada", "Promoted")
        assert self.grant(client, olu).status_code == 302  # and not asked again

    def test_a_code_will_do(self, client, ada, olu, later, settings):
        settings.SESSION_IDLE_MINUTES = 120
        secret = with_app(ada)
        later.forward(minutes=31)
        address = self.grant(client, olu).url
        query = address.partition("?")[2]
        client.post(f"{reverse('mfa_reauthenticate')}?{query}", {"code": code_of(secret)})
        olu.refresh_from_db()
        assert olu.role_names == ADMINISTRATOR

    def test_a_failed_confirmation_counts_towards_the_lock(self, client, ada, olu, settings):
        settings.CONFIRM_MINUTES, settings.LOCKOUT_FAILURES = 0, 2
        address = self.grant(client, olu).url
        for _ in range(2):
            client.post(address, {"password": "wrong"})
        assert Event.objects.filter(verb="sign_in_locked", subject_id=str(ada.pk)).exists()
        client.post(address, {"password": PASSWORD})
        olu.refresh_from_db()
        assert olu.role_names == INCOME_OFFICER

    @pytest.mark.parametrize(
        "address",
        [
            "/imports/1/reverse/",
            "/receipts/1/reverse/",
            "/access/council-roles/new/",
            "/access/council-roles/1/change/",
            "/access/people/1/move/",
            "/access/people/{}/",
            "/access/staff-file/",
            "/access/reviews/1/sign-off/",
            "/approvals/1/decide/",
            "/admin/approvals/limit/add/",
            "/admin/approvals/conflict/add/",
            "/admin/sign_in/directoryrole/add/",
            "/admin/api/client/1/issue-key/",
        ],
    )
    def test_who_reverses_or_changes_rights_confirms_who_they_are(self, client, olu, settings, address):
        person("ada", ADMINISTRATOR, INCOME_MANAGER)
        sign_in(client, "ada")
        settings.CONFIRM_MINUTES = 0
        answer = client.post(address.format(olu.pk), {"reason": "Wrong"})
        assert answer.status_code == 302
        assert answer.url.startswith(reverse("account_reauthenticate"))

    def test_any_screen_can_ask_for_it(self, client, ada, later, rf, settings):
        from allauth.core.exceptions import ReauthenticationRequired
        from django.http import HttpResponse

        from ims.console.views.base import screen
        from ims.people.selectors import actor_for

        @screen(what="approve", recent=True)
        def approve(request):
            return HttpResponse("approved")

        request = rf.post("/anything/")
        request.user, request.session = ada, client.session
        request.actor = actor_for(ada)
        assert approve(request).content == b"approved"
        later.forward(minutes=31)
        with pytest.raises(ReauthenticationRequired):
            approve(request)
