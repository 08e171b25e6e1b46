"""Loading account holders: checked, confirmed, refused whole, with history and under concurrency."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection

from ims.accounts import services
from ims.accounts.errors import AccountsRefusal
from ims.accounts.models import AccountHolder, AccountLoad, StopReason
from ims.audit.models import Event
from ims.common.errors import Conflict, NotAllowed, NotFound
from tests.support.world import person

LOADER = person("Lee Loader", services.PERMISSION)
HEADING = "reference,name,surname,address,postcode,balance,balance_on,stop_code\n"
KNOWN = "700123452,Mrs Ada Moss,Moss,,S70 2DR,1200.00,,\n"


def _load(text: str, **options) -> AccountLoad:
    return services.load_file(
        actor=LOADER, file=text.encode(), **{"fund": "23", "reason": "Nightly", "file_name": "tax.csv", **options}
    )


def _receive(text: str, **options) -> AccountLoad:
    return services.receive_file(
        actor=LOADER, file=text.encode(), **{"fund": "23", "reason": "Nightly", "file_name": "tax.csv", **options}
    )


def test_new_and_changed_accounts_go_in_with_their_history(world):
    """Scenario 78, the good half."""
    text = HEADING + (
        '700123452,Mrs Ada Moss-Hill,Moss-Hill,1 High St,S70 2DR,"1,150.00",20/11/2026,BAIL\n'
        '123456785,Mr New Comer,Comer,"2 Low St, Flat 3",s70 9zz,0,2026-11-20,\n'
    )
    load = _load(text)
    assert (load.state, load.rows, load.added, load.changed, load.unchanged, load.gone) == ("loaded", 2, 1, 1, 0, 0)
    new = AccountHolder.objects.get(fund_id="23", reference="123456785")
    assert (new.address, new.balance, new.is_open) == ("2 Low St, Flat 3", Decimal("0.00"), True)
    changed = AccountHolder.objects.get(fund_id="23", reference="700123452")
    assert changed.stop_reason.code == "BAIL"
    now, before = changed.history.all()[:2]
    assert (now.history_type, now.actor_name, now.history_change_reason) == ("~", "Lee Loader", "Nightly")
    differences = {change.field: (change.old, change.new) for change in now.diff_against(before).changes}
    assert differences["name"] == ("Mrs Ada Moss", "Mrs Ada Moss-Hill")
    assert differences["balance"] == (Decimal("1200.00"), Decimal("1150.00"))
    assert new.history.get().history_type == "+"
    assert Event.objects.get(verb="account_file_loaded").data["added"] == 1


def test_one_unknown_fund_refuses_the_whole_file_naming_the_line(world):
    """Scenario 78."""
    text = "fund,reference,name\n23,123456785,New\n99,1,Nobody\n"
    with pytest.raises(AccountsRefusal, match="Line 3: there is no fund “99”") as refusal:
        _load(text, fund="")
    assert len(refusal.value.details) == 1
    assert not AccountHolder.objects.filter(reference="123456785").exists()
    kept = AccountLoad.objects.get()
    assert (kept.state, kept.problems[0]["line"]) == ("refused", 3)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("700123452,A,,,,12.345,,\n", "“12.345” is not an amount"),
        ("700123452,A,,,,abc,,\n", "“abc” is not an amount"),
        ("700123452,A,,,,1,31/02/2026,\n", "“31/02/2026” is not a date"),
        ("700123452,A,,,,1,,NOPE\n", "fund 23 has no stop reason “NOPE”"),
        (",A,,,,1,,\n", "the reference is empty"),
        ("700123452,A\n", "there are 2 values, but the heading line names 8 columns"),
        (f"{'9' * 37},A,,,,1,,\n", "at most 36 are kept"),
        ("1,A,,,,1,,\n1,B,,,,1,,\n", "is on line 2 already"),
        ('1,"A,,,,1,,\n', "quotation mark"),
    ],
)
def test_each_problem_is_named_by_line_and_nothing_is_loaded(world, row, words):
    before = AccountHolder.objects.count()
    with pytest.raises(AccountsRefusal, match=r"tax\.csv") as refusal:
        _load(HEADING + row)
    assert words in " ".join(refusal.value.details)
    assert AccountHolder.objects.count() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no heading line"),
        (b"reference,shoe size\n1,2\n", "“shoe size” is not a column"),
        (b"name\nA\n", "no column “reference”"),
        (b"reference,reference\n1,1\n", "twice"),
        (b"reference\n", "has no accounts"),
        (b"PK\x03\x04\x00\x00", "not a text file"),
    ],
)
def test_a_file_of_another_kind_is_refused(world, content, words):
    with pytest.raises(AccountsRefusal, match=words):
        services.load_file(actor=LOADER, file=content, fund="23", file_name="tax.csv")


def test_a_file_without_a_fund_needs_one_to_be_chosen(world):
    with pytest.raises(AccountsRefusal, match="no column “fund”"):
        _load("reference\n1\n", fund="")
    with pytest.raises(AccountsRefusal, match="There is no fund “99”"):
        _load("reference\n1\n", fund="99")


def test_columns_that_are_absent_stay_as_they_are(world):
    _load("Account Reference;Balance\n700123452;5.00\n")
    account = AccountHolder.objects.get(fund_id="23", reference="700123452")
    assert (account.name, account.balance, account.postcode) == ("Mrs Ada Moss", Decimal("5.00"), "S70 2DR")


def test_files_of_an_older_code_page_are_read(world):
    services.load_file(
        actor=LOADER, file="reference,name\n123456785,Zoë Müller £\n".encode("cp1252"), fund="23", file_name="old.csv"
    )
    assert AccountHolder.objects.get(reference="123456785").name == "Zoë Müller £"


def test_the_same_bytes_are_refused_and_the_first_is_named(world):
    _load(HEADING + KNOWN)
    with pytest.raises(AccountsRefusal, match="This very file was loaded on"):
        _load(HEADING + KNOWN, file_name="again.csv")
    assert AccountLoad.objects.count() == 1


def test_a_checked_file_shows_what_it_would_do_and_waits(world):
    load = _receive(HEADING + "700123452,Mrs Ada Moss,Moss,,S70 2DR,1.00,,\n123456785,N,,,,,,\n", is_full=True)
    assert (load.state, load.added, load.changed, load.unchanged, load.gone) == ("checked", 1, 1, 0, 2)
    assert load.examples == [
        {
            "line": 2,
            "fund": "23",
            "reference": "700123452",
            "changes": [{"field": "balance", "before": "1200.00", "after": "1.00"}],
        }
    ]
    assert AccountHolder.objects.get(reference="700123452").balance == Decimal("1200.00")
    with pytest.raises(AccountsRefusal, match="waits to be loaded"):
        _receive(HEADING + "700123452,Mrs Ada Moss,Moss,,S70 2DR,1.00,,\n123456785,N,,,,,,\n", is_full=True)


def test_a_full_load_marks_the_gone_and_brings_back_the_returned(world):
    load = _load("reference\n700123452\n456789124\n", is_full=True)
    assert (load.unchanged, load.gone) == (2, 1)
    gone = AccountHolder.objects.get(reference="700099996")
    assert not gone.is_open
    assert gone.history.first().history_change_reason == "Nightly (gone)"
    assert AccountHolder.objects.get(fund_id="5").is_open
    back = _load("reference\n700099996\n")
    assert back.changed == 1
    assert AccountHolder.objects.get(reference="700099996").is_open


def test_confirming_twice_loads_once(world):
    load = _receive(HEADING + "123456785,N,,,,,,\n")
    services.confirm_load(actor=LOADER, load_id=load.pk)
    again = services.confirm_load(actor=LOADER, load_id=load.pk)
    assert again.state == "loaded"
    assert AccountHolder.objects.get(reference="123456785").history.count() == 1
    assert Event.objects.filter(verb="account_file_loaded").count() == 1


def test_a_discarded_file_cannot_be_loaded_but_may_come_again(world):
    load = _receive(HEADING + KNOWN)
    services.discard_load(actor=LOADER, load_id=load.pk, reason="Wrong day")
    services.discard_load(actor=LOADER, load_id=load.pk, reason="Wrong day")
    with pytest.raises(AccountsRefusal, match="discarded and cannot be loaded"):
        services.confirm_load(actor=LOADER, load_id=load.pk)
    assert _load(HEADING + KNOWN).state == "loaded"
    with pytest.raises(AccountsRefusal, match="loaded and cannot be discarded"):
        services.discard_load(actor=LOADER, load_id=AccountLoad.objects.get(state="loaded").pk, reason="x")


def test_what_was_shown_is_what_is_done(world):
    load = _receive(HEADING + "700123452,New name,Moss,,S70 2DR,1200.00,,\n")
    AccountHolder.objects.filter(reference="700123452").update(name="New name")
    with pytest.raises(Conflict, match="have changed since this file was checked"):
        services.confirm_load(actor=LOADER, load_id=load.pk)
    load.refresh_from_db()
    assert load.state == "checked"


def test_permission_and_scope(world):
    with pytest.raises(NotAllowed):
        services.load_file(actor=person("Olu"), file=b"reference\n1\n", fund="23")
    narrow = person("Rae", services.PERMISSION, funds=frozenset({"5"}))
    with pytest.raises(AccountsRefusal, match="There is no fund “23”"):
        services.load_file(actor=narrow, file=b"reference\n1\n", fund="23")
    with pytest.raises(AccountsRefusal, match="there is no fund “23”"):
        services.load_file(actor=narrow, file=b"fund,reference\n23,1\n")
    waiting = _receive("reference\n1\n")
    with pytest.raises(NotFound):
        services.confirm_load(actor=narrow, load_id=waiting.pk)


def test_stop_reasons_belong_to_their_fund(world):
    StopReason.objects.create(fund_id="5", code="ONLY5", message="x")
    with pytest.raises(AccountsRefusal, match="fund 23 has no stop reason “ONLY5”"):
        _load("reference,stop_code\n700123452,ONLY5\n")


def test_two_loads_of_the_same_bytes_at_once_load_once(world_committed):
    content = (HEADING + "123456785,N,,,,,,\n").encode()
    start, outcomes = threading.Barrier(2), []

    def load() -> None:
        start.wait()
        try:
            services.load_file(actor=LOADER, file=content, fund="23", file_name="tax.csv")
            outcomes.append("loaded")
        except (AccountsRefusal, Conflict):
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["loaded", "refused"]
    assert AccountHolder.objects.filter(reference="123456785").count() == 1


def test_loading_costs_the_same_statements_however_many_rows(world, django_assert_max_num_queries):
    rows = "".join(f"{number:09d},Name {number},N,,S70 1AA,{number}.00,,\n" for number in range(5000))
    with django_assert_max_num_queries(45):
        load = _load(HEADING + rows)
    assert load.added == 5000
    assert AccountHolder.history.filter(history_type="+", history_change_reason="Nightly").count() == 5000
