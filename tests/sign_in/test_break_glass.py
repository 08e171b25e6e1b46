"""Break-glass accounts: every use is told in four places, and ends with a finding by somebody else."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import Conflict, InvalidInput, NotAllowed
from ims.jobs.models import JobRun
from ims.jobs.worker import run_worker
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, AUDITOR, INCOME_OFFICER, SERVICE_DESK
from ims.people.selectors import actor_for
from ims.sign_in import checks
from ims.sign_in.models import BreakGlassReview, BreakGlassUse, DirectoryRole
from ims.sign_in.services.accounts import mark_break_glass, review_break_glass, unmark_break_glass
from tests.console.markup import text_of
from tests.people.people_world import SET_UP, actor
from tests.sign_in.local_account import person, sign_in, with_app
from tests.support.measuring import measured

pytestmark = pytest.mark.django_db
KIT = Path(__file__).resolve().parents[2] / "deploy" / "ansible" / "roles" / "ims_monitoring" / "files"


@pytest.fixture
def glass():
    who = person("glass", ADMINISTRATOR)
    mark_break_glass(actor=SET_UP, person=who, note="Safe in room 4", reason="Set up")
    return who


def test_its_use_is_on_record_on_the_dashboard_and_measured(client, glass):
    assert measured("BREAK_GLASS") == 0
    sign_in(client, "glass", REMOTE_ADDR="192.0.2.66")
    use = BreakGlassUse.objects.get()
    event = Event.objects.get(verb="break_glass_used")
    assert (event.address, event.data) == ("192.0.2.66", {"use": use.pk})
    assert measured("BREAK_GLASS") == 1
    for role, sees in ((ADMINISTRATOR, True), (AUDITOR, True), (INCOME_OFFICER, False), (SERVICE_DESK, False)):
        viewer = Client()
        viewer.force_login(person(f"viewer-{role.split()[0]}", role))
        page = text_of(viewer.get("/").content)
        assert ("Glass signed in on" in page) is sees, role
        assert (viewer.get(reverse("account:break_glass", args=[use.pk])).status_code == 200) is sees


def test_an_ordinary_account_raises_nothing(client, glass):
    person("olu", INCOME_OFFICER)
    sign_in(client)
    assert measured("BREAK_GLASS") == 0
    assert not JobRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_addresses_named_are_told_by_e_mail(settings):
    settings.BREAK_GLASS_EMAILS, settings.EMAIL_URL = ["security@town.example"], "smtp://mail.example"
    who = person("glass", ADMINISTRATOR)
    mark_break_glass(actor=SET_UP, person=who, note="Safe", reason="Set up")
    sign_in(Client(), "glass", REMOTE_ADDR="192.0.2.66")
    run_worker(concurrency=1, wait=False)
    (sent,) = mail.outbox
    assert sent.to == ["security@town.example"]
    assert "192.0.2.66" in sent.body
    assert JobRun.objects.get().state == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_without_e_mail_the_job_says_so(settings):
    who = person("glass", ADMINISTRATOR)
    mark_break_glass(actor=SET_UP, person=who, note="Safe", reason="Set up")
    sign_in(Client(), "glass")
    run_worker(concurrency=1, wait=False)
    assert mail.outbox == []
    assert "nobody was told by e-mail" in JobRun.objects.get().message


def test_a_colleagues_finding_ends_the_alert(client, glass):
    sign_in(client, "glass")
    use = BreakGlassUse.objects.get()
    with pytest.raises(NotAllowed, match="your own use"):
        review_break_glass(actor=actor_for(glass), use_id=use.pk, finding="Me")
    with pytest.raises(NotAllowed):
        review_break_glass(actor=actor("aud", AUDITOR), use_id=use.pk, finding="Looked")
    colleague = Client()
    colleague.force_login(person("ada", ADMINISTRATOR))
    address = reverse("account:break_glass", args=[use.pk])
    assert "required" in text_of(colleague.post(address, {"finding": " "}).content)
    assert colleague.post(address, {"finding": "Yearly drill, announced"}).status_code == 302
    assert measured("BREAK_GLASS") == 0
    assert "signed in on" not in text_of(colleague.get("/").content)
    with pytest.raises(Conflict):
        review_break_glass(actor=actor("eve", ADMINISTRATOR), use_id=use.pk, finding="Again")
    assert BreakGlassReview.objects.get().reviewed_by == "Ada"
    assert Event.objects.get(verb="break_glass_reviewed").reason == "Yearly drill, announced"


def test_who_may_mark_and_unmark(glass):
    olu = person("olu", INCOME_OFFICER)
    with pytest.raises(NotAllowed):
        mark_break_glass(actor=actor("sid", SERVICE_DESK), person=olu, note="", reason="x")
    with pytest.raises(NotAllowed, match="your own"):
        unmark_break_glass(actor=actor_for(glass), person=glass, reason="Quiet")
    with pytest.raises(InvalidInput):
        unmark_break_glass(actor=SET_UP, person=glass, reason=" ")
    for _ in range(2):
        unmark_break_glass(actor=SET_UP, person=glass, reason="Not needed")
    assert Event.objects.filter(verb="break_glass_unmarked").count() == 1


def test_the_measurement_is_told_to_prometheus():
    loader = importlib.machinery.SourceFileLoader("ims_measure", str(KIT / "ims-measure"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("ims_measure", loader))
    loader.exec_module(module)
    council = {name.removeprefix("ims_"): None for name in module.MEANINGS} | {"break_glass_uses": 2.0}
    text = module.exposition({"councils": {"demo": council}, "failed_units": []})
    assert 'ims_break_glass_uses{council="demo"} 2.0' in text


# --- findings -------------------------------------------------------------------------------------------------------


def found() -> dict[str, str]:
    """What the checks find, by name."""
    return {each.check: each.message for each in checks.verify()}


def test_a_break_glass_account_that_would_not_help_is_found(settings, glass):
    assert found() == {}
    settings.SECOND_FACTOR_REQUIRED = True
    unusable, none_left = found()["sign_in.break_glass_unusable"], found()["sign_in.no_break_glass"]
    assert "Glass is of no use: it has no second factor" in unusable
    assert "nobody could put that right" in none_left
    with_app(glass)
    assert found() == {}
    glass.groups.clear()
    assert "it does not have the role Administrator" in found()["sign_in.break_glass_unusable"]


def test_a_use_nobody_has_explained_is_found_until_somebody_does(client, glass):
    sign_in(client, "glass")
    assert "Glass was used on" in found()["sign_in.break_glass_not_followed_up"]
    review_break_glass(actor=SET_UP, use_id=BreakGlassUse.objects.get().pk, finding="Drill")
    assert found() == {}


def test_mappings_to_what_is_gone_and_accounts_without_a_second_factor_are_found(settings, glass):
    settings.SECOND_FACTOR_REQUIRED = True
    settings.DIRECTORIES = [{"id": "entra", "name": "Entra"}]
    with_app(glass)
    olu = person("olu", INCOME_OFFICER)
    DirectoryRole.objects.create(directory="entra", value="G1", role="Cashier", note="Tills")
    DirectoryRole.objects.create(directory="entra", value="G2", role=INCOME_OFFICER)
    assert found() == {
        "sign_in.mapping": "The directory group Tills gives the role Cashier, which does not exist. "
        "Change or delete the mapping."
    }
    User.objects.filter(pk=olu.pk).update(date_joined=clock.now() - timedelta(days=15))
    assert "for more than 14 days: Olu." in found()["sign_in.no_second_factor"]
    with_app(olu)
    assert "sign_in.no_second_factor" not in found()
