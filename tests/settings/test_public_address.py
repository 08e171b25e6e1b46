"""The address under which payers and other systems reach IMS."""

from __future__ import annotations

from django.test import RequestFactory

from ims.common.addresses import public_url


def test_payers_are_sent_to_the_public_address(settings):
    settings.PUBLIC_ADDRESS = "https://pay.council.example"
    asked = RequestFactory().get("/payments/links/", headers={"host": "income.council.example"})
    assert public_url(asked, "/pay/link/x/") == "https://pay.council.example/pay/link/x/"


def test_without_one_the_address_of_the_request_is_taken(settings):
    settings.PUBLIC_ADDRESS = ""
    assert public_url(RequestFactory().get("/"), "/pay/") == "http://testserver/pay/"
