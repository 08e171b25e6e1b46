"""Signing in with a directory: a real OpenID provider in a process of its own, over real HTTP."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from django.urls import reverse

from ims.audit.models import Event
from ims.common.errors import InvalidInput, NotAllowed
from ims.people.errors import PeopleRefusal
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, AUDITOR, FINANCE, INCOME_OFFICER, SERVICE_DESK
from ims.sign_in.errors import SignInRefusal
from ims.sign_in.models import DirectoryIdentity, DirectoryRole
from ims.sign_in.services.directory import connect_identity, disconnect_identity
from tests.console.markup import text_of
from tests.people.people_world import SET_UP, actor
from tests.sign_in.local_account import person, sign_in, with_app
from tests.sign_in.openid_provider import Provider, free_port

pytestmark = pytest.mark.django_db

START = "/account/sign-in/directory/town/"
IMS = "http://testserver"


def start(client: Client, **fields: str) -> str:
    """Press the directory's button; where the browser is sent."""
    answer = client.post(START, fields)
    assert answer.status_code == 302, text_of(answer.content)
    return answer.url


def at_provider(address: str, browser: requests.Session | None = None) -> str:
    """Go through the provider's pages; where it sends the browser back to."""
    browser = browser or requests.Session()
    for _ in range(6):
        answer = browser.get(address, allow_redirects=False, timeout=20)
        assert answer.status_code == 302, answer.text
        address = requests.compat.urljoin(address, answer.headers["Location"])
        if address.startswith(IMS):
            return address.removeprefix(IMS)
    raise AssertionError("the provider never comes back")


def through(client: Client, **fields: str):
    """Sign in with the directory from beginning to end; the answer of our last page."""
    return client.get(at_provider(start(client, **fields)))


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def maps(value: str, role: str) -> None:
    DirectoryRole.objects.create(directory="town", value=value, role=role)


@pytest.fixture
def olu():
    """Olu, connected with the directory beforehand, with a role IMS gave."""
    who = person("olu.officer", INCOME_OFFICER)
    connect_identity(actor=SET_UP, person=who, directory="town", subject="subject-of-olu", reason="Test set-up")
    return who


@pytest.fixture(autouse=True)
def _(provider: Provider):
    """Every test here has the directory."""


class TestComingIn:
    def test_a_person_connected_beforehand_comes_in(self, client, olu):
        answer = through(client, next="/receipts/")
        assert (answer.status_code, answer.url) == (302, "/receipts/")
        assert client.get("/").context["request"].user == olu
        event = Event.objects.get(verb="signed_in")
        assert event.data == {"with": ["socialaccount:town"]}
        assert not SocialAccount.objects.exists()  # what the directory said is not kept
        assert not SocialToken.objects.exists()

    def test_the_request_carries_pkce_state_and_nonce_and_only_our_parameters(self, client):
        address = client.post(START + "?scope=admin&auth_params=nonce%3Dmine&process=connect").url
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) > 40
        assert len(asked["state"]) > 10
        assert len(asked["nonce"]) > 20
        assert set(asked["scope"].split()) == {"openid", "profile", "email"}
        assert asked["redirect_uri"] == f"{IMS}{START}back/"
        assert "client_secret" not in asked

    def test_only_the_button_starts_it(self, client):
        assert client.get(START).status_code == 405

    def test_somebody_unknown_with_a_mapped_role_gets_an_account(self, client, provider):
        maps("income", INCOME_OFFICER)
        provider.says(user="zoe", claims={"groups": ["income", "choir"], "name": "Zoe Zink", "email": "z@town.example"})
        assert through(client).url == "/"
        zoe = DirectoryIdentity.objects.get(issuer=provider.issuer, subject="subject-of-zoe").person
        assert (zoe.display_name, zoe.role_names, zoe.email) == ("Zoe Zink", INCOME_OFFICER, "z@town.example")
        assert not zoe.has_usable_password()
        assert Event.objects.get(verb="person_created").actor_name == "Directory: Town directory"

    def test_somebody_unknown_without_one_is_told_whom_to_ask(self, client, provider):
        maps("income", INCOME_OFFICER)
        provider.says(user="zoe", claims={"groups": ["choir"]})
        page = text_of(through(client).content)
        assert "you have no account here yet" in page
        assert "subject-of-zoe" in page
        assert not User.objects.filter(username="zoe").exists()
        refused = Event.objects.get(verb="sign_in_refused")
        assert refused.data["subject"] == "subject-of-zoe"

    def test_a_council_may_want_everybody_connected_beforehand(self, client, provider, settings):
        settings.DIRECTORIES = [provider.directory(create_people=False)]
        maps("income", INCOME_OFFICER)
        provider.says(user="zoe", claims={"groups": ["income"]})
        assert "no account here yet" in text_of(through(client).content)

    def test_an_inactive_person_is_refused(self, client, olu):
        olu.is_active = False
        olu.save()
        assert "not active" in text_of(through(client).content)
        assert not is_in(client)

    def test_the_directorys_own_second_factor_counts(self, client, olu, settings):
        settings.SECOND_FACTOR_REQUIRED = True
        with_app(olu)  # even where there is one here
        through(client)
        assert is_in(client)

    def test_claims_may_come_from_the_user_information(self, client, provider, settings):
        settings.DIRECTORIES = [provider.directory(userinfo=True)]
        maps("income", INCOME_OFFICER)
        provider.says(user="zoe", userinfo={"groups": ["income"]})
        assert through(client).url == "/"
        provider.says(user="yan", userinfo={"groups": ["income"], "sub": "subject-of-olu"})
        assert "could not be accepted" in text_of(through(Client()).content)

    def test_several_directories_have_a_button_each(self, client, provider, settings):
        settings.DIRECTORIES = [provider.directory(), provider.directory(id="depot", name="Depot directory")]
        page = client.get("/account/sign-in/").content.decode()
        assert "Town directory" in page
        assert "Depot directory" in page
        assert "/account/sign-in/directory/depot/" in page


