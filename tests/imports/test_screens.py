"""The screens of imports: the day's way through them, and who may open what."""

from __future__ import annotations

import io
from html import unescape

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from ims.audit.actors import acting
from ims.imports import services
from ims.imports.models import FileProfile, ImportBatch, ImportRow, RoutingRule
from ims.ledger.models import Entry
from ims.people.models import User
from ims.people.roles import ROLE_NAMES, sync_roles
from tests.console.conftest import shows_details
from tests.imports.files import LAYOUT, checked, csv_of, line, posted, rule, simple_profile, when
from tests.support.world import SET_UP


@pytest.fixture
def client_of(world):
    """A signed-in browser for a role."""
    sync_roles()

    def sign_in(role: str) -> Client:
        with acting(SET_UP, "Test set-up"):
            person, _ = User.objects.get_or_create(username=role.lower().replace(" ", "-"), display_name=f"Sam {role}")
            person.groups.set(Group.objects.filter(name=role))
        client = Client()
        client.force_login(person)
        shows_details(client)
        return client

    return sign_in


def text_of(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return unescape(answer.content.decode())


def upload(client: Client, content: bytes, name: str = "day.csv", profile: str = "simple"):
    file = io.BytesIO(content)
    file.name = name
    return client.post(reverse("imports:upload"), {"file": file, "profile": profile}, follow=True)


def test_an_officer_brings_a_file_in_sees_the_plan_and_posts_it(profile, client_of):
    officer = client_of("Income officer")
    page = text_of(upload(officer, csv_of([line("10.00"), line("20.00", fund="", reference="", narrative="?"),
                                           line("5.00", fund="QQ")])))  # fmt: skip
    assert "Ready to post" in page
    assert "£30.00" in page
    assert "there is no fund “QQ”" in page
    batch = ImportBatch.objects.get()
    confirm = text_of(officer.get(reverse("imports:post", args=[batch.pk])))
    assert "Post 2 receipts" in confirm
    assert "stays held" in confirm
    done = text_of(officer.post(reverse("imports:post", args=[batch.pk]), {"step": "confirm"}, follow=True))
    assert "2 receipts, £30.00, posted as IMP-000001" in done
    assert Entry.objects.count() == 2


def test_the_same_file_again_leads_to_the_first_import(profile, client_of):
    officer = client_of("Income officer")
    upload(officer, csv_of([line()]))
    answer = upload(officer, csv_of([line()]), name="copy.csv")
    assert answer.redirect_chain[-1][0] == reverse("imports:batch", args=[ImportBatch.objects.get().pk])
    assert "has been received before" in text_of(answer)


def test_a_file_nobody_can_read_is_refused_beside_the_form(profile, client_of):
    page = text_of(upload(client_of("Income officer"), b"%PDF-1.7", name="s.pdf", profile=""))
    assert "PDF" in page
    assert not ImportBatch.objects.exists()


def test_a_refused_file_says_why_and_may_be_read_under_another_profile(profile, client_of):
    simple_profile("pence", layout={"columns": [{**c, "dates": ["dd/mm/yyyy"]} if c["field"] == "booked_on" else c
                                                for c in LAYOUT["columns"]], "fields": 9})  # fmt: skip
    officer = client_of("Income officer")
    upload(officer, csv_of([line()]), profile="pence")
    batch = ImportBatch.objects.get()
    officer.post(reverse("imports:check", args=[batch.pk]), {"profile": "simple"})
    batch.refresh_from_db()
    assert (batch.state, batch.profile.code) == ("checked", "simple")


def test_a_held_row_is_corrected_on_screen_and_posted(profile, client_of, actor):
    batch = posted(actor, [line(), line("5.00", fund="QQ"), line("6.00", fund="QQ")])
    officer = client_of("Income officer")
    row = ImportRow.objects.get(line=2)
    address = reverse("imports:row", args=[row.pk])
    assert "there is no fund “QQ”" in text_of(officer.get(address))
    data = {"act": "correct", "amount": "5.00", "received_on": f"{row.received_on:%d/%m/%Y}", "fund": "QQ",
            "account_reference": "700123452", "method_of_payment": "28", "office": "99", "payer_name": "A MOSS",
            "narrative": "COUNCIL TAX", "reason": "From the slip"}  # fmt: skip
    assert "there is no fund" in text_of(officer.post(address, data))
    answer = officer.post(address, {**data, "fund": "23"})
    assert answer.url == reverse("imports:row", args=[ImportRow.objects.get(line=3).pk])
    assert "Corrected rows wait" in text_of(officer.get(reverse("imports:batch", args=[batch.pk])))
    page = text_of(officer.post(reverse("imports:post_corrected", args=[batch.pk]), follow=True))
    assert "1 corrected rows, £5.00" in page
    assert "From the slip" in text_of(officer.get(address))


def test_a_duplicate_is_decided_on_screen(profile, client_of, actor):
    posted(actor, [line()])
    posted(actor, [line(), line(narrative="NEW")], name="b.csv")
    row = ImportRow.objects.get(outcome="suspected_duplicate")
    officer = client_of("Income officer")
    address = reverse("imports:row", args=[row.pk])
    assert "Is it the same money?" in text_of(officer.get(address))
    officer.post(address, {"act": "duplicate", "duplicate-decision": "discard", "duplicate-reason": "Sent twice"})
    row.refresh_from_db()
    assert row.outcome == "discarded"


def test_a_manager_reverses_a_file_and_an_officer_may_not(profile, client_of, actor):
    batch = posted(actor, [line()])
    address = reverse("imports:reverse", args=[batch.pk])
    assert client_of("Income officer").get(address).status_code == 403
    manager = client_of("Income manager")
    assert "posted again with the opposite sign" in text_of(manager.get(address))
    assert "was reversed" in text_of(manager.post(address, {"reason": "Wrong file"}, follow=True))


def test_the_stored_file_is_given_out_byte_for_byte(profile, client_of, actor):
    content = csv_of([line()])
    batch = services.receive(actor=actor, stream=io.BytesIO(content), name="a.csv", profile="simple")
    answer = client_of("Auditor").get(reverse("imports:download", args=[batch.pk]))
    assert b"".join(answer.streaming_content) == content
    assert 'filename="a.csv"' in answer["Content-Disposition"]


def test_rows_are_paged_and_filtered(profile, client_of, actor):
    batch = checked(actor, [line(narrative=f"ROW {n:03d}") for n in range(60)] + [line(fund="QQ")])
    auditor = client_of("Auditor")
    address = reverse("imports:rows", args=[batch.pk])
    first = text_of(auditor.get(address))
    assert "ROW 049" in first
    assert "ROW 050" not in first
    assert "ROW 050" in text_of(auditor.get(address, {"after": "50"}))
    held = text_of(auditor.get(address, {"outcome": "invalid"}))
    assert "QQ" in held
    assert "ROW 001" not in held


def test_a_rule_is_tried_and_saved_on_screen(profile, client_of, actor):
    posted(actor, [line(narrative="GARAGE 1"), line(narrative="GARAGE 2")])
    manager = client_of("Income manager")
    data = {
        "name": "Garages", "position": "10", "is_enabled": "on", "set_fund": "5", "reason": "New tenants",
        "conditions-TOTAL_FORMS": "2", "conditions-INITIAL_FORMS": "0", "conditions-0-group": "1",
        "conditions-0-field": "narrative", "conditions-0-operator": "contains", "conditions-0-value": "GARAGE",
        "conditions-1-group": "1", "conditions-1-field": "",
    }  # fmt: skip
    tried = text_of(manager.post(reverse("imports:new_rule"), {**data, "step": "try"}))
    assert "fired on <strong>2</strong> and changed <strong>2</strong>" in tried
    assert not RoutingRule.objects.exists()
    listed = text_of(manager.post(reverse("imports:new_rule"), {**data, "step": "save"}, follow=True))
    assert "Narrative contains “GARAGE”" in listed
    saved = RoutingRule.objects.get()
    assert saved.groups == [when("narrative", "contains", "GARAGE")]
    wrong = {**data, "conditions-0-operator": "greater_than", "step": "save"}
    assert "only the amount can be more" in text_of(manager.post(reverse("imports:rule", args=[saved.pk]), wrong))


def test_a_rule_opened_and_saved_untouched_stays_as_it_was(profile, client_of):
    kept = rule("Keep", [when("narrative", "contains", "A", ignore_case=True), when("amount", "greater_than", "5")],
                {"fund": "5", "narrative": "x"}, stops=True, profiles=["simple"])  # fmt: skip
    manager = client_of("Income manager")
    page = manager.get(reverse("imports:rule", args=[kept.pk]))
    data = _values(page.context["form"]) | _set_values(page.context["conditions"])
    manager.post(reverse("imports:rule", args=[kept.pk]), {**data, "reason": "Looked at it", "step": "save"})
    before, after = (kept.groups, kept.actions), RoutingRule.objects.get(pk=kept.pk)
    assert (after.groups, after.actions) == before
    assert (after.stops, after.profiles) == (True, ["simple"])
    assert after.history.first().history_change_reason == "Looked at it"


@pytest.mark.parametrize("code", ["receipts15", "lloyds", "santander", "paypoint", "natwest"])
def test_a_profile_opened_and_saved_untouched_reads_as_before(seeded, client_of, code):
    manager = client_of("Income manager")
    profile = seeded[code]
    before = profile.as_layout()
    page = manager.get(reverse("imports:profile", args=[profile.pk]))
    forms = page.context["forms"]
    data = (
        _values(forms.profile) | _values(forms.layout) | _set_values(forms.columns) | _set_values(forms.records)
    )  # fmt: skip
    answer = manager.post(
        reverse("imports:profile", args=[profile.pk]), {**data, "reason": "Looked at it", "step": "save"}
    )
    assert answer.status_code == 302, [form.errors for form in (page.context["forms"].profile,)]
    assert FileProfile.objects.get(pk=profile.pk).as_layout() == before


def test_a_profile_is_tried_on_a_sample(profile, client_of):
    manager = client_of("Income manager")
    page = manager.get(reverse("imports:profile", args=[profile.pk]))
    forms = page.context["forms"]
    data = _values(forms.profile) | _values(forms.layout) | _set_values(forms.columns) | _set_values(forms.records)
    file = io.BytesIO(csv_of([line("12.00"), line("no amount")]))
    file.name = "s.csv"
    shown = text_of(
        manager.post(reverse("imports:profile", args=[profile.pk]), {**data, "sample-sample": file, "step": "try"})
    )
    assert "£12.00" in shown
    assert "no amount" in shown
    assert not ImportBatch.objects.exists()


def test_a_new_profile_is_drawn_from_a_file_looked_over_and_saved(world, client_of):
    manager = client_of("Income manager")
    address = reverse("imports:new_profile")
    page = manager.get(address)
    forms = page.context["forms"]
    data = _values(forms.profile) | _values(forms.layout) | _set_values(forms.columns) | _set_values(forms.records)
    file = io.BytesIO(b"Pay date,Account ref,Paid,Till\n03/11/2026,123,4.50,T1\n")
    file.name = "leisure.csv"
    page = manager.post(address, {**data, "sample-sample": file, "step": "draft"})
    assert "£4.50" in text_of(page)
    drawn = page.context["forms"]
    assert [form["field"].value() for form in drawn.columns.forms] == ["booked_on", "reference", "amount", ""]
    boxes = _set_values(drawn.columns) | {"columns-3-field": "extra."}
    named = {**data, **_values(drawn.layout), **boxes, "name": "Leisure", "code": "leisure", "reason": "New sender"}
    answer = manager.post(address, {**named, "step": "save"})
    assert answer.status_code == 302, answer.context["forms"].profile.errors
    saved = FileProfile.objects.get(code="leisure")
    assert saved.layout["columns"][3] == {"field": "extra.till", "heading": ["Till"]}
    without = text_of(manager.post(address, {**data, "step": "draft"}))
    assert "Choose a file of this sender first." in without
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize("role", [*ROLE_NAMES, "Nobody"])
def test_every_role_sees_what_it_may_and_changes_nothing_else(profile, client_of, actor, role):
    batch = posted(actor, [line(), line(fund="QQ")])
    kept = rule("A rule", [], {"fund": "5"})
    client = client_of(role)
    row = ImportRow.objects.get(line=2)
    may_look = role != "Nobody"
    for name, arguments in (("index", []), ("batch", [batch.pk]), ("rows", [batch.pk]), ("row", [row.pk]),
                            ("rules", []), ("rule", [kept.pk]), ("profiles", []), ("profile", [profile.pk]),
                            ("progress", [batch.pk])):  # fmt: skip
        status = client.get(reverse(f"imports:{name}", args=arguments)).status_code
        assert status == (200 if may_look else 403), name
    works = role in ("Income officer", "Income manager", "Finance")
    assert client.get(reverse("imports:upload")).status_code == (200 if works else 403)
    assert client.get(reverse("imports:post", args=[batch.pk])).status_code == (200 if works else 403)
    answer = client.post(reverse("imports:row", args=[row.pk]), {"act": "discard", "discard-reason": "x"})
    assert answer.status_code == (302 if works else 403)


def test_pages_keep_to_the_content_security_policy(profile, client_of, actor):
    batch = posted(actor, [line(), line(fund="QQ"), line(fund="", reference="", narrative="?")])
    kept = rule("A rule", [when("narrative", "contains", "x")], {"fund": "5"})
    client = client_of("Income manager")
    for address in (reverse("imports:index"), reverse("imports:upload"), reverse("imports:batch", args=[batch.pk]),
                    reverse("imports:rows", args=[batch.pk]), reverse("imports:rule", args=[kept.pk]),
                    reverse("imports:profile", args=[profile.pk]),
                    reverse("imports:row", args=[ImportRow.objects.get(line=2).pk])):  # fmt: skip
        page = client.get(address).content.decode()
        assert " style=" not in page
        assert "onclick" not in page
        assert "<script>" not in page


def _values(form) -> dict:
    """What a browser would send back for a form left as it is."""
    found = {}
    for box in form:
        value = box.value()
        if value is None or value is False:
            continue
        found[box.html_name] = "on" if value is True else box.field.prepare_value(value)
    return found


def _set_values(forms) -> dict:
    found = _values(forms.management_form)
    for form in forms.forms:
        found |= _values(form)
    return found
