"""What the API answers is what its description says, for good requests and hostile ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator

from ims.api.v1 import description
from tests.api.conftest import Caller
from tests.api.test_examples import run_examples
from tests.payments.conftest import own_books
from tests.support.world import World

__all__ = ["own_books"]
pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "\0",
    "x" * 10_000,
    "';DROP TABLE ledger_entry;--",
    "<script>",
    "\ud83d\ude00",
    "NaN",
    "1e999",
    [],
    [[]],
    [None],
    {},
    {"a": {"b": []}},
)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return yaml.safe_load(description.yaml())


def operation_for(described: dict[str, Any], verb: str, path: str) -> dict[str, Any]:
    """The description of the operation that `path` (without its question) is one of; exact addresses come first."""
    for template in sorted(described["paths"], key=lambda each: each.count("{")):
        pattern = re.sub(r"\{[^}]+\}", "[A-Za-z0-9/-]+", template)
        if re.fullmatch(pattern, path) and verb in described["paths"][template]:
            return described["paths"][template][verb]
    raise KeyError(f"{verb} {path} is not described")


def faults(described: dict[str, Any], operation: dict[str, Any], answer: requests.Response) -> list[str]:
    """How an answer differs from its description."""
    declared = operation["responses"].get(str(answer.status_code))
    if declared is None:
        return [f"status {answer.status_code} is not described: {answer.text[:200]}"]
    kind = answer.headers["Content-Type"].split(";")[0]
    if kind not in declared["content"]:
        return [f"{kind} is not described for {answer.status_code}"]
    schema = {**declared["content"][kind]["schema"], "components": described["components"]}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{'/'.join(map(str, each.path))}: {each.message[:200]}" for each in validator.iter_errors(answer.json())]


def test_every_example_conforms_to_the_description(call, paying: World, described):
    found = []
    for verb, path, answer in run_examples(call, paying):
        operation = operation_for(described, verb.lower(), f"/api/v1/{path.partition('?')[0]}")
        found += [f"{verb} {path}: {fault}" for fault in faults(described, operation, answer)]
    assert found == []


def bodies(described: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
    """Hostile bodies: each value for the whole, and for each field of the body alone."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    fields = schema.get("properties", {})
    return [*HOSTILE, *({name: value} for name in fields for value in HOSTILE), dict.fromkeys(fields, "x")]


def test_hostile_bodies_are_refused_in_the_form_described(call, paying: World, described):
    caller: Caller = call(name="Hostile")
    found = []
    for template, operations in described["paths"].items():
        path = template.removeprefix("/api/v1/").replace("{id}", "00000000-0000-4000-8000-000000000000")
        for verb, operation in operations.items():
            if verb != "post":
                continue
            for body in bodies(described, operation):
                answer = caller.post(path, body)
                if answer.status_code >= 500 or (fault := faults(described, operation, answer)):
                    found.append(f"{template} {str(body)[:60]}: {answer.status_code} {fault if answer.ok else ''}")
    assert found == []


def test_hostile_questions_are_refused_in_the_form_described(call, described):
    caller: Caller = call(name="Hostile")
    found = []
    for template, operations in described["paths"].items():
        operation = operations.get("get")
        if operation is None or "{" in template:
            continue
        names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        for name in names:
            for value in ("", "\u0000", "x" * 5000, "-1", "9" * 40, "older.x", "2026-13-45", "a'b", "%", "٣"):
                answer = caller.get(template.removeprefix("/api/v1/"), **{name: value})
                if answer.status_code >= 500 or faults(described, operation, answer):
                    found.append(f"{template}?{name}={value[:20]!r}: {answer.status_code} {answer.text[:200]}")
    assert found == []
