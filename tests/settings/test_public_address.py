"""The address under which payers and other systems reach IMS."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from ims.common.addresses import public_url
from ims.settings.environment import setting


def test_payers_are_sent_to_the_public_address(settings):
    settings.PUBLIC_ADDRESS = "https://pay.council.example"
    asked = RequestFactory().get("/payments/links/", headers={"host": "income.council.example"})
    assert public_url(asked, "/pay/link/x/") == "https://pay.council.example/pay/link/x/"


def test_without_one_the_address_of_the_request_is_taken(settings):
    settings.PUBLIC_ADDRESS = ""
    assert public_url(RequestFactory().get("/"), "/pay/") == "http://testserver/pay/"


@pytest.mark.parametrize("name", ["IMS_ADDRESS", "IMS_PUBLIC_ADDRESS"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://pay.council.example", "https://pay.council.example"),
        (" https://pay.council.example:8443/ ", "https://pay.council.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("", ""),
    ],
)
def test_an_address_is_https_or_this_machine(monkeypatch: pytest.MonkeyPatch, name: str, given: str, kept: str):
    monkeypatch.setenv(name, given)
    assert setting(name) == kept


@pytest.mark.parametrize("name", ["IMS_ADDRESS", "IMS_PUBLIC_ADDRESS"])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("pay.council.example", "must begin with https://"),
        ("http://pay.council.example", "must begin with https://"),
        ("javascript:alert(1)//", "must begin with https://"),
        ("https://", "the name of the host alone"),
        ("https://pay.council.example/pay", "the name of the host alone"),
        ("https://pay.council.example?a=b", "the name of the host alone"),
        ("https://pay.council.example#pay", "the name of the host alone"),
        ("https://user:word@pay.council.example", "the name of the host alone"),
        ("https://https://pay.council.example", "cannot be read"),
        ("https://pay.council.example, https://other.example", "the name of the host alone"),
        ("https://pay.council.example:eighty", "cannot be read"),
    ],
)
def test_any_other_is_refused_at_start_up(monkeypatch: pytest.MonkeyPatch, name: str, given: str, sentence: str):
    monkeypatch.setenv(name, given)
    with pytest.raises(ImproperlyConfigured, match=rf"{name}: .*{sentence}"):
        setting(name)
