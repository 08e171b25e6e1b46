"""What is held about a person: found across rooms, reviewed, handed over, on record."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from ims.audit.actors import Actor, command
from ims.audit.models import Event
from ims.common.errors import NotAllowed
from ims.people.models import User
from ims.people.selectors import actor_for
from ims.records import subject_access
from ims.records.errors import RecordsRefusal
from tests.console.conftest import add_people, add_receipts
from tests.imports.files import line, posted, simple_profile
from tests.support.world import World, person


@pytest.fixture
def people(world: World) -> dict[str, User]:
    return add_people()


@pytest.fixture
def officer(people) -> Actor:
    return actor_for(people["Administrator"])


@pytest.fixture
def council(world, people) -> World:
    add_receipts(world)
    simple_profile()
    posted(
        command("tests"),
        [
            line(reference=world.council_tax_account, narrative="=MOSS <b>"),
            line(amount="nonsense", narrative="ADA MOSS"),
        ],
    )
    return world


def held(actor: Actor, **known: str) -> dict[str, list[str]]:
    request = subject_access.open_request(actor=actor, case="SAR/1", **known)
    return {each.source.name: [found.key for found in each.kept] for each in subject_access.holdings(actor, request)}


def test_it_is_found_across_the_rooms_by_reference(council, officer):
    found = held(officer, references=f" {council.council_tax_account} \n")
    assert len(found["accounts"]) == 1
    assert len(found["receipts"]) == 3
    assert len(found["rows"]) == 1
    assert found["staff"] == []


def test_and_by_name_postcode_and_e_mail(council, officer, people):
    by_name = held(officer, name="ada moss")
    assert len(by_name["accounts"]) == 1
    assert len(by_name["receipts"]) >= 1
    assert any(key.startswith("row:") for key in by_name["rows"])
    assert len(held(officer, postcode="s70 2dr")["accounts"]) == 4
    User.objects.filter(pk=people["Auditor"].pk).update(email="sam@council.example")
    assert held(officer, email="SAM@council.example")["staff"] == [f"person:{people['Auditor'].pk}"]


def test_others_are_not_found(council, officer):
    found = held(officer, references=council.rents_account)
    assert [len(found["accounts"]), len(found["receipts"]), len(found["rows"])] == [1, 1, 0]


@pytest.mark.parametrize("known", [{}, {"name": "  "}, {"name": "Al"}])
def test_a_search_that_says_too_little_is_refused(council, officer, known):
    with pytest.raises(RecordsRefusal):
        subject_access.open_request(actor=officer, case="SAR/1", **known)


def test_nothing_leaves_before_review_and_what_is_left_out_says_why(council, officer):
    request = subject_access.open_request(actor=officer, case="SAR/1", references=council.council_tax_account)
    assert request.due_on > date.today()
    with pytest.raises(RecordsRefusal, match="Review it first"):
        subject_access.answer(actor=officer, request_id=request.pk)
    key = subject_access.holdings(officer, request)[0].kept[0].key
    with pytest.raises(RecordsRefusal, match="Say why"):
        subject_access.review(actor=officer, request_id=request.pk, left_out={key: " "})
    subject_access.review(actor=officer, request_id=request.pk, left_out={key: "Another person"})
    answered, content = subject_access.answer(actor=officer, request_id=request.pk)
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert "accounts.csv" not in archive.namelist()
    said = json.loads(archive.read("what-we-hold.json"))
    assert next(part for part in said if part["what"] == "Account holders")["left_out"] == 1
    page = archive.read("what-we-hold.html").decode()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert b"'=MOSS" in archive.read("receipts.csv")
    assert answered.sha256 == hashlib.sha256(content).hexdigest()
    events = Event.objects.filter(subject_type="records.subjectrequest").order_by("pk")
    assert [event.verb for event in events] == [
        "subject_access_opened",
        "subject_access_reviewed",
        "subject_access_answered",
    ]
    assert "Moss" not in json.dumps([event.data for event in events])


@pytest.mark.parametrize(
    "actor", [person(), person("Some funds", "records.answer_subject", funds=frozenset({"5"}))], ids=["none", "some"]
)
def test_only_who_may(council, actor):
    with pytest.raises(NotAllowed):
        subject_access.open_request(actor=actor, case="SAR/1", name="Ada Moss")


def test_the_pages(council, people):
    client = Client()
    client.force_login(people["Administrator"])
    assert client.get(reverse("records:index")).status_code == 200
    sent = {"case": "SAR/7", "references": council.council_tax_account}
    page = client.post(reverse("records:subjects"), sent, follow=True)
    request = subject_access.requests(command("tests")).get()
    assert b"Ada Moss" in page.content
    assert b"Nothing found" in page.content
    assert Event.objects.get(verb="personal_data_viewed").subject_id == str(request.pk)
    address = reverse("records:subject", args=[request.pk])
    key = subject_access.holdings(command("tests"), request)[0].kept[0].key
    refused = client.post(address, {"why": "", "left_out": [key]}).content.decode()
    assert "Say why something is left out" in refused
    assert f'value="{key}" id="out-{key}" checked' in refused
    client.post(address, {"why": "Not theirs", "left_out": [key]})
    got = client.post(reverse("records:answer", args=[request.pk]))
    assert zipfile.ZipFile(io.BytesIO(got.content)).testzip() is None
    auditor = Client()
    auditor.force_login(people["Auditor"])
    assert auditor.get(reverse("records:subjects")).status_code == 403
    assert auditor.get(reverse("records:index")).status_code == 200
    empty = client.post(reverse("records:subjects"), {"case": "SAR/8"})
    assert b"Say at least one thing" in empty.content
