"""The screens of exports: what waits, the plan, the journal, the file."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from ims.audit.models import Event
from ims.exports.models import ExportBatch, ExportProfile
from ims.funds.models import GeneralLedgerMapping
from tests.console.conftest import add_people
from tests.exports.conftest import DAY, receipt


@pytest.fixture
def people(world):
    return add_people()


def signed_in(people, role: str = "Finance") -> Client:
    client = Client()
    client.force_login(people[role])
    return client


def page(response) -> str:
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def asked(journal: ExportProfile, **more) -> dict:
    return {"profile": journal.pk, "first": f"{DAY:%-d %b %Y}", "last": "", "reason": "", "key": "k", **more}


def test_from_the_day_that_waits_to_the_file(people, journal):
    receipt("31", "120.00")
    client = signed_in(people)
    waiting = page(client.get(reverse("exports:index")))
    link = re.search(r'href="([^"]*build/[^"]*profile=[^"]*)"', waiting)[1].replace("&amp;", "&")
    assert f"{DAY:%-d %b %Y}" in page(client.get(link))
    plan = page(client.post(reverse("exports:build"), asked(journal, step="plan")))
    assert "Check before building" in plan
    assert "964031" in plan
    assert not ExportBatch.objects.exists()
    built = client.post(reverse("exports:build"), asked(journal, step="confirm"))
    batch = ExportBatch.objects.get()
    assert built.url == reverse("exports:batch", args=[batch.pk])
    assert batch.sha256 in page(client.get(built.url))
    file = client.post(reverse("exports:download", args=[batch.pk]))
    assert file.content == bytes(batch.content)
    assert batch.file_name in file["Content-Disposition"]
    assert Event.objects.filter(verb="export_downloaded").count() == 1
    assert "gone out already" in page(client.post(reverse("exports:build"), asked(journal, step="plan", key="x")))
    assert "gone out already" in page(client.post(reverse("exports:build"), asked(journal, step="confirm", key="x")))


def test_missing_codes_and_empty_days_are_shown_before_anything_is_built(people, journal):
    client = signed_in(people)
    assert "No entry has an accounting date" in page(client.post(reverse("exports:build"), asked(journal, step="plan")))
    GeneralLedgerMapping.objects.filter(side="control").delete()
    receipt("23", "5.00")
    plan = page(client.post(reverse("exports:build"), asked(journal, step="plan")))
    assert "no control account code for method of payment 28" in plan
    assert "Build the journal" not in plan
    assert "is still to come" in page(
        client.post(reverse("exports:build"), asked(journal, step="plan", first="1 Jan 2090"))
    )


@pytest.mark.parametrize(
    ("role", "sees", "builds"),
    [
        ("Finance", 200, 200),
        ("Income manager", 200, 403),
        ("Auditor", 200, 403),
        ("Income officer", 403, 403),
        ("Nobody", 403, 403),
    ],
)
def test_each_role(people, journal, role, sees, builds):
    receipt("23", "5.00")
    client = signed_in(people)
    client.post(reverse("exports:build"), asked(journal, step="confirm"))
    batch = ExportBatch.objects.get()
    client = signed_in(people, role)
    assert client.get(reverse("exports:index")).status_code == sees
    assert client.get(reverse("exports:batch", args=[batch.pk])).status_code == sees
    assert client.get(reverse("exports:build")).status_code == builds
    assert client.post(reverse("exports:download", args=[batch.pk])).status_code == builds


def test_profiles_are_set_up_with_a_reason_and_tried_first(people, journal):
    client = signed_in(people)
    address = reverse("admin:exports_exportprofile_change", args=[journal.pk])
    assert "gl_code" in page(client.get(address))
    data = {
        "name": journal.name,
        "kind": "gl_journal",
        "is_active": "on",
        "group_by": "[]",
        "file_format": "csv",
        "encoding": "utf-8",
        "line_end": "crlf",
        "file_name": "x-{batch}.csv",
        "layout": '{"detail": [{"source": "colour"}]}',
        "change_reason": "Try",
    }
    assert "there is no source “colour”" in page(client.post(address, data))
    data["layout"] = '{"detail": [{"source": "gl_code"}]}'
    assert client.post(address, data).status_code == 302
    journal.refresh_from_db()
    assert journal.file_name == "x-{batch}.csv"
    assert journal.history.first().history_change_reason == "Try"
    assert page(client.get(reverse("admin:exports_exportbatch_changelist")))
