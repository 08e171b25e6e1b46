"""The sample files of the csv and csv-uk folders give the facts of their index."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ims.formats.profile import Profile, builtin
from ims.formats.profile_reading import read
from ims.formats.records import Entry, Problem, StatementEnd, StatementStart
from ims.formats.summary import summarise

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank"

pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="the shared sample files are not beside the repository")

BY_COLUMN = {
    "bank2ynab-2018-04-14_10-52-13_bunq-transactieoverzicht.csv": {
        "name": "bunq",
        "currency": "EUR",
        "columns": [
            {"field": "booked_on", "heading": "Datum", "dates": ["yyyy-mm-dd"]},
            {"field": "amount", "heading": "Bedrag", "decimal_mark": ","},
            {"field": "account", "heading": "Rekening"},
            {"field": "payer_account", "heading": "Tegenrekening"},
            {"field": "payer_name", "heading": "Naam"},
            {"field": "narrative", "heading": "Omschrijving"},
        ],
    },
    "bank2ynab-MonzoDataExport_February2018_2018-02-26_174335.csv": {
        "name": "monzo",
        "columns": [
            {"field": "bank_reference", "heading": "id"},
            {"field": "booked_on", "heading": "created", "dates": ["yyyy-mm-dd"]},
            {"field": "amount", "heading": "amount"},
            {"field": "currency", "heading": "currency"},
            {"field": "narrative", "heading": "description"},
        ],
    },
    "bank2ynab-test_BOI_TransactionExport.csv": {
        "name": "boi",
        "check_balances": False,
        "columns": [
            {"field": "booked_on", "heading": "Date"},
            {"field": "narrative", "heading": "Details"},
            {"field": "debit", "heading": "Debit"},
            {"field": "credit", "heading": "Credit"},
            {"field": "extra.balance", "heading": "Balance"},
        ],
    },
    "bank2ynab-test_row_format_CD_flag.csv": {
        "name": "flag",
        "delimiter": ";",
        "columns": [
            {"field": "booked_on", "column": 1, "dates": ["dd.mm.yyyy"]},
            {"field": "narrative", "column": 2},
            {"field": "value_on", "column": 3, "dates": ["dd.mm.yyyy"]},
            {"field": "amount", "column": 4, "decimal_mark": ","},
            # Its last three rows say EUR where the flag should be; the index counts whatever is not O as money in.
            {"field": "sign", "column": 5, "debit_values": ["O"], "credit_values": ["I", "EUR"]},
        ],
    },
    "bank2ynab-test_row_format_neg_inflow.csv": {
        "name": "signed",
        "delimiter": "",
        "columns": [
            {"field": "booked_on", "column": 1, "dates": ["dd.mm.yyyy"]},
            {"field": "narrative", "column": 2},
            {"field": "value_on", "column": 3, "dates": ["dd.mm.yyyy"]},
            {"field": "amount", "column": 4, "decimal_mark": ","},
            {"field": "currency", "column": 5},
        ],
    },
}


def index(folder: str) -> list[dict]:
    path = SAMPLES / folder / "index.json"
    return json.loads(path.read_text())["files"] if path.exists() else []


def records_of(folder: str, name: str, profile: Profile) -> list:
    with (SAMPLES / folder / name).open("rb") as stream:
        return list(read(stream, profile))


def assert_facts(records: list, facts: dict) -> None:
    summary = summarise(iter(records), "profile")
    assert len([record for record in records if isinstance(record, StatementStart)]) == facts["statement_count"]
    assert summary.movements.count == facts["entry_count"]
    assert summary.movements.credit_count == facts["credit_count"]
    assert summary.movements.credit_sum == Decimal(facts["credit_sum"])
    assert summary.movements.debit_count == facts["debit_count"]
    assert summary.movements.debit_sum == Decimal(facts["debit_sum"])


@pytest.mark.parametrize("facts", index("csv"), ids=lambda facts: facts["file"])
def test_downloads_of_many_shapes(facts):
    records = records_of("csv", facts["file"], Profile.from_config(BY_COLUMN[facts["file"]]))
    expected = facts["expected"]

    assert_facts(records, expected)
    problems = [record for record in records if isinstance(record, Problem)]
    assert len(problems) == expected["non_entry_rows"]
    assert all(problem.scope == "row" and problem.line == 71 for problem in problems)
    entries = [record for record in records if isinstance(record, Entry)]
    assert entries[0].booked_on.isoformat() == iso(expected["first_date_text"])
    assert entries[-1].booked_on.isoformat() == iso(expected["last_date_text"])


def iso(text: str) -> str:
    day = text[:10].replace("/", ".").split(".")
    return "-".join(reversed(day)) if len(day) == 3 else text[:10]


@pytest.mark.parametrize("facts", index("csv-uk"), ids=lambda facts: facts["file"])
def test_built_in_profiles_of_uk_banks(facts):
    expected = facts["expected"]
    name = facts["file"].removeprefix("synthetic-").split("-")[0].split(".")[0]
    records = records_of("csv-uk", facts["file"], builtin(name))

    assert_facts(records, expected)
    assert not [record for record in records if isinstance(record, Problem)]
    start, end = records[0], records[-1]
    assert isinstance(start, StatementStart)
    assert isinstance(end, StatementEnd)
    assert start.currency == expected["currency"]
    if "opening_balance" in expected:
        assert start.opening.amount == Decimal(expected["opening_balance"])
        assert end.closing.amount == Decimal(expected["closing_balance"])
    entries = [record for record in records if isinstance(record, Entry)]
    assert sum(entry.amount for entry in entries) == Decimal(expected["net"])
    assert [entry.narrative for entry in entries].count("CTAX 770012346, PAYER B") + sum(
        entry.narrative == "CTAX 770012346, PAYER B FPI" for entry in entries
    ) == 2


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("monzo", "bank2ynab-MonzoDataExport_February2018_2018-02-26_174335.csv"),
        ("bank-of-ireland", "bank2ynab-test_BOI_TransactionExport.csv"),
        ("bunq", "bank2ynab-2018-04-14_10-52-13_bunq-transactieoverzicht.csv"),
    ],
)
def test_built_in_profiles_of_other_banks(name, file):
    facts = next(facts for facts in index("csv") if facts["file"] == file)

    assert_facts(records_of("csv", file, builtin(name)), facts["expected"])


def test_the_account_is_written_one_way_whatever_the_bank():
    for name, folder_file in {
        "lloyds": "synthetic-lloyds.csv",
        "barclays": "synthetic-barclays.csv",
        "natwest": "synthetic-natwest-personal.csv",
    }.items():
        assert records_of("csv-uk", folder_file, builtin(name))[0].account == "601613/31926819"
