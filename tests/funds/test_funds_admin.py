"""Reference data on screen: reasons, history, import and export, refusals, and the designer."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from ims.audit.admin import LARGEST_COUNT, CappedPaginator, neutral
from ims.audit.models import Event
from ims.funds import seed
from ims.funds.models import (
    BankHoliday,
    ExtraField,
    Fund,
    FundGroup,
    GeneralLedgerMapping,
    Office,
    ReferenceRule,
    VatRate,
)
from ims.people.roles import ADMINISTRATOR, AUDITOR, FINANCE, INCOME_OFFICER
from tests.people.people_world import SET_UP, member

FUND = "/admin/funds/fund/"


@pytest.fixture
def model_council(db):
    seed.seed_model_council(SET_UP)


@pytest.fixture
def admin_client(client, model_council):
    client.force_login(member("ada", ADMINISTRATOR))
    return client


def _fund_form(**changes: object) -> dict[str, object]:
    typed = {"name": "Council Tax", "vat_code": "N0", "is_active": "on", "is_exported_to_ledger": "on"}
    return {**typed, **changes}


def _import(client, address: str, content: bytes, name: str = "file.csv", kind: str = "0", reason: str = "Year end"):
    upload = SimpleUploadedFile(name, content)
    return client.post(
        f"{address}import/", {"import_file": upload, "format": kind, "resource": "0", "change_reason": reason}
    )


def _confirm(client, address: str, preview):
    form = preview.context["confirm_form"]
    return client.post(f"{address}process_import/", form.initial, follow=True)


def test_a_change_without_a_reason_is_refused_and_with_one_is_kept(admin_client):
    refused = admin_client.post(f"{FUND}23/change/", _fund_form(name="Council Tax 2"))
    assert refused.status_code == 200
    assert "change_reason" in refused.context["adminform"].form.errors
    done = admin_client.post(f"{FUND}23/change/", _fund_form(name="Council Tax 2", change_reason="New bill design"))
    assert done.status_code == 302, done.content
    row = Fund.objects.get(code="23").history.first()
    assert (row.name, row.history_change_reason, row.actor_name) == ("Council Tax 2", "New bill design", "Ada")
    page = admin_client.get(f"{FUND}23/history/").content.decode()
    assert "New bill design" in page
    assert "Council Tax 2" in page


def test_the_code_of_a_fund_cannot_be_changed(admin_client):
    admin_client.post(f"{FUND}23/change/", _fund_form(code="99", change_reason="Sneaky"))
    assert Fund.objects.filter(code="23").exists()
    assert not Fund.objects.filter(code="99").exists()


def test_a_second_suspense_fund_is_refused_in_words(admin_client):
    answer = admin_client.post(f"{FUND}23/change/", _fund_form(is_suspense="on", change_reason="Try"))
    assert "Another fund is already the suspense fund" in answer.content.decode()


def test_an_overlapping_vat_rate_is_refused_in_words(admin_client):
    answer = admin_client.post(
        "/admin/funds/vatrate/add/", {"vat_code": "W0", "rate": "0.25", "valid_from": "01/04/2027", "valid_to": ""}
    )
    assert "already has a rate on some of those days" in answer.content.decode()
    assert VatRate.objects.filter(vat_code_id="W0").count() == 4


def test_a_used_fund_cannot_be_deleted_and_says_why(admin_client):
    answer = admin_client.get(f"{FUND}23/delete/", follow=True)
    assert "cannot be deleted" in answer.content.decode()
    assert Fund.objects.filter(code="23").exists()


def test_an_unused_fund_is_deleted_with_a_reason(admin_client):
    Fund.objects.create(code="ZZ", name="Typed by mistake", vat_code_id="N0")
    assert "Reason for the change" in admin_client.get(f"{FUND}ZZ/delete/").content.decode()
    without = admin_client.post(f"{FUND}ZZ/delete/", {"post": "yes"}, follow=True)
    assert "Say why" in without.content.decode()
    assert Fund.objects.filter(code="ZZ").exists()
    admin_client.post(f"{FUND}ZZ/delete/", {"post": "yes", "change_reason": "Typing error"})
    assert not Fund.objects.filter(code="ZZ").exists()
    last = Fund.history.filter(code="ZZ").first()
    assert (last.history_type, last.history_change_reason) == ("-", "Typing error")


def test_other_codes_are_taken_out_of_use_not_deleted(admin_client):
    assert admin_client.get("/admin/funds/office/99/delete/").status_code == 403


@pytest.mark.parametrize("role", [AUDITOR, INCOME_OFFICER])
def test_those_who_may_only_look_see_values_and_no_form(client, model_council, role):
    client.force_login(member("eye", role))
    page = client.get(f"{FUND}23/change/")
    assert page.status_code == 200
    assert "change_reason" not in page.content.decode()
    assert client.post(f"{FUND}23/change/", _fund_form(change_reason="x")).status_code == 403
    assert client.get(f"{FUND}import/").status_code == 403
    assert client.get(f"{FUND}export/").status_code == 200
    assert client.get(f"{FUND}23/history/").status_code == 200


def test_finance_keeps_mappings_but_not_funds(client, model_council):
    client.force_login(member("fin", FINANCE))
    assert client.post(f"{FUND}23/change/", _fund_form(change_reason="x")).status_code == 403
    answer = client.post(
        "/admin/funds/generalledgermapping/add/",
        {"side": "income", "fund": "23", "office": "WP", "gl_code": "1", "valid_from": "01/04/2026"},
    )
    assert answer.status_code == 302, answer.content
    assert GeneralLedgerMapping.objects.filter(fund_id="23", office_id="WP").exists()


def test_every_list_and_form_opens_within_few_queries(admin_client, django_assert_max_num_queries):
    models = (
        "fund methodofpayment office vatcode vatrate checkdigitscheme referencerule fundgroup generalledgermapping "
        "bankholiday extrafield systemmessage"
    )
    for model in models.split():
        with django_assert_max_num_queries(25):
            assert admin_client.get(f"/admin/funds/{model}/").status_code == 200, model
        assert admin_client.get(f"/admin/funds/{model}/add/").status_code == 200, model
        assert admin_client.get(f"/admin/funds/{model}/?q=tax").status_code == 200, model


def test_the_councils_own_fields_are_real_form_fields(admin_client):
    ExtraField.objects.create(owner="fund", name="cost-lead", label="Cost lead", kind="text", is_required=True)
    ExtraField.objects.create(owner="fund", name="reviewed", label="Reviewed on", kind="date")
    page = admin_client.get(f"{FUND}23/change/").content.decode()
    assert "Cost lead" in page
    missing = admin_client.post(f"{FUND}23/change/", _fund_form(change_reason="x"))
    assert "extra__cost-lead" in missing.context["adminform"].form.errors
    admin_client.post(
        f"{FUND}23/change/",
        _fund_form(**{"extra__cost-lead": "Rae", "extra__reviewed": "20/11/2026", "change_reason": "x"}),
    )
    assert Fund.objects.get(code="23").extra["cost-lead"] == "Rae"
    assert Fund.objects.get(code="23").extra["reviewed"] == "2026-11-20"
    assert "Rae" in admin_client.get(f"{FUND}23/change/").content.decode()


def test_a_file_is_previewed_then_imported_with_its_reason(admin_client):
    address = "/admin/funds/bankholiday/"
    preview = _import(admin_client, address, "day,name\n2029-01-01,New Year’s Day\n".encode())
    assert not BankHoliday.objects.filter(day=date(2029, 1, 1)).exists()
    done = _confirm(admin_client, address, preview)
    assert done.status_code == 200
    row = BankHoliday.objects.get(day=date(2029, 1, 1)).history.get()
    assert (row.history_change_reason, row.actor_name) == ("Year end", "Ada")
    event = Event.objects.get(verb="settings_imported")
    assert (event.reason, event.data["records"], event.data["new"]) == ("Year end", "funds.bankholiday", 1)


def test_one_bad_line_keeps_the_whole_file_out(admin_client):
    content = b"code,name,is_active\nNEW,New office,1\nlower case,Bad,1\n"
    preview = _import(admin_client, "/admin/funds/office/", content)
    assert preview.context.get("confirm_form") is None
    assert "capital letters and digits" in preview.content.decode()
    assert not Office.objects.filter(code="NEW").exists()


def test_the_same_key_twice_in_a_file_is_refused(admin_client):
    content = b"code,name,is_active\nNEW,First,1\nNEW,Second,1\n"
    preview = _import(admin_client, "/admin/funds/office/", content)
    assert "Lines 2 and 3 are both about" in preview.content.decode()
    assert preview.context.get("confirm_form") is None


def test_mappings_are_matched_by_what_they_say_not_by_number(admin_client):
    address = "/admin/funds/generalledgermapping/"
    before = GeneralLedgerMapping.objects.count()
    content = (
        b"side,fund,method_of_payment,office,vat_code,gl_code,cost_centre,valid_from,valid_to\n"
        b"income,23,,,,964199,,2020-04-01,\n"
    )
    _confirm(admin_client, address, _import(admin_client, address, content))
    assert GeneralLedgerMapping.objects.count() == before
    assert GeneralLedgerMapping.objects.get(fund_id="23", side="income").gl_code == "964199"


def test_export_and_import_again_change_nothing(admin_client):
    answer = admin_client.post(f"{FUND}export/", _all_fields(admin_client, FUND, "0"))
    assert answer["Content-Type"].startswith("text/csv"), answer.content
    preview = _import(admin_client, FUND, answer.content)
    result = preview.context["result"]
    problems = [str(each.error) for _, errors in result.row_errors() for each in errors]
    problems += [str(each.error) for each in result.base_errors] + [str(row.error) for row in result.invalid_rows]
    assert problems == []
    totals = result.totals
    assert (totals["new"], totals["update"], totals["skip"]) == (0, 0, 18)


def test_formulas_leave_neutral_in_csv_and_spreadsheet_and_come_back(admin_client):
    Office.objects.create(code="HX", name='=HYPERLINK("http://x","y")')
    address = "/admin/funds/office/"
    text = admin_client.post(f"{address}export/", _all_fields(admin_client, address, "0")).content.decode()
    assert "'=HYPERLINK" in text
    assert Event.objects.filter(verb="list_exported", data__records="funds.office").exists()
    sheet = admin_client.post(f"{address}export/", _all_fields(admin_client, address, "1")).content
    cells = [cell.value for row in openpyxl.load_workbook(io.BytesIO(sheet)).active.iter_rows() for cell in row]
    assert not any(str(cell).startswith("=") for cell in cells if cell)
    totals = _import(admin_client, address, text.encode()).context["result"].totals
    assert totals["update"] == 0
    assert neutral("-5.00") == "-5.00"
    assert neutral("-5+cmd") == "'-5+cmd"


def _all_fields(client, address: str, kind: str) -> dict[str, str]:
    form = client.get(f"{address}export/").context["form"]
    names = {name: "on" for name, field in form.fields.items() if getattr(field, "is_selectable_field", False)}
    return {"format": kind, "resource": "0", **names}


def test_the_group_form_goes_through_the_service(admin_client):
    answer = admin_client.post(
        "/admin/funds/fundgroup/add/", {"name": "Both", "funds": ["5", "23"], "people": [], "change_reason": "Review"}
    )
    assert answer.status_code == 302, answer.content
    group = FundGroup.objects.get(name="Both")
    assert set(group.funds.values_list("code", flat=True)) == {"5", "23"}
    own = group.people.model.objects.get(username="ada")
    refused = admin_client.post(
        f"/admin/funds/fundgroup/{group.pk}/change/",
        {"name": "Both", "funds": ["5"], "people": [own.pk], "change_reason": "Review"},
        follow=True,
    )
    assert "you yourself" in refused.content.decode()
    assert group.funds.count() == 2
    group.people.add(own)  # whose scope would be every fund again without the group
    where = f"/admin/funds/fundgroup/{group.pk}/delete/"
    kept = admin_client.post(where, {"post": "yes", "change_reason": "Not needed"}, follow=True).content.decode()
    assert "limits what people see" in kept
    group.people.clear()
    admin_client.post(where, {"post": "yes", "change_reason": "Not needed"})
    assert not FundGroup.objects.filter(pk=group.pk).exists()


def test_a_rule_is_designed_tried_and_saved(admin_client):
    scheme = ReferenceRule.objects.get(name="Parking fines").check_digit
    typed = {
        "name": "Parking 2",
        "min_length": "10",
        "max_length": "10",
        "characters": "",
        "regex": "",
        "mask": "BJ#######@",
        "check_digit": str(scheme.pk),
        "references": "BJ12345673\nBJ12345674\n",
    }
    page = admin_client.post("/admin/funds/referencerule/designer/", {**typed, "try": "1"})
    assert [trial.valid for trial in page.context["trials"]] == [True, False]
    assert "= 124" in page.content.decode()
    assert "the remainder is 3" in page.content.decode()
    assert not ReferenceRule.objects.filter(name="Parking 2").exists()
    saved = admin_client.post("/admin/funds/referencerule/designer/", {**typed, "save": "1", "change_reason": "New"})
    assert saved.status_code == 302
    rule = ReferenceRule.objects.get(name="Parking 2")
    assert rule.history.get().history_change_reason == "New"
    again = admin_client.post(f"/admin/funds/referencerule/{rule.pk}/designer/", {**typed, "save": "1"})
    assert "Say why it changes" in again.content.decode()


def test_the_designer_refuses_a_rule_that_cannot_work(admin_client):
    typed = {"name": "Bad", "min_length": "1", "max_length": "5", "regex": "(", "mask": "", "references": "1"}
    page = admin_client.post("/admin/funds/referencerule/designer/", {**typed, "save": "1"}).content.decode()
    assert "cannot be understood" in page
    assert not ReferenceRule.objects.filter(name="Bad").exists()


def test_a_scheme_is_tried_on_screen_and_others_may_only_try(client, model_council):
    client.force_login(member("off", INCOME_OFFICER))
    typed = {
        "name": "Housing",
        "kind": "weighted_sum",
        "modulus": "10",
        "weightings": "0,0,9,7,1,4,6,3,2,8,0",
        "substitutions": "10:0",
        "subtract": "on",
        "references": "45006789013\n45006789014",
    }
    page = client.post("/admin/funds/checkdigitscheme/designer/", {**typed, "save": "1"})
    assert [trial.valid for trial in page.context["trials"]] == [True, False]
    assert "Save" not in page.content.decode()
    from ims.funds.models import CheckDigitScheme

    assert CheckDigitScheme.objects.count() == 5


def test_the_paginator_counts_no_further_than_its_cap(db, django_assert_num_queries):
    Office.objects.bulk_create(Office(code=f"{number:05d}", name="Office") for number in range(LARGEST_COUNT + 50))
    with django_assert_num_queries(1) as queries:
        pages = CappedPaginator(Office.objects.order_by("name"), 50)
        assert pages.count == LARGEST_COUNT
    assert pages.is_capped
    assert f"LIMIT {LARGEST_COUNT + 1}" in queries.captured_queries[0]["sql"]
    few = CappedPaginator(Office.objects.filter(code__startswith="0000"), 50)
    assert few.count == 10
    assert not few.is_capped


def test_a_temporary_message_is_shown_in_its_own_time(admin_client):
    now = timezone.localtime()
    answer = admin_client.post(
        "/admin/funds/systemmessage/add/",
        {
            "text": "Bank file late",
            "severity": "warning",
            "starts_at_0": f"{now:%d/%m/%Y}",
            "starts_at_1": "00:00",
            "ends_at_0": f"{now:%d/%m/%Y}",
            "ends_at_1": "00:00",
        },
    )
    assert "must end after it starts" in answer.content.decode()


def test_the_largest_receipt_reads_as_money(admin_client):
    Fund.objects.filter(code="23").update(maximum_amount=Decimal("1234567.80"))
    assert "£1,234,567.80" in admin_client.get(FUND).content.decode()
