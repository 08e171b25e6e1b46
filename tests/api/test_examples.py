"""Every example of `docs/api.md`, run as it stands there over real HTTP: the answer has the shape the page shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ims.audit.actors import acting
from ims.common import clock
from ims.funds.models import MethodOfPayment
from tests.console.conftest import receive
from tests.payments.conftest import build_desk, own_books
from tests.support.world import SET_UP, World

__all__ = ["own_books"]

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
EXAMPLE = re.compile(r"```http\n(GET|POST) (\S+)\n(?:\n(.*?)\n)?```\n+```json\n(.*?)\n```", re.DOTALL)


def examples() -> list[tuple[str, str, Any, Any]]:
    return [
        (verb, path, json.loads(body) if body else None, json.loads(answer))
        for verb, path, body, answer in EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    ]


def shape(value: Any) -> Any:
    """What fields there are, and of what kind; a list by its first."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_no_example_is_overlooked():
    text = PAGE.read_text(encoding="utf-8")
    assert len(examples()) == text.count("```http") == text.count("```json")
    assert len(examples()) >= 6


def run_examples(call, paying: World) -> Iterator[tuple[str, str, requests.Response]]:
    """Make every call of the page in turn, as it stands there, and hand on the answer."""
    receive("23", "120.50", reference=paying.council_tax_account, key="example")
    build_desk(paying)
    with acting(SET_UP, "Test"):
        MethodOfPayment.objects.create(code="91", name="Telephone line", is_card=True, is_card_by_telephone_line=True)
    caller, known = call(name="Example"), {}
    for verb, path, body, expected in examples():
        for name, value in known.items():
            path = path.replace(name, value)
        # The one thing an example cannot know: what moment it is when it is run.
        body = json.loads(json.dumps(body).replace("2026-11-20T09:30:00Z", clock.now().isoformat()))
        answer = caller.get(path) if verb == "GET" else caller.post(path, body)
        if isinstance(expected.get("id"), str):
            known[expected["id"]] = answer.json()["id"]
        yield verb, path, answer


def test_every_example_runs_as_written(call, paying: World):
    for (verb, path, answer), (*_, expected) in zip(run_examples(call, paying), examples(), strict=True):
        assert shape(answer.json()) == shape(expected), (verb, path, answer.text)
        for field in ("accepted", "code", "message", "status", "field", "state"):
            if field in expected:
                assert answer.json()[field] == expected[field], (path, field)
