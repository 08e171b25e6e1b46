"""The commands over real data: exit codes, JSON, refusals. In this process, so that they see the small world."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ims.command_line.entry import run
from ims.exports.seed import seed_profiles as seed_exports
from ims.imports.models import ImportBatch
from ims.imports.seed import seed_profiles as seed_imports
from ims.ledger.models import Entry, Posting
from tests.support.world import SET_UP

TODAY = date.today()


@pytest.fixture
def council(world):
    """The small world with the profiles that come with IMS."""
    seed_imports(SET_UP)
    seed_exports(SET_UP)
    return world


@pytest.fixture
def ims(capsys: pytest.CaptureFixture[str]):
    """Run a command; get its exit code, and what it printed as JSON (the error, when it was refused)."""

    def run_it(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*words, "--json"])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, json.loads(printed.out or printed.err)

    return run_it


@pytest.fixture
def receipts(tmp_path: Path, council) -> Path:
    """A receipts file: one for council tax, one that nobody can identify."""
    path = tmp_path / "counter.csv"
    day = f"{TODAY:%d/%m/%Y}"
    rows = [
        f"B1,,1,WP,{day},{day},{council.council_tax_account},7,23,1,120.00,,,,Mrs Ada Moss",
        f"B2,,2,WP,{day},{day},123456789,7,23,1,30.50,,,,Somebody",
    ]
    path.write_text("\r\n".join(rows) + "\r\n")
    return path


class TestImport:
    def test_posts_and_says_what_became_of_every_row(self, ims, receipts):
        code, data = ims("import", str(receipts), "--profile", "receipts15")
        assert code == 0, data
        assert data["posted"] is True
        assert data["totals"]["by_outcome"]["to_post"] == {"count": 1, "amount": "120.00"}
        assert data["totals"]["by_outcome"]["to_suspense"] == {"count": 1, "amount": "30.50"}
        assert Posting.objects.get().total == 150.50
        assert data["posting"] == str(Posting.objects.get())

    def test_the_content_decides_without_a_profile(self, ims, receipts):
        code, data = ims("import", str(receipts))
        assert code == 0, data
        assert data["profile"] == "receipts15"

    def test_a_dry_run_keeps_nothing_and_promises_what_happens_next(self, ims, receipts):
        code, promised = ims("import", str(receipts), "--dry-run")
        assert code == 0, promised
        assert promised["posted"] is False
        assert not ImportBatch.objects.exists()
        assert not Entry.objects.exists()
        _, done = ims("import", str(receipts))
        assert done["totals"] == promised["totals"]

    def test_the_same_bytes_twice_are_refused_and_nothing_is_posted_again(self, ims, receipts):
        ims("import", str(receipts))
        code, data = ims("import", str(receipts))
        assert code == 1
        assert data["error"]["code"] == "already_received"
        assert Entry.objects.count() == 2

    def test_what_was_received_but_not_posted_is_taken_up(self, ims, receipts):
        from ims.imports import services

        with receipts.open("rb") as stream:
            services.receive(actor=SET_UP, stream=stream, name="counter.csv", profile="receipts15")
        code, data = ims("import", str(receipts))
        assert code == 0, data
        assert data["posted"] is True
        assert ImportBatch.objects.count() == 1

    def test_rows_that_wait_for_somebody_are_a_finding(self, ims, receipts):
        receipts.write_text(receipts.read_text().replace("30.50", "3O.50"))
        code, data = ims("import", str(receipts))
        assert code == 1
        assert data["posted"] is True
        assert data["totals"]["by_outcome"]["invalid"]["count"] == 1

    def test_a_file_that_is_wrong_as_a_whole_is_a_finding_and_posts_nothing(self, ims, tmp_path, council):
        path = tmp_path / "agent.txt"
        path.write_text(
            f" 33561 {council.council_tax_account:<16}   150.00P{TODAY:%d/%m/%Y}\r\n\r\n"
            "Total Amount Updated onto System:           151.00 \r\n"
            "Total Transactions updated onto System:                1 \r\n"
        )
        code, data = ims("import", str(path), "--profile", "allpay")
        assert code == 1
        assert data["state"] == "refused"
        assert "£151.00" in data["error"]
        assert not Entry.objects.exists()

    @pytest.mark.parametrize("words", [["--profile", "none-such"], ["--profile", "mt940"]])
    def test_the_wrong_profile(self, ims, receipts, words):
        code, _ = ims("import", str(receipts), *words)
        assert code == 1
        assert not Entry.objects.exists()

    def test_no_such_file_is_wrong_use(self, ims, council):
        code, data = ims("import", "no-such-file.csv")
        assert code == 2
        assert data["error"]["code"] == "wrong_use"


class TestVerifySealAndProof:
    def test_a_sound_ledger_has_no_errors(self, ims, receipts):
        ims("import", str(receipts))
        code, sealed = ims("seal")
        assert code == 0, sealed
        assert sealed["entries"] == 2
        code, data = ims("verify")
        assert code == 0, data
        assert (data["postings"], data["entries"], data["seals"]) == (1, 2, 1)
        assert data["last_seal"]["hash"] == sealed["hash"]

    def test_what_was_altered_behind_its_back_is_a_finding(self, ims, receipts):
        from django.db import connection

        ims("import", str(receipts))
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE ledger_entry DISABLE TRIGGER append_only_rows")
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("UPDATE ledger_entry SET narrative = 'Altered' WHERE amount = 120")
            cursor.execute("SET session_replication_role = DEFAULT")
            cursor.execute("ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER append_only_rows")
        code, data = ims("verify")
        assert code == 1
        assert "ledger.altered_entry" in {finding["check"] for finding in data["findings"]}

    def test_with_nothing_new_there_is_no_further_seal(self, ims, council):
        assert ims("seal") == (0, {"sealed": False})

    def test_warnings_count_only_when_asked(self, ims, council):
        code, data = ims("verify")
        # Nobody administers the small world, and it has no modulus tables.
        assert {finding["severity"] for finding in data["findings"]} == {"warning", "information"}
        assert code == 0, data
        assert ims("verify", "--strict")[0] == 1

    def test_the_proof_of_a_day(self, ims, receipts):
        ims("import", str(receipts))
        code, data = ims("proof", "--date", TODAY.isoformat())
        assert code == 0, data
        assert data["proven"] is True
        assert data["total"]["received"] == "150.50"
        assert data["files"][0]["difference"] == "0.00"

    @pytest.mark.parametrize("words", [[], ["--date", "20/11/2026"], ["--date", "2026-02-30"]])
    def test_without_a_date_that_can_be_read_it_is_wrong_use(self, ims, council, words):
        assert ims("proof", *words)[0] == 2


class TestExport:
    PROFILE = "General ledger journal"

    def test_builds_writes_and_gives_the_same_bytes_again(self, ims, receipts, tmp_path):
        ims("import", str(receipts))
        code, first = ims("export", self.PROFILE, "--date", TODAY.isoformat(), "--output", str(tmp_path))
        assert code == 0, first
        assert first["created"] is True
        assert first["debits"] == first["credits"]
        written = Path(first["written_to"])
        assert written.name == first["file_name"]
        code, again = ims("export", self.PROFILE, "--date", TODAY.isoformat(), "--output", str(tmp_path / "again.csv"))
        assert code == 0, again
        assert again["created"] is False
        assert again["sha256"] == first["sha256"]
        assert (tmp_path / "again.csv").read_bytes() == written.read_bytes()

    def test_a_day_without_entries_is_refused(self, ims, council):
        code, data = ims("export", self.PROFILE, "--date", "2026-04-01")
        assert code == 1
        assert "nothing to export" in data["error"]["message"]

    def test_no_such_profile(self, ims, council):
        code, data = ims("export", "None such", "--date", TODAY.isoformat())
        assert code == 1
        assert data["error"]["code"] == "not_found"

    def test_a_folder_that_is_not_there_is_wrong_use(self, ims, receipts, tmp_path):
        ims("import", str(receipts))
        code, _ = ims(
            "export", self.PROFILE, "--date", TODAY.isoformat(), "--output", str(tmp_path / "none" / "file.csv")
        )
        assert code == 2


class TestCheckReferenceOfAFund:
    def test_by_the_funds_rule(self, ims, council):
        assert ims("check-reference", "--fund", "23", council.council_tax_account) == (0, {"valid": True, "reason": ""})
        code, data = ims("check-reference", "--fund", "23", "700123453")
        assert code == 1
        assert "2 is expected" in data["reason"]

    def test_a_fund_without_a_rule_accepts_anything(self, ims, council):
        code, data = ims("check-reference", "--fund", "5", "whatever")
        assert code == 0, data
        assert "no reference rule" in data["reason"]

    def test_no_such_fund(self, ims, council):
        code, data = ims("check-reference", "--fund", "none", "1")
        assert code == 1
        assert data["error"]["code"] == "not_found"


class TestModulusCheckByTheTablesLoaded:
    def test_by_the_tables_in_the_database(self, ims, council):
        from ims.funds.modulus import load_modulus_tables

        weights = b"089000 089999 MOD10    0    0    0    0    0    0    7    1    3    7    1    3    7    1\r\n"
        load_modulus_tables(
            actor=SET_UP,
            valacdos=weights,
            scsubtab=b"938173 938017\r\n",
            valid_from=TODAY,
            reason="The tables of today",
        )
        assert ims("modulus-check", "--loaded", "089999", "66374958")[0] == 0
        assert ims("modulus-check", "--loaded", "089999", "66374959")[0] == 1

    def test_without_tables_it_says_so(self, ims, council):
        code, data = ims("modulus-check", "--loaded", "089999", "66374958")
        assert code == 1
        assert "modulus tables" in data["error"]["message"].lower()


@pytest.mark.parametrize("words", [["--concurrency", "0"], ["--concurrency", "many"]])
def test_a_worker_needs_a_number_of_jobs(ims, db, words):
    assert ims("work", *words)[0] == 2


class TestWaysIn:
    def test_the_first_administrator_gets_a_link_that_works_once(self, ims, db, client):
        words = ("first-administrator", "--username", "ada", "--name", "Ada Admin", "--email", "ada@example.org")
        code, data = ims(*words, "--one-time-link", "--address", "https://ims.example.org/")
        assert code == 0, data
        assert data["username"] == "ada"
        assert data["link"].startswith("https://ims.example.org/account/link/")
        path = data["link"].removeprefix("https://ims.example.org")
        assert client.get(path).status_code == 200
        code, error = ims(*words, "--one-time-link")
        assert (code, error["error"]["code"]) == (1, "administrator_exists")
        assert client.get(path).status_code == 200  # the first link still works

    def test_a_link_is_made_for_a_person_by_name(self, ims, db, settings):
        settings.ALLOWED_HOSTS = [".example.org", "ims.example.org"]
        assert ims("first-administrator", "--username", "ada", "--name", "Ada")[1]["link"] is None
        code, data = ims("one-time-link", "ada", "--hours", "1")
        assert code == 0
        assert data["link"].startswith("https://ims.example.org/account/link/")
        assert ims("one-time-link", "nobody")[0] == 1
        assert ims("one-time-link", "ada", "--hours", "0")[0] == 2
