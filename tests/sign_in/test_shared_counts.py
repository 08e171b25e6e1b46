"""Two workers count the same attempts: each in a process of its own, over one database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from tests.console.markup import text_of
from tests.sign_in.local_account import person, sign_in

ROOT = Path(__file__).resolve().parents[2]

ATTEMPTS = """
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = {name!r}
from django.test import Client
for attempt in range({times}):
    Client().post("/account/sign-in/", {{"login": {login!r}, "password": "wrong"}})
"""


def another_worker(login: str, times: int) -> None:
    """Fail so often in another process, which shares nothing with this one but the database."""
    code = ATTEMPTS.format(name=connection.settings_dict["NAME"], login=login, times=times)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ims.settings.test"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("login", ["olu", "nobody-has-this-name"])
def test_failures_at_another_worker_count_here(login):
    person("olu")
    another_worker(login, 6)
    for _ in range(4):
        assert "too many failed attempts" not in text_of(sign_in(Client(), login, "wrong").content)
    assert "too many failed attempts" in text_of(sign_in(Client(), login, "wrong").content)
