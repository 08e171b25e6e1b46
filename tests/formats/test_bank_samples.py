"""Every fact known about the public sample files is reproduced."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from ims.formats import registry
from tests.formats.reading import problems, records, statements, summary
from tests.formats.samples import facts

FORMATS = {
    "mt940": "mt940",
    "mt942": "mt942",
    "camt052": "camt.052",
    "camt053": "camt.053",
    "camt054": "camt.054",
    "bai2": "bai2",
    "ofx": "ofx",
    "bank-data-services": "data-services",
}
IMPOSSIBLE_DATES = {"2014-13-87": None, "2002-11-31": date(2002, 11, 30)}
"""What two sample files say, and what is made of it: no date at all, and the last day of the month."""


def read_date(text: str) -> date | None:
    return IMPOSSIBLE_DATES[text] if text in IMPOSSIBLE_DATES else date.fromisoformat(text)


@pytest.mark.parametrize(("path", "expected"), facts(*FORMATS))
def test_format_and_totals(path, expected):
    data = path.read_bytes()
    assert registry.recognise(data).name == FORMATS[path.parent.name]
    said = summary(data).as_json()
    assert said["format"] == FORMATS[path.parent.name]
    assert len(said["statements"]) == expected["statement_count"]
    assert said["entries"] == expected["entry_count"]
    assert Decimal(said["credit_sum"]) == Decimal(expected["credit_sum"])
    assert Decimal(said["debit_sum"]) == Decimal(expected["debit_sum"])


@pytest.mark.parametrize(("path", "expected"), facts(*FORMATS))
def test_every_statement(path, expected):
    said = summary(path.read_bytes()).as_json()["statements"]
    for mine, fact in zip(said, expected["statements"], strict=True):
        for name in ("entries", "credit_count", "debit_count"):
            assert mine[name] == fact[name], name
        for name in ("credit_sum", "debit_sum"):
            assert Decimal(mine[name]) == Decimal(fact[name]), name
        if "balances_agree" in fact:
            assert mine["balances_agree"] is fact["balances_agree"]
        if "currency" in fact:
            assert mine["currency"] == fact["currency"]
        account = fact["account"]
        assert mine["account"] == (account if isinstance(account, str) else "".join(account))


@pytest.mark.parametrize(("path", "expected"), facts("mt940", "mt942"))
def test_swift_statements(path, expected):
    found = records(path.read_bytes())
    for (start, entries, end), fact in zip(statements(found), expected["statements"], strict=True):
        assert start.reference == fact["reference"]
        assert start.number == fact["number"]
        assert sum(entry.reversal for entry in entries) == fact["reversals"]
        for balance, name in ((start.opening, "opening"), (end.closing, "closing"), (end.available, "available")):
            said = fact[name]
            assert (balance is None) == (said is None), name
            if said:
                assert balance.amount == Decimal(said["amount"]), name
                assert balance.on == read_date(said["date"]), name
        if fact["opening"]:
            assert start.extra["opening_tag"] == fact["opening"]["tag"]
            assert end.extra["closing_tag"] == fact["closing"]["tag"]


@pytest.mark.parametrize(("path", "expected"), facts("mt942"))
def test_intraday_totals(path, expected):
    found = records(path.read_bytes())
    for (start, _, end), fact in zip(statements(found), expected["statements"], strict=True):
        assert start.extra["floor_limit"].split() == fact["floor_limit"]
        for said, count, amount in (
            (fact["summary_debit"], end.declared_debit_count, end.declared_debit_sum),
            (fact["summary_credit"], end.declared_credit_count, end.declared_credit_sum),
        ):
            assert said.split("\n")[0].replace(",", ".") == f"{count}{start.currency}{amount}"


@pytest.mark.parametrize(("path", "expected"), facts("mt940", "mt942", "ofx", "bai2"))
def test_encoding(path, expected):
    fallbacks = [problem.value for problem in problems(records(path.read_bytes())) if problem.code == "encoding"]
    assert (fallbacks[-1] if fallbacks else "utf-8") == expected["encoding"]


@pytest.mark.parametrize(("path", "expected"), facts("camt052", "camt053", "camt054"))
def test_camt_statements(path, expected):
    found = records(path.read_bytes())
    for (start, entries, end), fact in zip(statements(found), expected["statements"], strict=True):
        assert start.extra.get("namespace", "") == expected["namespace"]
        assert start.reference == fact["id"]
        assert start.number == (fact["sequence"] or "")
        own = [entry for entry in entries if entry.parent is None]
        assert Counter(entry.status for entry in own) == Counter({"booked": fact["entry_status"].get("BOOK", 0)})
        assert sum(entry.reversal for entry in own) == fact["reversals"]
        details = sum(entry.member_count or int(entry.extra.get("transaction_details", 0)) for entry in own)
        assert details == fact["transaction_details"]
        codes = {name.removeprefix("balance_"): text for name, text in start.extra.items() if name[:8] == "balance_"}
        assert {code: len(text.split("; ")) for code, text in codes.items()} == fact["balance_types"]
        for balance, name in ((start.opening, "opening"), (end.closing, "closing")):
            said = fact[name]
            assert (balance is None) == (said is None), name
            if said:
                assert balance.amount == Decimal(said["amount"])
                assert balance.on == date.fromisoformat(said["date"])


@pytest.mark.parametrize(("path", "expected"), facts("bai2"))
def test_bai2_statements(path, expected):
    found = records(path.read_bytes())
    for (start, entries, end), fact in zip(statements(found), expected["statements"], strict=True):
        assert start.extra["as_of"] == fact["as_of"]
        assert end.extra["control_total"] == fact["account_control_total"]
        assert end.extra["records"] == fact["account_records"]
        assert sum(entry.status == "information" for entry in entries) == fact["other_count"]
    miscounted = any("records of the file" in problem.message for problem in problems(found, "statement"))
    assert miscounted == (int(expected["file_trailer"][3]) != expected["physical_records"])


@pytest.mark.parametrize(("path", "expected"), facts("ofx"))
def test_ofx_statements(path, expected):
    found = records(path.read_bytes())
    for (start, entries, end), fact in zip(statements(found), expected["statements"], strict=True):
        assert start.extra["ofx_version"] == expected["ofx_version"]
        assert start.extra["kind"] == fact["kind"]
        assert start.extra.get("bank") == fact["bank"]
        for balance, said in ((end.closing, fact["ledger_balance"]), (end.available, fact["available_balance"])):
            assert (balance.amount if balance else None) == (Decimal(said) if said else None)
        identifiers = [entry.bank_reference for entry in entries]
        assert (identifiers[0] if identifiers else None) == fact["first_fitid"]
        assert (identifiers[-1] if identifiers else None) == fact["last_fitid"]
        assert len(identifiers) - len(set(identifiers)) == fact["duplicate_fitids"]
        assert sum(not entry.amount for entry in entries) == fact["zero_count"]


@pytest.mark.parametrize(("path", "expected"), facts("bank-data-services"))
def test_data_services_statements(path, expected):
    found = records(path.read_bytes())
    said = summary(path.read_bytes())
    for (start, entries, end), fact in zip(statements(found), expected["statements"], strict=True):
        assert start.extra["processing_date"] == fact["processing_date_raw"]
        codes = Counter(entry.type_code for entry in entries)
        codes["Y1"] += end.closing is not None
        assert +codes == fact["transaction_codes"]
        totals = {entry.type_code: abs(entry.amount) for entry in entries if entry.kind == "day_total"}
        assert totals == {code: Decimal(amount) for code, amount in fact["total_records"].items()}
        trailer = fact["trailer"]
        assert end.declared_debit_sum * 100 == trailer["debit_pence"]
        assert end.declared_credit_sum * 100 == trailer["credit_pence"]
        assert end.declared_debit_count == trailer["debit_count"]
        assert end.declared_credit_count == trailer["credit_count"]
        assert (not said.errors) == fact["trailer_agrees_including_total_records"]
        _check_balance_record(end, fact["balance_record"])


def _check_balance_record(end, fact):
    if fact is None:
        assert end.closing is None
        return
    sign = {"C": 1, "D": -1}
    assert end.closing.amount * 100 == fact["ledger_pence"] * sign[fact["ledger_sign"]]
    assert end.available.amount * 100 == fact["cleared_pence"] * sign[fact["cleared_sign"]]
    recorded = Decimal(end.extra["recorded_ledger"]) * 100
    assert recorded == fact["recorded_ledger_pence"] * sign[fact["recorded_ledger_sign"]]


@pytest.mark.parametrize(("path", "expected"), facts("mt940", "mt942", "camt052", "camt053", "camt054"))
def test_statements_that_do_not_add_up_are_reported(path, expected):
    found = summary(path.read_bytes())
    wrong = [fact for fact in expected["statements"] if fact.get("balances_agree") is False]
    told = [problem for problem in found.errors if problem.code == "balances_disagree"]
    assert len(told) == len(wrong)
    for problem in told:
        assert "does not add up" in problem.message
        assert "the difference is" in problem.message
