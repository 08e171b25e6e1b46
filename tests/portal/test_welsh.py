"""Welsh is whole: nothing that payers read is left in English, and the committed catalogue is what people wrote.

    IMS_WRITE_TRANSLATIONS=1 .venv/bin/python -m pytest tests/portal/test_welsh.py

compiles ims/locale/cy/LC_MESSAGES/django.mo anew after a change of django.po.
"""

from __future__ import annotations

import os
import re

import pytest
from django.utils import translation

from ims.correspondence import defaults, rules
from ims.payments.models import PaymentAttempt
from tests.portal.conftest import Payer
from tests.portal.test_paying import text
from tests.support.catalogue import FOLDER, compiled, read, wanted

PLACES = re.compile(r"%\(\w+\)s|%%")
SAME_IN_BOTH = {"Cookies"}


@pytest.fixture(scope="module")
def catalogue() -> dict[str, list[str]]:
    return read(FOLDER / "django.po")


def test_every_text_has_its_welsh_with_the_same_places(catalogue):
    missing = [each.text for each in wanted() if not all(catalogue.get(each.text, [""]))]
    assert missing == []
    for each in wanted():
        assert sorted(PLACES.findall(each.text)) == sorted(PLACES.findall(catalogue[each.text][0])), each.text
    assert {key for key in catalogue if key} == {each.text for each in wanted()}, "texts that nothing uses any more"


def test_no_translation_is_only_the_english(catalogue):
    assert [key for key, values in catalogue.items() if key and values[0] == key] == []


def test_the_compiled_catalogue_is_up_to_date(catalogue):
    binary = FOLDER / "django.mo"
    if os.environ.get("IMS_WRITE_TRANSLATIONS"):
        binary.write_bytes(compiled(catalogue))
    assert binary.read_bytes() == compiled(catalogue), "django.mo is out of date: see this file"
    with translation.override("cy"):
        assert translation.gettext("Pay online") == "Talu ar-lein"


def test_every_message_we_come_with_is_in_both_languages():
    for purpose, places in rules.PLACES.items():
        for channel in ("email", "text", "letter"):
            english, welsh = (defaults.words_for(purpose, channel, language) for language in ("en", "cy"))
            assert english.body != welsh.body
            assert rules.wording_fault(welsh.body + english.body + english.subject + welsh.subject, purpose) == ""
            assert places


@pytest.mark.django_db(transaction=True)
def test_a_whole_payment_in_welsh_shows_no_english(payer: Payer, catalogue):
    english = [key for key in catalogue if len(key) > 11 and "%(" not in key and key not in SAME_IN_BOTH]
    payer.get("?lang=cy")
    pages = [payer.get(""), payer.get("for/rent/"), payer.bill(reference="1", amount="x"), payer.bill()]
    pages += [payer.get("basket/"), payer.get("details/"), payer.post("details/", email="x")]
    pages.append(payer.bill("building-control", "BC/26/1", "50"))
    pages.append(payer.post("details/", email="", name="", line1="", town="", postcode=""))
    given = {"name": "Ada", "line1": "1 Stryd Fawr", "town": "Aberystwyth", "postcode": "SY23 1AA", "email": ""}
    payer.post("details/", **given)
    pages.append(payer.get("check/"))
    token = payer.post("card/")["Location"].rsplit("/", 1)[-1]
    attempt = PaymentAttempt.objects.get()
    assert attempt.basket.language == "cy"
    pages.append(payer.get(f"result/{attempt.return_token}/"))
    result = payer.choose(token, "decline")
    pages.append(payer.get(result))
    again = payer.post(result + "again/")
    pages.append(payer.get(payer.choose(again["Location"].rsplit("/", 1)[-1])))
    pages += [payer.get("cookies/"), payer.get("accessibility/"), payer.get("nowhere/"), payer.get("basket/")]
    for page in pages:
        if page.status_code == 302:
            continue
        said = text(page)
        assert 'lang="cy"' in page.content.decode()[:400]
        assert [key for key in english if key in said] == []
        for word in (" the ", " your ", " Enter ", " pay "):
            assert word not in said, (word, said[:500])


@pytest.mark.django_db(transaction=True)
def test_the_language_is_remembered_and_can_be_changed_back(payer: Payer):
    assert "Talu ar-lein" in text(payer.get("?lang=cy"))
    assert "Talu ar-lein" in text(payer.get("cookies/"))
    assert "Pay online" in text(payer.get("cookies/?lang=en"))
    assert "Pay online" in text(payer.get("?lang=xx"))
