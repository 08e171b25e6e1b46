"""Large files of account holders: checked and loaded by a worker, with progress, however often it starts."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from ims.accounts import services
from ims.accounts.errors import AccountsRefusal
from ims.accounts.models import AccountHolder, AccountLoad
from ims.audit.models import Event
from ims.common.errors import NotAllowed
from ims.jobs.models import JobRun
from ims.jobs.worker import run_worker
from ims.people.roles import AUDITOR, INCOME_OFFICER
from tests.people.people_world import member
from tests.support.world import person

LOADER = person("Lee Loader", services.PERMISSION)
LOADS = "/admin/accounts/accountload/"


def text_of(accounts: int) -> bytes:
    lines = "".join(f"{800_000_000 + n},Holder {n},{n}.00\n" for n in range(accounts))
    return f"reference,name,balance\n{lines}".encode()


def later(content: bytes, **options: str) -> AccountLoad:
    return services.receive_later(actor=LOADER, file=content, fund="23", file_name="tax.csv", **options)


@pytest.fixture
def many_are_few(monkeypatch):
    """Everything counts as large."""
    monkeypatch.setattr(services, "LARGE", 10)
    monkeypatch.setattr(services, "MANY", 1)


def test_a_large_file_is_checked_and_loaded_by_a_worker(client, world_committed, many_are_few):
    officer = member("off", INCOME_OFFICER)
    client.force_login(officer)
    typed = {"file": SimpleUploadedFile("tax.csv", text_of(50)), "fund": "23", "reason": "Nightly"}
    page = client.post(f"{LOADS}load/", typed, follow=True)
    load = AccountLoad.objects.get()
    assert load.state == "received"
    text = page.content.decode()
    assert "Waiting for a worker" in text
    assert f"{LOADS}{load.pk}/progress/" in text
    assert "Load the accounts" not in text
    assert client.get(f"{LOADS}{load.pk}/progress/").json()["finished"] is False

    run_worker(wait=False)
    assert client.get(f"{LOADS}{load.pk}/progress/").json()["finished"] is True
    page = client.get(f"{LOADS}{load.pk}/preview/").content.decode()
    assert "Load the accounts" in page
    assert not AccountHolder.objects.filter(reference="800000000").exists()

    page = client.post(f"{LOADS}{load.pk}/preview/", {"confirm": "1"}, follow=True).content.decode()
    assert "Waiting for a worker" in page
    # A second click while the work waits changes nothing.
    client.post(f"{LOADS}{load.pk}/preview/", {"confirm": "1"})
    assert JobRun.objects.filter(task=services.LOAD_JOB).count() == 1
    run_worker(wait=False)
    load.refresh_from_db()
    assert (load.state, load.added) == ("loaded", 50)
    assert AccountHolder.objects.get(reference="800000000").history.get().history_user_id == officer.pk
    assert JobRun.objects.get(task=services.LOAD_JOB).message == "50 accounts added, 0 changed, 0 gone"
    assert Event.objects.filter(verb="account_file_loaded").count() == 1


def test_a_file_with_faults_is_refused_by_the_worker(world_committed):
    load = later(b"reference,balance\n123456785,much\n")
    run_worker(wait=False)
    load.refresh_from_db()
    assert load.state == "refused"
    assert load.problems[0]["line"] == 2


def test_the_same_bytes_wait_once_and_can_be_put_aside(world):
    load = later(text_of(2))
    with pytest.raises(AccountsRefusal, match="waits to be"):
        later(text_of(2))
    services.discard_load(actor=LOADER, load_id=load.pk, reason="Wrong extract")
    assert services.check_received(actor=LOADER, load_id=load.pk).state == "discarded"
    assert later(text_of(2)).state == "received"


def test_both_steps_may_run_twice(world):
    load = later(text_of(3))
    told: list[str] = []
    for _ in range(2):
        assert services.check_received(actor=LOADER, load_id=load.pk).state == "checked"
    for _ in range(2):
        report = lambda done, total, message: told.append(message)  # noqa: E731
        assert services.confirm_load(actor=LOADER, load_id=load.pk, report=report).added == 3
    assert told == ["Writing the accounts and their history"]
    with pytest.raises(AccountsRefusal, match="was loaded and cannot"):
        services.confirm_later(actor=LOADER, load_id=load.pk)


def test_it_takes_the_permission(client, world):
    load = later(text_of(1))
    nobody = person("Nora Nobody")
    for refused in (
        lambda: services.receive_later(actor=nobody, file=b"x", fund="23"),
        lambda: services.check_received(actor=nobody, load_id=load.pk),
        lambda: services.confirm_later(actor=nobody, load_id=load.pk),
    ):
        with pytest.raises(NotAllowed):
            refused()
    client.force_login(member("aud", AUDITOR))
    answer = client.get(f"{LOADS}{load.pk}/progress/")
    assert json.loads(answer.content)["text"] == "Waiting for a worker"
    assert client.get(f"{LOADS}987654/progress/").status_code == 404
