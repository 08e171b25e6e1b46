"""Seals published outside the database: written once, late noticed, and what a rewritten ledger cannot agree with."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import date, timedelta

import pytest
from django.core import mail

from ims.audit.actors import command
from ims.audit.models import Event
from ims.audit.seals import seal_events
from ims.audit.services import record
from ims.common.errors import NotAllowed
from ims.evidence import checks, publication, tasks
from ims.evidence.errors import EvidenceRefusal
from ims.evidence.models import SealPublication
from ims.jobs.models import JobRun
from ims.ledger import offline_verifier
from ims.ledger.evidence import export_event_evidence, export_evidence
from ims.ledger.models import Seal
from ims.ledger.seals import seal_pending
from tests.console.conftest import receive
from tests.support.tampering import guards_down
from tests.support.world import World, person

ACTOR = command("test")
TODAY = date.today()


@pytest.fixture
def folder(settings, tmp_path):
    settings.SEALS_DIRECTORY = tmp_path / "published"
    return settings.SEALS_DIRECTORY


def seal_of(days_ago: int, key: str) -> Seal:
    """Something posted, recorded and sealed so many days ago, as far as the seals say."""
    receive("23", "10.00", key=key, reference="700123452")
    record("something_done", actor=ACTOR, data={"key": key})
    seal = seal_pending()
    events = seal_events()
    with guards_down("ledger_seal", "audit_eventseal") as cursor:
        for table, function, columns, pk in (
            ("ledger_seal", "ims_seal_hash", "posting_count, entry_count, total, last_posting_id", seal.pk),
            ("audit_eventseal", "ims_event_seal_hash", "event_count, last_event_id", events.pk),
        ):
            cursor.execute(f"UPDATE {table} SET sealed_at = sealed_at - %s WHERE id = %s", [timedelta(days_ago), pk])
            cursor.execute(
                f"UPDATE {table} SET hash = {function}(previous, digest, {columns}, sealed_at) WHERE id = %s", [pk]
            )
    return Seal.objects.get(pk=seal.pk)


@pytest.fixture
def sealed(world: World, folder) -> list[Seal]:
    """Three seals: of three days ago, of two days ago and of today."""
    return [seal_of(3, "a"), seal_of(2, "b"), seal_of(0, "c")]


def test_every_day_that_is_over_is_published_once_and_names_the_day_before(sealed, folder):
    assert publication.late() == publication.unpublished()
    tasks.publish()
    tasks.publish()
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"seals-{TODAY - timedelta(days=ago):%Y-%m-%d}.json" for ago in (3, 2, 1)]
    first, second, third = (json.loads(file.read_text()) for file in files)
    assert first["ledger"]["hash"] == bytes(sealed[0].hash).hex()
    assert (second["ledger"]["seal"], second["ledger"]["seals"], second["ledger"]["entries"]) == (sealed[1].pk, 2, 2)
    assert second["ledger"]["total"] == "20.00"
    assert third["ledger"] == second["ledger"]
    assert second["previous_file_sha256"] == hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert files[0].stat().st_mode & 0o777 == 0o444
    assert publication.unpublished() == []
    assert Event.objects.filter(verb="seals_published").count() == 3
    assert list(checks.verify()) == []


def test_a_day_that_is_not_over_and_somebody_without_the_right_are_refused(sealed):
    with pytest.raises(EvidenceRefusal, match="not over"):
        publication.publish(actor=ACTOR, day=TODAY)
    with pytest.raises(NotAllowed):
        publication.publish(actor=person(), day=TODAY - timedelta(days=2))


def test_a_directory_that_cannot_be_written_is_said_and_nothing_is_kept(sealed, settings, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    settings.SEALS_DIRECTORY = blocked / "inside"
    with pytest.raises(EvidenceRefusal, match="cannot be published"):
        publication.publish(actor=ACTOR, day=TODAY - timedelta(days=2))
    assert not SealPublication.objects.exists()


def test_a_second_attempt_after_a_kill_finds_the_file_and_agrees(sealed, folder):
    day = TODAY - timedelta(days=3)
    written = publication.publish(actor=ACTOR, day=day)
    with guards_down("evidence_sealpublication") as cursor:  # as if the process had died before its commit
        cursor.execute("DELETE FROM evidence_sealpublication")
    again = publication.publish(actor=ACTOR, day=day)
    assert again.sha256 == written.sha256


def test_a_file_that_says_something_else_is_never_written_over(sealed, folder):
    day = TODAY - timedelta(days=3)
    folder.mkdir()
    (folder / f"seals-{day:%Y-%m-%d}.json").write_text("{}")
    with pytest.raises(EvidenceRefusal, match="already there"):
        publication.publish(actor=ACTOR, day=day)
    assert (folder / f"seals-{day:%Y-%m-%d}.json").read_text() == "{}"
    assert not list(folder.glob(".*"))


def test_late_publication_and_altered_files_are_found(sealed, folder):
    assert {finding.check for finding in checks.verify()} == {"evidence.seals_not_published"}
    tasks.publish()
    path = folder / f"seals-{TODAY - timedelta(days=2):%Y-%m-%d}.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace('"seals": 2', '"seals": 3'))
    (folder / f"seals-{TODAY - timedelta(days=1):%Y-%m-%d}.json").unlink()
    assert {finding.check for finding in checks.verify()} == {
        "evidence.published_file_altered",
        "evidence.published_file_gone",
    }
    assert {finding.check for finding in publication.compare(folder)} == {
        "evidence.publication_differs",
        "evidence.published_ledger_counts_differ",
        "evidence.published_audit_counts_differ",
    }


def compared(folder) -> set[str]:
    return {finding.check for finding in publication.compare(folder)}


def test_a_ledger_cut_short_or_rewritten_does_not_agree_with_what_was_published(sealed, folder):
    tasks.publish()
    assert compared(folder) == set()
    with guards_down("ledger_seal") as cursor:
        cursor.execute("UPDATE ledger_seal SET hash = sha256(hash) WHERE id = %s", [sealed[0].pk])
    assert compared(folder) == {"evidence.published_ledger_seal_differs"}
    with guards_down("ledger_seal", "ledger_sealedposting") as cursor:
        cursor.execute("DELETE FROM ledger_sealedposting")
        cursor.execute("DELETE FROM ledger_seal")
    assert compared(folder) == {"evidence.published_ledger_seal_gone"}


def test_what_was_published_and_forgotten_by_the_database_is_named(sealed, folder):
    tasks.publish()
    with guards_down("evidence_sealpublication") as cursor:
        cursor.execute("DELETE FROM evidence_sealpublication WHERE day = %s", [TODAY - timedelta(days=2)])
    assert compared(folder) == {"evidence.publication_gone"}
    (folder / f"seals-{TODAY - timedelta(days=2):%Y-%m-%d}.json").unlink()
    assert compared(folder) == {"evidence.publication_chain"}
    (folder / "seals-2020-01-01.json").write_text("not json")
    assert "evidence.unreadable_publication" in compared(folder)


def test_an_empty_folder_is_no_agreement(world, tmp_path):
    with pytest.raises(EvidenceRefusal, match="holds no published seals"):
        list(publication.compare(tmp_path))


def test_the_offline_verifier_compares_with_the_published_files(sealed, folder, tmp_path):
    tasks.publish()
    for name, export in (("ledger.jsonl", export_evidence), ("events.jsonl", export_event_evidence)):
        with (tmp_path / name).open("w", encoding="utf-8") as out:
            export(out, actor=ACTOR, council="Model Council")
    for name in ("ledger.jsonl", "events.jsonl"):
        assert offline(tmp_path / name, folder) == (0, "nothing found wrong")
    file = folder / f"seals-{TODAY - timedelta(days=2):%Y-%m-%d}.json"
    file.chmod(0o644)
    said = json.loads(file.read_text())
    said["ledger"]["hash"] = said["audit"]["hash"] = "ab" * 32
    file.write_text(json.dumps(said))
    for name in ("ledger.jsonl", "events.jsonl"):
        code, output = offline(tmp_path / name, folder)
        assert (code, "has been rewritten" in output) == (1, True)
    text = (tmp_path / "events.jsonl").read_text().replace("something_done", "something_else", 1)
    (tmp_path / "events.jsonl").write_text(text)
    assert "(something_else) has been altered" in offline(tmp_path / "events.jsonl")[1]


def offline(*arguments) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", offline_verifier.__file__, *arguments], capture_output=True, text=True, check=False
    )
    return ran.returncode, "nothing found wrong" if "nothing found wrong" in ran.stdout else ran.stdout


def test_part_of_the_ledger_hangs_on_the_seal_before_it(sealed, folder, tmp_path):
    path = tmp_path / "part.jsonl"
    with path.open("w", encoding="utf-8") as out:
        count = export_evidence(out, actor=ACTOR, council="Model Council", since=sealed[1].sealed_at)
    assert count == 2
    assert json.loads(path.read_text().splitlines()[0])["after"] == bytes(sealed[0].hash).hex()
    assert offline(path) == (0, "nothing found wrong")


def test_the_seals_are_sent_where_that_is_set_up(sealed, folder, settings, django_capture_on_commit_callbacks):
    settings.SEALS_EMAIL = ["auditor@council.example", "s151@council.example"]
    settings.EMAIL_URL = "smtp://mail.council.example"
    found = publication.publish(actor=ACTOR, day=TODAY - timedelta(days=3))
    run = JobRun.objects.get(task=publication.EMAIL_JOB)
    assert tasks.email_seals(_Run(), publication=found.pk) == f"{found} sent to 2 addresses"
    assert run.arguments == {"publication": found.pk}
    sent = mail.outbox[0]
    assert sent.to == settings.SEALS_EMAIL
    assert sent.attachments[0][1] == found.content
    assert Event.objects.filter(verb="seals_emailed").exists()
    settings.EMAIL_URL = ""
    with pytest.raises(EvidenceRefusal, match="No mail server is set"):
        tasks.email_seals(_Run(), publication=found.pk)


class _Run:
    actor = ACTOR
