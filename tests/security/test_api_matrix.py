"""Every operation of the API as a client with each scope, with none, and as a person, compared with a table.

    IMS_WRITE_PERMISSIONS=1 .venv/bin/python -m pytest tests/security/test_api_matrix.py

writes docs/architecture/api-permissions.md anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from django.test import Client as Browser

from ims.api.scopes import SCOPES
from ims.api.v1 import description
from tests.api.conftest import add_client
from tests.console.conftest import add_people
from tests.support.world import World, add_payment_types

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture" / "api-permissions.md"
PLACES = {"number": "REC-000001/1", "id": "00000000-0000-4000-8000-000000000000"}
OPEN = {
    "/api/v1/openapi.json": "the description of the API; holds nothing of any council",
    "/api/v1/openapi.yaml": "the same as YAML",
    "/api/callbacks/notify": "GOV.UK Notify tells of deliveries, with a token of its own; answers nothing",
}
HEAD = """# Who may call what

Written by `tests/security/test_api_matrix.py`, which calls every operation of the API with a key of a client that holds
one scope, with one that holds none, without a key, and as every signed-in person. What a scope grants is declared in
`ims/api/scopes.py`; the services behind an operation ask again. A client sees the funds it is given and no others.

"""


def operations() -> list[tuple[str, str, tuple[str, ...]]]:
    """Every operation: its verb, its path, and the scopes its description names."""
    paths = yaml.safe_load(description.yaml())["paths"]
    return [
        (verb, path, tuple(name for name in SCOPES if f"`{name}`" in operation["description"]))
        for path, found in sorted(paths.items())
        for verb, operation in found.items()
    ]


def call(browser: Browser, verb: str, path: str, secret: str = "") -> int:
    for name, value in PLACES.items():
        path = path.replace("{" + name + "}", value)
    headers = {"Idempotency-Key": "matrix", **({"Authorization": f"Bearer {secret}"} if secret else {})}
    return browser.generic(verb.upper(), path, "{}", content_type="application/json", headers=headers).status_code


@pytest.mark.django_db
def test_every_operation_opens_to_its_scopes_alone(world: World):
    add_payment_types()
    keys = {name: add_client(f"Only {name}", name)[1] for name in SCOPES}
    nobody = add_client("Nobody", "none")[1]
    browser, rows, faults = Browser(raise_request_exception=False), [], []
    for verb, path, scopes in operations():
        if call(browser, verb, path) != 401:
            faults.append(f"{verb} {path} opens without a key")
        if call(browser, verb, path, nobody) != 403:
            faults.append(f"{verb} {path} opens to a client without scopes")
        opened = [name for name, key in keys.items() if call(browser, verb, path, key) not in (401, 403)]
        if sorted(opened) != sorted(scopes):
            faults.append(f"{verb} {path} says {scopes} and opens to {opened}")
        rows.append(f"| `{verb.upper()} {path}` | {', '.join(f'`{name}`' for name in scopes)} |")
    assert faults == [], "\n".join(faults)
    table = HEAD + "| operation | needs any of |\n|---|---|\n" + "\n".join(rows)
    table += "\n\n## Scopes\n\n| scope | means | permissions of the services |\n|---|---|---|\n"
    for scope in SCOPES.values():
        named = ", ".join(f"`{permission}`" for permission in sorted(scope.permissions))
        table += f"| `{scope.name}` | {scope.meaning} | {named} |\n"
    table += "\n## Open to everybody, and why\n\n| address | why |\n|---|---|\n"
    table += "".join(f"| `{path}` | {why} |\n" for path, why in OPEN.items())
    if os.environ.get("IMS_WRITE_PERMISSIONS"):
        PAGE.write_text(table, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == table, "docs/architecture/api-permissions.md is out of date"


@pytest.mark.django_db
def test_no_persons_session_opens_the_api(world: World):
    for role, person in add_people().items():
        browser = Browser()
        browser.force_login(person)
        for verb, path, _ in operations():
            assert call(browser, verb, path) == 401, (role, verb, path)


@pytest.mark.django_db
def test_what_is_open_says_nothing_of_the_council(world: World):
    assert Browser().post("/api/callbacks/notify", "{}", content_type="application/json").status_code == 403
    for path in list(OPEN)[:2]:
        answer = Browser().get(path)
        assert answer.status_code == 200
        assert b"Model Council" not in answer.content


def test_scopes_grant_permissions_that_exist_and_nothing_that_manages_people():
    from tests.security.surface import every_permission

    granted = set().union(*(scope.permissions for scope in SCOPES.values()))
    assert granted <= every_permission()
    assert not any(name.startswith(("people.", "api.", "audit.", "approvals.")) for name in granted)