class TestWhoItIs:
    def test_the_same_address_or_name_takes_nothing_over(self, client, provider):
        victim = person("olu", ADMINISTRATOR)
        victim.email = "olu@town.example"
        victim.save()
        maps("income", INCOME_OFFICER)
        provider.says(
            user="olu", claims={"groups": ["income"], "email": "olu@town.example", "preferred_username": "olu"}
        )
        page = text_of(through(client).content)
        assert "An account for you could not be made here" in page
        assert not is_in(client)
        provider.says(
            user="olu", claims={"groups": ["income"], "email": "olu@town.example", "preferred_username": "o2"}
        )
        through(client)
        came_in = client.get("/").context["request"].user
        assert came_in != victim
        assert came_in.role_names == INCOME_OFFICER

    def test_an_identity_belongs_to_its_issuer(self, client, olu, provider):
        identity = DirectoryIdentity.objects.get()
        identity.issuer = "https://another.example"
        identity.save()
        assert "no account here yet" in text_of(through(client).content)

    def test_nobody_is_connected_by_an_address(self, olu):
        with pytest.raises(InvalidInput, match="not an e-mail address"):
            connect_identity(actor=SET_UP, person=olu, directory="town", subject="olu@town.example", reason="x")

    def test_an_identity_is_somebodys_once(self, olu):
        with pytest.raises(SignInRefusal, match="already"):
            connect_identity(actor=SET_UP, person=person("zoe"), directory="town", subject="subject-of-olu", reason="x")

    def test_who_may_connect(self, olu):
        zoe = person("zoe")
        told = {"directory": "town", "subject": "subject-of-zoe", "reason": "New starter"}
        with pytest.raises(NotAllowed):
            connect_identity(actor=actor("off", INCOME_OFFICER), person=zoe, **told)
        desk = actor("sid", SERVICE_DESK)
        with pytest.raises(NotAllowed):
            connect_identity(actor=desk, person=person("boss", ADMINISTRATOR), **told)
        with pytest.raises(PeopleRefusal, match="Ask a colleague"):
            connect_identity(actor=desk, person=User.objects.get(username="sid"), **told)
        connect_identity(actor=desk, person=zoe, **told)
        assert Event.objects.filter(verb="directory_connected", subject_id=str(zoe.pk)).get().reason == "New starter"

    def test_disconnected_is_a_stranger_again(self, client, olu):
        identity = DirectoryIdentity.objects.get()
        for _ in range(2):  # twice is once
            disconnect_identity(actor=SET_UP, person=olu, identity_id=identity.pk, reason="Left the trust")
        assert "no account here yet" in text_of(through(client).content)
        assert Event.objects.filter(verb="directory_disconnected").count() == 1


