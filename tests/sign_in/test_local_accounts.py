"""Local accounts: passwords, second factors, recovery codes, lock-out, and what stays on record."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.urls import reverse

from ims.audit.models import Event
from ims.people.roles import ADMINISTRATOR, INCOME_OFFICER, SERVICE_DESK
from ims.sign_in.models import CacheEntry
from ims.sign_in.services import accounts
from tests.console.markup import text_of
from tests.people.people_world import SET_UP, actor
from tests.sign_in.local_account import PASSWORD, code_of, factors_of, person, sign_in, with_app, wrong_code

pytestmark = pytest.mark.django_db


def verbs() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


@pytest.fixture
def olu():
    return person("olu", INCOME_OFFICER)


@pytest.fixture
def needed(settings):
    """As councils have it."""
    settings.SECOND_FACTOR_REQUIRED = True


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


class TestPassword:
    def test_the_right_one_opens_and_is_on_record(self, client, olu):
        answer = sign_in(client, REMOTE_ADDR="192.0.2.9")
        assert (answer.status_code, answer.url) == (302, "/")
        assert is_in(client)
        event = Event.objects.get(verb="signed_in")
        assert (event.actor_name, event.address, event.data) == ("Olu", "192.0.2.9", {"with": ["password"]})

    def test_a_wrong_one_is_on_record_without_it(self, client, olu):
        page = text_of(sign_in(client, password="not-the-password").content)
        assert "The username or the password is not right" in page
        event = Event.objects.get(verb="sign_in_failed")
        assert event.subject_id == str(olu.pk)
        assert "not-the-password" not in str(vars(event))
        assert not is_in(client)

    def test_a_name_nobody_has_is_kept_only_as_a_digest(self, client, olu):
        page = text_of(sign_in(client, username="MyPassw0rd!typed-here").content)
        assert "The username or the password is not right" in page
        sign_in(client, username="mypassw0rd!typed-here ")
        first, second = Event.objects.filter(verb="sign_in_failed")
        assert "assw0rd" not in str(vars(first))
        assert first.data == second.data  # the same name again shows
        assert first.subject_id == ""

    def test_an_inactive_person_is_not_let_in(self, client, olu):
        olu.is_active = False
        olu.save()
        assert sign_in(client).url == reverse("account_inactive")
        assert "not active" in text_of(client.get(reverse("account_inactive")).content)
        assert not is_in(client)
        assert Event.objects.get(verb="sign_in_failed").data == {"active": False}

    def test_signing_out_is_on_record(self, client, olu):
        sign_in(client)
        client.post(reverse("admin:logout"))
        assert verbs()[-1] == "signed_out"
        assert not is_in(client)

    def test_nobody_can_add_themselves_or_reset_by_mail(self, client):
        for address in ("/account/signup/", "/accounts/signup/", "/account/password/reset/", "/account/email/"):
            assert client.get(address).status_code == 404

    def test_the_next_page_is_ours_or_none(self, client, olu):
        fields = {"login": "olu", "password": PASSWORD}
        assert client.post("/account/sign-in/", {**fields, "next": "/receipts/"}).url == "/receipts/"
        client.logout()
        assert client.post("/account/sign-in/", {**fields, "next": "https://evil.example/"}).url == "/"


class TestLockOut:
    @pytest.fixture(autouse=True)
    def _three(self, settings):
        settings.LOCKOUT_FAILURES = 3

    def lock(self, client):
        for _ in range(3):
            sign_in(client, password="wrong")

    def test_after_so_many_failures_the_right_password_does_not_open(self, client, olu):
        self.lock(client)
        assert "too many failed attempts" in text_of(sign_in(client).content)
        assert not is_in(client)
        assert verbs() == ["sign_in_failed"] * 3 + ["sign_in_locked"]

    def test_it_ends_by_itself(self, client, olu, monkeypatch, settings):
        self.lock(client)
        from ims.common import clock

        later = clock.now() + timedelta(minutes=settings.LOCKOUT_MINUTES + 1)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert sign_in(client).status_code == 302

    def test_a_colleague_unlocks_it_and_the_count_starts_again(self, client, olu):
        self.lock(client)
        accounts.unlock(actor=actor("sid", SERVICE_DESK), person=olu, reason="Rang me")
        sign_in(client, password="wrong")
        assert sign_in(client).status_code == 302
        assert Event.objects.get(verb="sign_in_unlocked").reason == "Rang me"

    def test_coming_in_starts_the_count_again(self, client, olu):
        for _ in range(2):
            sign_in(client, password="wrong")
        sign_in(client)
        client.logout()
        for _ in range(2):
            sign_in(client, password="wrong")
        assert sign_in(client).status_code == 302

    def test_a_name_nobody_has_is_answered_alike(self, client, settings, olu):
        settings.ACCOUNT_RATE_LIMITS = {"login": "99/m/ip", "login_failed": "99/30m/ip,3/30m/key"}
        pages = {}
        for name in ("olu", "nobody"):
            pages[name] = [text_of(sign_in(client, name, "wrong").content).replace(name, "") for _ in range(4)]
        assert pages["olu"] == pages["nobody"]
        assert "too many failed attempts" in pages["nobody"][-1]

    def test_wrong_codes_lock_too(self, client, olu):
        secret = with_app(olu)
        sign_in(client)
        for _ in range(3):
            client.post(reverse("mfa_authenticate"), {"code": wrong_code(secret)})
        answer = client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
        assert "too many failed attempts" in text_of(answer.content)
        assert verbs() == ["second_factor_failed"] * 3 + ["sign_in_locked"]


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_moment_are_counted_one_by_one(settings):
    settings.LOCKOUT_FAILURES = 3
    person("olu", INCOME_OFFICER)

    def attempt():
        sign_in(Client(), password="wrong")
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Event.objects.filter(verb="sign_in_failed").count() == 3
    assert Event.objects.filter(verb="sign_in_locked").count() == 1


def test_an_address_that_fails_too_often_is_slowed_whoever_it_tries(client, settings, olu):
    settings.ACCOUNT_RATE_LIMITS = {"login": "99/m/ip", "login_failed": "4/30m/ip,10/30m/key"}
    for number in range(4):
        sign_in(client, f"nobody-{number}", "wrong")
    assert "too many failed attempts" in text_of(sign_in(client).content)
    assert sign_in(Client(), REMOTE_ADDR="198.51.100.7").status_code == 302
    assert CacheEntry.objects.exists()  # counted where all workers look


class TestSecondFactor:
    def test_without_one_nothing_but_the_page_to_add_one_opens(self, client, olu, needed):
        sign_in(client)
        for address in ("/", "/receipts/", "/imports/", "/admin/", "/suspense/", reverse("mfa_list_webauthn")):
            assert client.get(address).url == reverse("mfa_index"), address
            assert client.post(address).url == reverse("mfa_index"), address
        page = text_of(client.get(reverse("mfa_index")).content)
        assert "Until then nothing else opens" in page

    def test_an_app_is_added_and_opens_everything(self, client, olu, needed, django_capture_on_commit_callbacks):
        sign_in(client)
        page = client.get(reverse("mfa_activate_totp"))
        secret = page.context["form"].secret
        assert "not right" in text_of(client.post(reverse("mfa_activate_totp"), {"code": wrong_code(secret)}).content)
        with django_capture_on_commit_callbacks(execute=True):
            done = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
        assert done.url == reverse("mfa_view_recovery_codes")
        codes = client.get(done.url).context["unused_codes"]
        assert len(set(codes)) == 10
        assert codes[0] not in client.get(done.url).content.decode()  # shown once
        assert is_in(client)
        added = Event.objects.filter(verb="second_factor_added").order_by("pk")
        assert [event.data["type"] for event in added] == ["totp", "recovery_codes"]
        assert secret not in str(Authenticator.objects.get(type="totp").data)

    def test_a_password_alone_no_longer_opens(self, client, olu):
        secret = with_app(olu)
        assert sign_in(client).url == reverse("mfa_authenticate")
        assert not is_in(client)
        assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret)}).url == "/"
        assert is_in(client)
        assert Event.objects.get(verb="signed_in").data == {"with": ["password", "mfa:totp"]}

    def test_one_may_start_again(self, client, olu):
        with_app(olu)
        sign_in(client)
        assert client.get(reverse("account_login")).url == reverse("mfa_authenticate")
        assert client.get(reverse("account_login") + "?start-again=1").status_code == 200
        assert client.get(reverse("mfa_authenticate")).url == reverse("account_login")

    def test_a_code_works_once(self, client, olu):
        secret = with_app(olu)
        code = code_of(secret)
        sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        other = Client()
        sign_in(other)
        assert "used already" in text_of(other.post(reverse("mfa_authenticate"), {"code": code}).content)
        assert not is_in(other)

    def test_a_recovery_code_works_once_and_is_on_record(self, client, olu):
        from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

        with_app(olu)
        code = RecoveryCodes.activate(olu).get_unused_codes()[0]
        sign_in(client)
        assert client.post(reverse("mfa_authenticate"), {"code": code}).url == "/"
        assert Event.objects.get(verb="recovery_code_used").data == {"codes_left": 9}
        other = Client()
        sign_in(other)
        other.post(reverse("mfa_authenticate"), {"code": code})
        assert not is_in(other)

    def test_recovery_codes_alone_are_no_second_factor(self, client, olu, needed):
        from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

        RecoveryCodes.activate(olu)
        sign_in(client)
        assert client.get("/").url == reverse("mfa_index")

    def test_the_last_one_removed_closes_everything_again(self, client, olu, needed):
        secret = with_app(olu)
        sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
        client.post(reverse("mfa_deactivate_totp"))
        assert factors_of(olu) == set()
        assert client.get("/").url == reverse("mfa_index")
        assert "second_factor_removed" in verbs()

    def test_a_lost_one_is_taken_away_by_a_colleague_and_sessions_end(self, client, olu, needed):
        secret = with_app(olu)
        sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
        assert is_in(client)
        assert accounts.remove_second_factors(actor=actor("sid", SERVICE_DESK), person=olu, reason="Lost phone") == 1
        assert not is_in(client)
        again = Client()
        sign_in(again)
        assert again.get("/").url == reverse("mfa_index")
        assert Event.objects.get(verb="second_factor_removed").reason == "Lost phone"

    def test_after_the_secret_key_changed_no_code_is_right_unless_the_old_key_is_kept(self, client, olu, settings):
        secret, old = with_app(olu), settings.SECRET_KEY
        settings.SECRET_KEY = "another"
        sign_in(client)
        assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret)}).status_code == 200
        settings.SECRET_KEY_FALLBACKS = [old]
        assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret)}).status_code == 302

    def test_a_demonstration_says_that_it_does_without(self, client, settings):
        assert "no second factor" in text_of(client.get("/account/sign-in/").content)
        settings.SECOND_FACTOR_REQUIRED = True
        assert "no second factor" not in text_of(client.get("/account/sign-in/").content)


def test_the_service_desk_cannot_touch_an_administrators_way_in(olu):
    from ims.common.errors import NotAllowed

    boss, desk = person("boss", ADMINISTRATOR), actor("sid", SERVICE_DESK)
    person("second", ADMINISTRATOR)
    for act in (accounts.unlock, accounts.remove_second_factors, accounts.end_sessions):
        with pytest.raises(NotAllowed):
            act(actor=desk, person=boss, reason="Asked")
        with pytest.raises(NotAllowed):
            act(actor=actor(f"off-{act.__name__}", INCOME_OFFICER), person=olu, reason="Asked")
        act(actor=SET_UP, person=boss, reason="Asked")


def test_the_system_check_lets_only_the_demonstration_and_the_tests_do_without(settings):
    from ims.sign_in.safety import second_factor_is_required

    assert second_factor_is_required(None) == []
    settings.SETTINGS_MODULE = "ims.settings.production"
    assert [error.id for error in second_factor_is_required(None)] == ["sign_in.E001"]
    settings.SECOND_FACTOR_REQUIRED = True
    assert second_factor_is_required(None) == []
