"""Evidence packs: whole, checkable without IMS, the same twice, on record, and flat in memory."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import localtime

from ims.access import report
from ims.access import services as access
from ims.approvals import services as approvals
from ims.approvals.models import Conflict, Limit, Request
from ims.audit.actors import Actor, command
from ims.audit.models import Event
from ims.audit.sections import Table, section
from ims.common import clock
from ims.common.errors import NotAllowed
from ims.evidence import services
from ims.evidence.errors import EvidenceRefusal
from ims.evidence.models import EvidencePack
from ims.evidence.pack import load_sections
from ims.funds.models import GeneralLedgerMapping
from ims.jobs.models import JobRun
from ims.people.selectors import actor_for
from tests.support.limits import set_limit
from tests.support.tampering import guards_down
from tests.support.world import person

TODAY = date.today()
FIRST = TODAY - timedelta(days=9)


def take(actor: Actor, *, first: date = FIRST, last: date = TODAY, kind: str = "pack") -> tuple[dict, zipfile.ZipFile]:
    out = io.BytesIO()
    index = services.take_pack(actor=actor, out=out, first=first, last=last, kind=kind)
    assert index["sha256"] == hashlib.sha256(out.getvalue()).hexdigest()
    return index, zipfile.ZipFile(out)


def rows(archive: zipfile.ZipFile, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(path).decode("utf-8-sig"))))


def test_it_holds_what_every_room_can_prove_and_says_the_sha256_of_each_file(worked, auditor):
    index, archive = take(auditor)
    assert archive.testzip() is None
    names = [each["name"] for each in index["sections"]]
    assert {
        "totals",
        "proofs",
        "proof",
        "integrity",
        "configuration",
        "access",
        "who-can",
        "access-reviews",
        "approvals",
        "files",
        "exports",
        "events",
        "unusual",
    } <= set(names)
    described = [each for part in index["sections"] for each in part["files"]]
    for each in described:
        content = archive.read(each["path"])
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (each["sha256"], each["size"])
    assert set(archive.namelist()) == {each["path"] for each in described} | {"index.json", "index.html", "SHA256SUMS"}
    assert json.loads(archive.read("index.json"))["taken_by"] == auditor.name
    assert archive.read("SHA256SUMS").decode().count("\n") == len(described)


def test_its_tables_tell_the_truth(worked, auditor):
    _, archive = take(auditor)
    total = rows(archive, "totals/by-fund.csv")[-1]
    assert total["Name"] == "Total"
    days = rows(archive, "proofs/days.csv")
    assert [row["Day"] for row in days] == [(FIRST + timedelta(days=n)).isoformat() for n in range(10)]
    assert sum(Decimal(row["Received"]) for row in days) == Decimal(total["Received"])
    file = rows(archive, "files/files.csv")[0]
    assert len(file["SHA-256"]) == 64
    assert rows(archive, "exports/journals.csv")[0]["Debits"] == rows(archive, "exports/journals.csv")[0]["Credits"]
    assert {row["Username"] for row in rows(archive, "access/people.csv")} >= {"auditor", "finance"}
    assert any(row["Kind of record"] == "File profile" for row in rows(archive, "configuration/changes.csv"))
    assert "import_checked" in {row["What"] for row in rows(archive, "events/summary.csv")}


def test_it_says_who_asked_who_decided_and_who_can_do_what(worked, auditor, people):
    set_limit("funds.mapping", "Finance", alone="0", approved=None, approves=None)
    set_limit("funds.mapping", alone="0")
    finance, manager = actor_for(people["Finance"]), actor_for(people["Income manager"])
    set_limit("funds.mapping", "Income manager", alone="0", approved=None, approves=None)
    mapping = GeneralLedgerMapping.objects.get(side="income", fund="23")
    payload = {"model": "funds.generalledgermapping", "act": "change", "pk": str(mapping.pk), "reason": "New codes"}
    asked = [
        approvals.request(
            actor=finance, kind="funds.mapping", payload={**payload, "values": {"gl_code": code}}, reason="New codes"
        )
        for code in ("111111", "222222")
    ]
    approvals.approve(actor=manager, request_id=asked[0].pk, reason="=Agreed")
    approvals.reject(actor=manager, request_id=asked[1].pk, reason="Not now")
    review = access.open_review(actor=command("tests"), title="Quarter 3", due_on=TODAY)
    nobody = review.lines.get(person=people["Nobody"])
    access.decide(actor=manager, line_id=nobody.pk, decision="confirmed", reason="Still here")
    _, archive = take(auditor)
    told = {row["Request"]: row for row in rows(archive, "approvals/requests.csv")}
    for each in Request.objects.all():
        row = told.pop(str(each.pk))
        assert (row["Asked by"], row["Why"]) == (each.requested_by_name, each.reason)
        assert (row["State"], row["Decided by"]) == (each.get_state_display(), each.decided_by_name)
        assert row["Decided"] == f"{localtime(each.decided_at):%Y-%m-%d %H:%M:%S}"
        assert (row["Beyond the limit of"], row["What came of it"]) == (
            "Changes of general ledger mappings",
            each.outcome,
        )
    assert told == {}
    assert "'=Agreed" in {row["What they said"] for row in rows(archive, "approvals/requests.csv")}
    assert len(rows(archive, "approvals/limits.csv")) == Limit.objects.count()
    assert len(rows(archive, "approvals/conflicts.csv")) == Conflict.objects.count() > 0
    held = rows(archive, "who-can/who-can-do-what.csv")
    expected = [(each.person.username, each.permission, each.role, each.scope) for each in report.holdings(auditor)]
    assert [(row["Username"], row["Permission"], row["Through the role"], row["Sees"]) for row in held] == expected
    [shown] = rows(archive, "access-reviews/reviews.csv")
    assert (shown["Review"], shown["People"], shown["Decided"]) == ("Quarter 3", str(review.lines.count()), "1")
    decided = {row["Username"]: row for row in rows(archive, "access-reviews/decisions.csv")}
    assert (decided["nobody"]["Decision"], decided["nobody"]["Decided by"]) == ("Still needed", manager.name)
    assert len(decided) == review.lines.count()
    sums = archive.read("SHA256SUMS").decode()
    for path in ("approvals/requests.csv", "who-can/who-can-do-what.csv", "access-reviews/reviews.csv"):
        assert f"{hashlib.sha256(archive.read(path)).hexdigest()}  {path}\n" in sums
        assert path in archive.read("index.html").decode()
    earlier, _ = take(auditor, first=FIRST, last=TODAY - timedelta(days=1))
    kept = {each["path"]: each["rows"] for part in earlier["sections"] for each in part["files"] if "rows" in each}
    assert kept["approvals/requests.csv"] == kept["access-reviews/reviews.csv"] == 0


def test_the_page_opens_offline_and_is_escaped(worked, auditor):
    _, archive = take(auditor)
    page = archive.read("index.html").decode()
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert 'href="totals/by-fund.csv"' in page
    assert "Control totals" in page


def test_ledger_and_audit_trail_in_it_verify_without_ims(worked, auditor, tmp_path):
    _, archive = take(auditor, kind="ledger")
    archive.extractall(tmp_path)
    for name in ("ledger.jsonl", "events.jsonl"):
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "offline_verifier.py", name],
            cwd=tmp_path / "proof", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (ran.returncode, "nothing found wrong" in ran.stdout) == (0, True), ran.stdout
    assert {name.partition("/")[0] for name in archive.namelist()} == {
        "proof",
        "index.json",
        "index.html",
        "SHA256SUMS",
    }


def test_the_same_period_twice_is_the_same_files(worked, auditor):
    last = TODAY - timedelta(days=1)  # today goes on: taking a pack is an event of today
    first, _ = take(auditor, last=last)
    second, _ = take(auditor, last=last)
    assert first["sections"] == second["sections"]


def test_an_alteration_shows_in_the_pack(worked, auditor, tmp_path):
    with guards_down("ledger_entry") as cursor:
        cursor.execute("UPDATE ledger_entry SET amount = amount + 1 WHERE line = 1")
    _, archive = take(auditor, kind="ledger")
    archive.extractall(tmp_path)
    command_line = [sys.executable, "offline_verifier.py", "ledger.jsonl"]
    ran = subprocess.run(command_line, cwd=tmp_path / "proof", capture_output=True, text=True, check=False)
    assert (ran.returncode, "has been altered" in ran.stdout) == (1, True)


def test_taking_it_is_on_record_with_its_hash(worked, auditor):
    index, _ = take(auditor)
    event = Event.objects.filter(verb="evidence_pack_taken").latest("pk")
    assert (event.actor_name, event.data["sha256"]) == (auditor.name, index["sha256"])


@pytest.mark.parametrize(
    "actor",
    [
        person("Nobody"),
        person("Half", "audit.view_event"),
        person("Some funds", "audit.view_event", "ledger.view_entry", funds=frozenset({"5"})),
    ],
    ids=lambda actor: actor.name,
)
def test_only_who_may_see_everything_takes_one(worked, actor):
    with pytest.raises(NotAllowed):
        take(actor)
    with pytest.raises(NotAllowed):
        services.ask_for_pack(actor=actor, first=FIRST, last=TODAY)


@pytest.mark.parametrize(
    ("first", "last"), [(TODAY, FIRST), (TODAY, TODAY + timedelta(days=1)), (TODAY - timedelta(days=4000), TODAY)]
)
def test_days_that_cannot_be_are_refused(worked, auditor, first, last):
    with pytest.raises(EvidenceRefusal):
        services.ask_for_pack(actor=auditor, first=first, last=last)


def test_a_room_adds_a_section_by_registering_it(worked, auditor):
    from ims.audit import sections

    @section("mine", "Mine", why="Because.", order=5)
    def mine(request):
        yield Table("rows", "Rows", ("A", "B"), ((number, "=cmd") for number in range(3)), is_shown=True)

    try:
        assert load_sections()[0].name == "mine"
        _, archive = take(auditor)
        assert [row["B"] for row in rows(archive, "mine/rows.csv")] == ["'=cmd"] * 3
    finally:
        sections._sections.pop("mine")


# --- in the background ---------------------------------------------------------------------------------------------


def made(actor: Actor) -> EvidencePack:
    asked = services.ask_for_pack(actor=actor, first=FIRST, last=TODAY, reason="Year-end audit")
    return services.make_pack(actor=actor, pack_id=asked.pk)


def test_asked_for_made_downloaded_made_once_and_let_go(worked, auditor, monkeypatch):
    monkeypatch.setattr(services, "PIECE_BYTES", 4_000)
    pack = made(auditor)
    assert pack.pieces.count() > 2
    assert services.make_pack(actor=auditor, pack_id=pack.pk).made_at == pack.made_at
    found, pieces = services.download_pack(actor=auditor, pack_id=pack.pk)
    content = b"".join(pieces)
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (found.sha256, found.size)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert Event.objects.filter(verb="evidence_pack_downloaded").exists()
    assert services.forget_old_packs(actor=command("test")) == 0
    EvidencePack.objects.update(made_at=clock.now() - timedelta(days=services.DAYS_KEPT + 1))
    assert services.forget_old_packs(actor=command("test")) == 1
    with pytest.raises(EvidenceRefusal, match="no longer kept"):
        services.download_pack(actor=auditor, pack_id=pack.pk)


def test_the_pages(worked, as_role, auditor):
    client = as_role("Auditor")
    page = client.get(reverse("assurance:evidence"))
    assert page.status_code == 200
    sent = {"first": f"{FIRST:%d/%m/%Y}", "last": f"{TODAY:%d/%m/%Y}", "kind": "pack", "reason": "Audit"}
    asked = client.post(reverse("assurance:ask_pack"), sent, follow=True)
    pack = EvidencePack.objects.get()
    assert f"/audit/evidence/packs/{pack.pk}/" in asked.redirect_chain[0][0]
    assert b"Waiting for a worker" in asked.content
    assert client.get(reverse("assurance:pack_progress", args=[pack.pk])).json()["finished"] is False
    services.make_pack(actor=auditor, pack_id=pack.pk)
    JobRun.objects.update(state="succeeded")
    ready = client.get(reverse("assurance:pack", args=[pack.pk]))
    assert b"proof/offline_verifier.py" in ready.content
    got = client.post(reverse("assurance:download_pack", args=[pack.pk]))
    assert got["Content-Disposition"].endswith('.zip"')
    assert zipfile.ZipFile(io.BytesIO(b"".join(got.streaming_content))).testzip() is None
    wrong = client.post(reverse("assurance:ask_pack"), {**sent, "last": f"{TODAY + timedelta(days=3):%d/%m/%Y}"})
    assert b"still to come" in wrong.content
    assert as_role("Income officer").get(reverse("assurance:evidence")).status_code == 403


def test_publishing_from_the_page_is_for_administrators(worked, as_role, settings, tmp_path):
    settings.SEALS_DIRECTORY = tmp_path
    assert as_role("Auditor").post(reverse("assurance:publish_seals")).status_code == 403
    answer = as_role("Administrator").post(reverse("assurance:publish_seals"), follow=True)
    assert b"Nothing was waiting" in answer.content