class TestRoles:
    def test_what_the_directory_gives_and_takes_arrives_at_each_sign_in(self, client, olu, provider):
        maps("finance", FINANCE)
        provider.says(user="olu", claims={"groups": ["finance"]})
        through(client)
        olu.refresh_from_db()
        assert olu.role_names == f"{INCOME_OFFICER}, {FINANCE}"
        provider.says(user="olu", claims={"groups": []})
        through(Client())
        olu.refresh_from_db()
        assert olu.role_names == INCOME_OFFICER  # IMS gave it, and no group is mapped to it
        changes = Event.objects.filter(verb="roles_changed").order_by("pk")
        assert [event.data["after"] for event in changes] == [[FINANCE, INCOME_OFFICER], [INCOME_OFFICER]]
        assert changes[0].reason == "Groups in Town directory at sign-in"

    def test_a_claim_left_out_is_no_group(self, client, olu, provider):
        maps("income", INCOME_OFFICER)
        provider.says(user="olu", drop=["groups"])
        page = text_of(through(client).content)
        assert "gives you no role here any more" in page
        olu.refresh_from_db()
        assert olu.role_names == ""
        assert not is_in(client)

    def test_more_groups_than_can_be_named_is_refused_and_takes_nothing(self, client, olu, provider):
        maps("income", INCOME_OFFICER)
        provider.says(user="olu", claims={"_claim_names": {"groups": "src1"}, "_claim_sources": {}})
        assert "more groups than it can name" in text_of(through(client).content)
        olu.refresh_from_db()
        assert olu.role_names == INCOME_OFFICER

    def test_the_last_administrator_keeps_the_role_and_it_is_on_record(self, client, provider):
        boss = person("boss", ADMINISTRATOR)
        connect_identity(actor=SET_UP, person=boss, directory="town", subject="subject-of-olu", reason="x")
        maps("admins", ADMINISTRATOR)
        through(client)
        boss.refresh_from_db()
        assert boss.role_names == ADMINISTRATOR
        assert "only Administrator" in Event.objects.get(verb="directory_roles_refused").data["why"]

    def test_mapping_administrator_needs_the_right_to_grant_it(self, client):
        client.force_login(person("ada", ADMINISTRATOR))
        typed = {"directory": "town", "value": "admins", "role": ADMINISTRATOR, "note": "", "change_reason": "Set up"}
        assert client.post("/admin/sign_in/directoryrole/add/", typed).status_code == 302
        mapping = DirectoryRole.objects.get()
        event = Event.objects.get(verb="directory_mapping_changed")
        assert event.data == {"change": "added", "directory": "town", "value": "admins", "role": ADMINISTRATOR}
        page = f"/admin/sign_in/directoryrole/{mapping.pk}"
        assert client.post(f"{page}/change/", {**typed, "role": AUDITOR}).status_code == 302
        assert client.post(f"{page}/delete/", {"post": "yes", "change_reason": "Not wanted"}).status_code == 302
        changes = [
            event.data["change"] for event in Event.objects.filter(verb="directory_mapping_changed").order_by("pk")
        ]
        assert changes == ["added", "changed", "removed"]
        assert mapping.history.count() == 3
        from django.contrib.auth.models import Permission

        limited = person("limited")
        limited.user_permissions.set(Permission.objects.filter(content_type__app_label="sign_in"))
        other = Client()
        other.force_login(limited)
        refused = other.post("/admin/sign_in/directoryrole/add/", typed)
        assert "You may not map a group to the role Administrator" in text_of(refused.content)
        assert not DirectoryRole.objects.exists()


