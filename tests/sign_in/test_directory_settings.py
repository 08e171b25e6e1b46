"""Describing the council's directories in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ims.settings.directories import described, origins, read_directories, read_secrets

ENTRA = {
    "id": "entra",
    "name": "Council account",
    "issuer": "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
    "client_id": "client",
}


def test_entra_people_are_known_by_their_object_id_and_given_app_roles():
    (found,) = read_directories(json.dumps([ENTRA]))
    assert (found["subject_claim"], found["roles_claim"], found["creates_people"]) == ("oid", "roles", True)
    assert found["discovery"] == ENTRA["issuer"] + "/.well-known/openid-configuration"
    assert origins([found]) == ["https://login.microsoftonline.com"]


def test_any_other_provider_by_its_subject():
    given = {
        **ENTRA,
        "id": "other",
        "issuer": "https://id.town.example/realms/staff",
        "form_action": ["https://x.example"],
    }
    (found,) = read_directories(json.dumps([given]))
    assert (found["subject_claim"], found["roles_claim"]) == ("sub", "groups")
    assert origins([found]) == ["https://id.town.example", "https://x.example"]
    assert described([found], {"other": "s"})[0]["client_secret"] == "s"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "every tenant"),
        ({"issuer": "https://login.microsoftonline.com/Organizations/v2.0"}, "every tenant"),
        ({"issuer": "http://id.town.example"}, "must begin with https"),
        ({"id": "Entra ID"}, "small letters"),
        ({"client_id": ""}, "no “client_id”"),
        ({"secret": "x"}, "nothing a directory has"),
    ],
)
def test_what_is_wrong_is_said(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_directories(json.dumps([{**ENTRA, **change}]))


def test_two_with_one_id_and_what_is_no_json_are_refused():
    with pytest.raises(ValueError, match="same id"):
        read_directories(json.dumps([ENTRA, ENTRA]))
    with pytest.raises(ValueError, match="not JSON"):
        read_directories("[")
    with pytest.raises(ValueError, match="JSON list"):
        read_directories("{}")


def test_a_secret_is_never_repeated():
    with pytest.raises(ValueError) as refused:
        read_secrets("my-secret")
    assert "my-secret" not in str(refused.value)
    with pytest.raises(ValueError) as refused:
        read_secrets('["my-secret"]')
    assert "my-secret" not in str(refused.value)


def production(**more: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IMS_", "DJANGO_"))}
    needed = {
        "DJANGO_SETTINGS_MODULE": "ims.settings.production",
        "IMS_SECRET_KEY": "x" * 60,
        "IMS_DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "IMS_ALLOWED_HOSTS": "ims.example.org",
    }
    code = (
        "from django.conf import settings as s;"
        "print(s.SECOND_FACTOR_REQUIRED, s.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action'])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], env=environment | needed | more, capture_output=True, text=True, check=False
    )


def test_production_needs_a_second_factor_and_names_the_provider_in_the_policy(tmp_path):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"entra": "s"}')
    ran = production(IMS_DIRECTORIES=json.dumps([ENTRA]), IMS_DIRECTORY_SECRETS_FILE=str(secrets))
    assert ran.stdout.split(maxsplit=1)[0] == "True", ran.stderr
    assert "https://login.microsoftonline.com" in ran.stdout
    refused = production(IMS_REQUIRE_SECOND_FACTOR="False")
    assert refused.returncode != 0
    assert "demonstration only" in refused.stderr
