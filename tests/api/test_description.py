"""The API describes itself, and the committed copy is what it says.

    IMS_WRITE_OPENAPI=1 .venv/bin/python -m pytest tests/api/test_description.py

writes docs/openapi.yaml anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from django.test import Client as Browser
from django.urls import get_resolver
from jsonschema import Draft202012Validator

from ims.api.v1 import description
from ims.api.v1 import urls as served

COPY = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def described() -> dict:
    return yaml.safe_load(description.yaml())


def test_the_committed_copy_is_up_to_date():
    if os.environ.get("IMS_WRITE_OPENAPI"):
        COPY.write_bytes(description.yaml())
    assert COPY.read_bytes() == description.yaml(), "docs/openapi.yaml is out of date: see this file"


def test_it_is_openapi_3_1_and_served_open_in_both_forms(db, described: dict):
    assert described["openapi"].startswith("3.1")
    browser = Browser()
    assert yaml.safe_load(browser.get("/api/v1/openapi.yaml").content) == described
    assert browser.get("/api/v1/openapi.json").json() == described


def test_every_address_is_described_with_its_refusals(described: dict):
    assert len(described["paths"]) == len(served.urlpatterns) - 2
    for path, operations in described["paths"].items():
        for verb, operation in operations.items():
            assert operation["summary"], (verb, path)
            assert {"400", "401", "403", "429"} <= set(operation["responses"]), (verb, path)
            assert "Scope: `" in operation["description"], (verb, path)
            assert operation["security"] == [{"key": []}], (verb, path)


def test_every_write_is_done_once_or_changes_nothing(described: dict):
    changes_nothing = {"checkReference"}
    for operations in described["paths"].values():
        for verb, operation in operations.items():
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            expected = verb != "get" and operation["operationId"] not in changes_nothing
            assert ("Idempotency-Key" in named) == expected, operation["operationId"]


def test_every_schema_in_it_is_one(described: dict):
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_api_knows_no_other_addresses():
    known = {str(pattern.pattern) for pattern in get_resolver("ims.api.v1.urls").url_patterns}
    assert len(known) == len(served.urlpatterns)
