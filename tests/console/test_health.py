"""What a watcher is told, without signing in."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.test import Client


def test_the_process_answers_without_the_database(client: Client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_when_the_database_answers_and_nothing_waits_to_be_migrated(client: Client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {"database": "ok", "migrations": "ok", "worker": "none", "jobs": "ok"},
    }


@pytest.mark.django_db
def test_not_ready_and_no_detail_when_the_database_fails(client: Client):
    def refuse(*_):
        raise DatabaseError("password=secret")

    with connection.execute_wrapper(refuse):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed"
    assert b"secret" not in answer.content


def test_only_reading_is_allowed(client: Client):
    assert client.post("/healthz").status_code == 405