class TestFalseAnswers:
    @pytest.mark.parametrize(
        "says",
        [
            {"claims": {"nonce": "another"}},
            {"drop": ["nonce"]},
            {"expired_by": 120},
            {"claims": {"aud": "another-client"}},
            {"claims": {"iss": "https://evil.example"}},
            {"claims": {"azp": "another-client", "aud": ["ims-client", "another-client"]}},
            {"drop": ["sub"]},
            {"drop": ["exp"]},
            {"claims": {"tid": "another-tenant"}},
            {"claims": {"sub": ""}},
        ],
        ids=lambda says: str(says),
    )
    def test_an_id_token_that_is_not_right_opens_nothing(self, client, olu, provider, says):
        provider.says(user="olu", **says)
        answer = through(client)
        assert answer.status_code == 403
        assert "could not be accepted" in text_of(answer.content)
        assert not is_in(client)
        assert Event.objects.filter(verb="directory_sign_in_failed").count() == 1
        provider.says(user="olu")
        through(client)
        assert is_in(client)

    def test_an_answer_nobody_asked_for_opens_nothing(self, client, olu):
        back = at_provider(start(client))
        other = Client()
        for address in (back, back.replace("state=", "state=x"), f"{START}back/", f"{START}back/?code=1"):
            assert other.get(address).status_code == 403, address
            assert not is_in(other)

    def test_an_answer_works_once(self, client, olu):
        back = at_provider(start(client))
        client.get(back)
        client.logout()
        assert client.get(back).status_code == 403
        assert not is_in(client)

    def test_a_token_signed_by_somebody_else_opens_nothing(self, olu, provider, rf):
        from allauth.socialaccount.providers.oauth2.client import OAuth2Error

        from ims.sign_in.adapters import _as_app
        from ims.sign_in.directories import directory_called
        from ims.sign_in.openid import DirectoryOAuth2Adapter

        adapter = DirectoryOAuth2Adapter(rf.get("/"), "town")
        claims = {"iss": provider.issuer, "aud": "ims-client", "sub": "subject-of-olu", "iat": 1, "exp": 9_999_999_999}
        kid = requests.get(f"{provider.issuer}/.well-known/jwks.json", timeout=10).json()["keys"][0]["kid"]
        for token in (
            jwt.encode(claims, "ims-client-secret-that-is-long-enough", algorithm="HS256", headers={"kid": kid}),
            jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
            jwt.encode(claims, "x" * 32, algorithm="HS256"),
        ):
            with pytest.raises(OAuth2Error):
                adapter._decode_id_token(_as_app(directory_called("town")), token)

    def test_going_back_without_signing_in_is_no_fault(self, client):
        address = start(client)
        state = parse_qs(urlsplit(address).query)["state"][0]
        answer = client.get(f"{START}back/?error=access_denied&state={state}")
        assert "cancelled" in text_of(client.get(answer.url).content if answer.status_code == 302 else answer.content)


class TestDown:
    @pytest.fixture
    def nothing_there(self, settings, provider):
        described = provider.directory()
        port = free_port()
        settings.DIRECTORIES = [
            {
                **described,
                "issuer": f"http://127.0.0.1:{port}",
                "discovery": f"http://127.0.0.1:{port}/.well-known/openid-configuration",
            }
        ]

    def test_a_directory_that_is_down_is_a_sentence_and_local_accounts_work(self, client, nothing_there):
        answer = client.post(START)
        assert answer.status_code == 403
        page = text_of(answer.content)
        assert "Town directory does not answer just now" in page
        assert "local account" in page
        person("zoe")
        assert sign_in(client, "zoe").status_code == 302
        assert is_in(client)

    def test_one_that_goes_down_half_way_is_the_same(self, client, olu, settings, provider):
        back = at_provider(start(client))
        gone = f"http://127.0.0.1:{free_port()}/.well-known/openid-configuration"
        settings.DIRECTORIES = [{**provider.directory(), "discovery": gone}]
        assert "does not answer just now" in text_of(client.get(back).content)
        assert not is_in(client)

    def test_an_issuer_that_is_not_the_one_configured_is_refused(self, client, settings, provider):
        settings.DIRECTORIES = [
            {
                **provider.directory(),
                "issuer": "https://town.example",
                "discovery": f"{provider.issuer}/.well-known/openid-configuration",
            }
        ]
        assert "another directory than the one configured" in text_of(client.post(START).content)

    def test_a_wrong_secret_is_a_sentence(self, client, olu, settings, provider, caplog):
        settings.DIRECTORIES = [{**provider.directory(), "client_secret": "wrong-secret"}]
        assert "could not be accepted" in text_of(through(client).content)
        assert "wrong-secret" not in caplog.text

    def test_no_such_directory_is_no_such_page(self, client):
        assert client.post("/account/sign-in/directory/nobodys/").status_code == 404
        assert client.get("/account/sign-in/directory/nobodys/back/").status_code == 404


def test_a_dangerous_act_is_confirmed_with_the_directory(client, olu, settings, provider):
    through(client)
    settings.CONFIRM_MINUTES = 0
    answer = client.get(reverse("mfa_generate_recovery_codes"))
    assert answer.url.startswith(reverse("account:confirm_directory"))
    assert "Town directory" in text_of(client.get(answer.url).content)
    settings.CONFIRM_MINUTES = 30
    sent = client.post(reverse("account:confirm_directory"), {"next": "/receipts/"})
    asked = parse_qs(urlsplit(sent.url).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    assert client.get(at_provider(sent.url)).url == "/receipts/"
    assert is_in(client)
