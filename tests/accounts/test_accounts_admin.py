"""Account holders on screen, the load wizard, and searches that use their indexes."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from ims.accounts import selectors
from ims.accounts.models import AccountHolder, AccountLoad, StopReason
from ims.accounts.seed import seed_stop_reasons
from ims.funds.models import FundGroup
from ims.funds.seed import seed_model_council
from ims.people.roles import ADMINISTRATOR, AUDITOR, INCOME_OFFICER
from tests.people.people_world import SET_UP, member
from tests.support.world import person

HOLDERS = "/admin/accounts/accountholder/"
LOADS = "/admin/accounts/accountload/"


@pytest.fixture
def officer(client, world):
    client.force_login(member("off", INCOME_OFFICER))
    client.post("/personal-details/", {"show": "yes"})
    return client


def _upload(client, text: str, **more: str):
    typed = {"file": SimpleUploadedFile("tax.csv", text.encode()), "fund": "23", "reason": "Nightly", **more}
    return client.post(f"{LOADS}load/", typed, follow=True)


def test_holders_are_looked_at_and_never_edited(officer):
    account = AccountHolder.objects.get(reference="700123452")
    page = officer.get(f"{HOLDERS}{account.pk}/change/")
    assert page.status_code == 200
    assert "Mrs Ada Moss" in page.content.decode()
    assert officer.post(f"{HOLDERS}{account.pk}/change/", {"name": "X"}).status_code == 403
    assert officer.get(f"{HOLDERS}add/").status_code == 403
    assert officer.get(f"{HOLDERS}{account.pk}/delete/").status_code == 403
    assert officer.get(f"{HOLDERS}{account.pk}/history/").status_code == 200


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("7001", {"700123452"}),
        ("moss ada", {"700123452"}),
        ("hil", {"456789124"}),
        ("s702dr", {"700123452", "456789124", "700099996", "45006789013"}),
        ("S70 2", {"700123452", "456789124", "700099996", "45006789013"}),
        ("nobody", set()),
        ("&|!", set()),
    ],
)
def test_one_box_searches_reference_name_and_postcode(officer, typed, found):
    page = officer.get(HOLDERS, {"q": typed})
    assert {account.reference for account in page.context["cl"].result_list} == found


def test_the_list_shows_only_the_funds_a_person_may_see(client, world):
    narrow = member("nell", INCOME_OFFICER)
    group = FundGroup.objects.create(name="Rents")
    group.funds.set(["5"])
    group.people.set([narrow])
    client.force_login(narrow)
    page = client.get(HOLDERS)
    assert {account.fund_id for account in page.context["cl"].result_list} == {"5"}
    other = AccountHolder.objects.get(reference="700123452")
    assert client.get(f"{HOLDERS}{other.pk}/change/").status_code == 302


def test_the_list_asks_few_questions(officer, django_assert_max_num_queries):
    with django_assert_max_num_queries(14) as queries:
        officer.get(HOLDERS)
    counts = [each["sql"] for each in queries.captured_queries if "COUNT(*)" in each["sql"]]
    assert all("LIMIT 5001" in statement for statement in counts)


@pytest.mark.parametrize(
    ("criteria", "index"),
    [
        ({"reference": "70012"}, "account_reference_prefix"),
        ({"postcode": "S70 2"}, "account_postcode_prefix"),
        ({"name": "moss"}, "account_name_words"),
    ],
)
def test_each_search_can_use_its_index(world, criteria, index):
    # Enough accounts, and counted, for the choice to be by cost and not by what earlier tests left in the table.
    AccountHolder.objects.bulk_create(
        AccountHolder(fund_id="5", reference=f"9{n:010}", name=f"Holder {n}", postcode=f"LS{n % 90} {n % 9}AB")
        for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_accountholder")
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on")
        query = selectors.search(person("Olu", "accounts.see_personal_data"), **criteria).order_by()
        assert index in query.explain()


def test_search_narrows_by_fund_and_scope(world):
    sees_names = "accounts.see_personal_data"
    everyone = selectors.search(person("Olu", sees_names), postcode="s70 2dr", fund="5")
    assert [account.reference for account in everyone] == ["45006789013"]
    assert not selectors.search(
        person("Rae", sees_names, funds=frozenset({"23"})), postcode="s70 2dr", fund="5"
    ).exists()


def test_a_file_is_checked_shown_and_loaded(officer):
    page = _upload(officer, "reference,name,balance\n700123452,Mrs Ada Moss,1.00\n123456780,New,2.00\n")
    text = page.content.decode()
    assert "Load the accounts" in text
    assert "1200.00" in text
    load = AccountLoad.objects.get()
    assert not AccountHolder.objects.filter(reference="123456780").exists()
    done = officer.post(f"{LOADS}{load.pk}/preview/", {"confirm": "1"}, follow=True).content.decode()
    assert "1 accounts added, 1 changed" in done
    assert "Load the accounts" not in done
    assert AccountHolder.objects.get(reference="123456780").history.get().history_change_reason == "Nightly"


def test_problems_are_listed_by_line(officer):
    text = _upload(officer, "reference,balance\n700123452,abc\n").content.decode()
    assert "“abc” is not an amount" in text
    assert "Load the accounts" not in text


def test_the_same_file_again_is_refused_beside_the_form(officer):
    _upload(officer, "reference\n700123452\n")
    assert "waits to be loaded" in _upload(officer, "reference\n700123452\n").content.decode()


def test_a_checked_file_is_discarded_with_a_reason(officer):
    _upload(officer, "reference\n700123452\n")
    load = AccountLoad.objects.get()
    officer.post(f"{LOADS}{load.pk}/preview/", {"discard": "1", "reason": ""})
    load.refresh_from_db()
    assert load.state == "checked"
    officer.post(f"{LOADS}{load.pk}/preview/", {"discard": "1", "reason": "Wrong day"})
    load.refresh_from_db()
    assert load.state == "discarded"


def test_the_auditor_sees_loads_and_may_not_load(client, world):
    client.force_login(member("aud", AUDITOR))
    assert client.get(LOADS).status_code == 200
    assert "Load a file" not in client.get(LOADS).content.decode()
    assert client.get(f"{LOADS}load/").status_code == 403


def test_stop_reasons_are_edited_with_a_reason_and_used_ones_stay(client, world):
    client.force_login(member("ada", ADMINISTRATOR))
    stop = StopReason.objects.get(code="BAIL")
    where = f"/admin/accounts/stopreason/{stop.pk}/"
    typed = {"fund": "23", "code": "BAIL", "message": "Ring us", "audience": "both", "effect": "refuse"}
    client.post(f"{where}change/", {**typed, "change_reason": "New wording"})
    stop.refresh_from_db()
    assert stop.message == "Ring us"
    assert stop.history.first().history_change_reason == "New wording"
    answer = client.post(f"{where}delete/", {"post": "yes", "change_reason": "x"}, follow=True)
    assert "account holders use it" in answer.content.decode()
    assert StopReason.objects.filter(pk=stop.pk).exists()


def test_the_model_councils_stop_reasons(db):
    seed_model_council(SET_UP)
    assert seed_stop_reasons(SET_UP) == 12
    assert seed_stop_reasons(SET_UP) == 0
