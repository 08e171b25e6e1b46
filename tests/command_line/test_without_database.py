"""The commands that answer at once, on any machine, with no database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line.running import ROOT, WITHOUT_DATABASE, ims

STATEMENT = b"""{1:F01BARCGB22XXXX0000000000}{2:I940BARCGB22XXXXN}{4:
:20:STMT0001
:25:20000055779911
:28C:1/1
:60F:C261119GBP1000,00
:61:2611201120C125,40NTRFREF1//BANK1
:86:700123452 MRS A MOSS
:61:2611201120D25,00NCHGNONREF//BANK2
:86:CHARGES
:62F:C261120GBP1100,40
-}
"""
PARKING_RULE = {
    "min": 10,
    "max": 10,
    "mask": "BJ#######@",
    "check_digit": {
        "kind": "weighted_sum",
        "modulus": 11,
        "prefix": "05",
        "weightings": "9,8,7,6,5,4,3,2,1,0",
        "substitutions": "10:A",
    },
}
WEIGHTS = "089000 089999 MOD10    0    0    0    0    0    0    7    1    3    7    1    3    7    1\r\n"


def without_database(*words: str, stdin: bytes = b""):
    return ims(*words, stdin=stdin, **WITHOUT_DATABASE)


class TestParse:
    def test_sums_a_statement_up(self, tmp_path: Path):
        path = tmp_path / "statement.sta"
        path.write_bytes(STATEMENT)
        ran = without_database("parse", str(path), "--json")
        assert ran.code == 0, ran.errors
        assert ran.data["format"] == "mt940"
        assert ran.data["entries"] == 2
        assert ran.data["credit_sum"] == "125.40"
        assert ran.data["debit_sum"] == "25.00"
        assert ran.data["errors"] == []
        (statement,) = ran.data["statements"]
        assert statement["account"] == "20000055779911"
        assert (statement["opening"], statement["closing"]) == ("1000.00", "1100.40")
        assert statement["balances_agree"] is True

    def test_reads_standard_input(self):
        assert without_database("parse", "-", "--json", stdin=STATEMENT).data["credit_count"] == 1

    def test_a_statement_that_does_not_add_up_is_a_finding(self):
        ran = without_database("parse", "-", "--json", stdin=STATEMENT.replace(b"1100,40", b"1100,41"))
        assert ran.code == 1
        assert ran.data["statements"][0]["balances_agree"] is False
        assert ran.data["errors"][0]["code"] == "balances_disagree"

    def test_tells_people_in_words(self):
        ran = without_database("parse", "-", stdin=STATEMENT)
        assert ran.code == 0
        assert "The file adds up." in ran.output
        assert "125.40" in ran.output

    def test_a_built_in_layout_is_chosen_by_name(self):
        row = b"B1,,1,99,20/11/2026,20/11/2026,700123452,,23,28,10.50,N0,0,0,Ada Moss\n"
        ran = without_database("parse", "-", "--json", "--format", "receipts15", stdin=row)
        assert ran.code == 0, ran.errors
        assert ran.data["credit_sum"] == "10.50"

    def test_what_is_no_known_format_is_refused_in_one_sentence(self):
        ran = without_database("parse", "-", stdin=b"good morning\n")
        assert ran.code == 1
        assert ran.output == ""
        assert len(ran.errors.strip().splitlines()) == 1
        assert "Traceback" not in ran.errors

    def test_the_refusal_is_json_for_machines(self):
        assert (
            without_database("parse", "-", "--json", stdin=b"good morning\n").error["code"] == "format_not_recognised"
        )

    @pytest.mark.parametrize(
        "words", [("parse",), ("parse", "no-such-file.sta"), ("parse", "."), ("parse", "-", "--format", "none")]
    )
    def test_wrong_use(self, words):
        ran = without_database(*words)
        assert ran.code == 2
        assert len(ran.errors.strip().splitlines()) == 1


class TestCheckDigit:
    CONFIG = json.dumps({"kind": "luhn"})

    def test_right(self):
        ran = without_database("check-digit", "--config", self.CONFIG, "9141777632", "--json")
        assert ran.code == 0
        assert ran.data["valid"] is True
        assert ran.data["expected"] == ran.data["presented"] == "2"
        assert ran.data["steps"]

    def test_wrong_is_a_finding_with_the_digit_expected(self):
        ran = without_database("check-digit", "--config", self.CONFIG, "9141777633", "--json")
        assert ran.code == 1
        assert (ran.data["valid"], ran.data["expected"], ran.data["presented"]) == (False, "2", "3")

    def test_the_scheme_may_stand_in_a_file(self, tmp_path: Path):
        path = tmp_path / "scheme.json"
        path.write_text(self.CONFIG)
        assert without_database("check-digit", "--config", f"@{path}", "9141777632").code == 0

    @pytest.mark.parametrize("config", ["{", "[]", "{}", '{"kind": "weighted_sum"}', "@no-such-file"])
    def test_a_scheme_that_cannot_be_read_is_wrong_use(self, config):
        ran = without_database("check-digit", "--config", config, "9141777632", "--json")
        assert ran.code == 2
        assert ran.error["code"] == "wrong_use"


class TestCheckReference:
    def test_right(self):
        ran = without_database("check-reference", "--rule", json.dumps(PARKING_RULE), "BJ12345673", "--json")
        assert ran.code == 0, ran.errors + ran.output
        assert ran.data == {"valid": True, "reason": ""}

    def test_wrong_says_why(self):
        ran = without_database("check-reference", "--rule", json.dumps(PARKING_RULE), "BJ12345678", "--json")
        assert ran.code == 1
        assert ran.data["valid"] is False
        assert "3 is expected" in ran.data["reason"]

    def test_one_of_rule_and_fund_is_needed(self):
        assert without_database("check-reference", "BJ12345678").code == 2
        assert without_database("check-reference", "--rule", "{}", "--fund", "1", "BJ12345678").code == 2


class TestModulusCheck:
    @pytest.fixture
    def tables(self, tmp_path: Path) -> str:
        (tmp_path / "VALACDOS.txt").write_text(WEIGHTS)
        return str(tmp_path)

    def test_right(self, tables):
        ran = without_database("modulus-check", "08-99-99", "66374958", "--tables", tables, "--json")
        assert ran.code == 0
        assert ran.data["verdict"] == "valid"
        assert ran.data["exception_rule"] == ""

    def test_wrong_is_a_finding(self, tables):
        ran = without_database("modulus-check", "089999", "66374959", "--tables", tables, "--json")
        assert ran.code == 1
        assert ran.data["verdict"] == "invalid"

    def test_an_unknown_sort_code_cannot_be_checked_which_is_no_finding(self, tables):
        ran = without_database("modulus-check", "999999", "66374959", "--tables", tables, "--json")
        assert ran.code == 0
        assert ran.data["verdict"] == "not_checkable"

    def test_says_where_the_tables_come_from_when_there_are_none(self, tmp_path):
        ran = without_database("modulus-check", "089999", "66374958", "--tables", str(tmp_path), "--json")
        assert ran.code == 1
        assert ran.error["code"] == "modulus_tables_missing"

    def test_what_is_no_sort_code_is_refused(self, tables):
        assert without_database("modulus-check", "0899", "66374958", "--tables", tables).code == 1


def test_what_the_commands_are_is_shown_without_a_command():
    assert ims().code == 2
    shown = ims("--help")
    assert shown.code == 0
    assert "check-digit" in shown.output


def test_every_command_explains_itself_without_a_database():
    from ims.command_line.catalogue import COMMANDS

    for name in COMMANDS:
        ran = without_database(name, "--help")
        assert ran.code == 0, ran.errors
        assert "--json" in ran.output, name


def test_neither_django_nor_a_database_is_asked_for():
    """Starting Django would cost these commands most of their time."""
    code = (
        "import sys; from ims.command_line.entry import run; "
        "run(['check-digit', '--config', '{\"kind\": \"luhn\"}', '9141777632']); "
        "sys.exit('django' in sys.modules or 'psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
