"""Making files to import."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from ims.audit.actors import Actor, acting
from ims.common import clock
from ims.imports import services
from ims.imports.models import FileProfile, ImportBatch, ImportRow, RoutingRule

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank"
COLUMNS = ("received_on", "amount", "fund", "reference", "narrative", "payer")
YESTERDAY = clock.today() - timedelta(days=1)
LAYOUT = {
    "columns": [
        {"field": "booked_on", "column": 1, "dates": ["yyyy-mm-dd"], "required": True},
        {"field": "amount", "column": 2},
        {"field": "fund", "column": 3},
        {"field": "reference", "column": 4},
        {"field": "narrative", "column": 5},
        {"field": "payer_name", "column": 6},
    ]
}


def simple_profile(code: str = "simple", **changes: object) -> FileProfile:
    """A profile for CSV with the columns `COLUMNS`; method 28, office 99."""
    values = {
        "name": f"Profile {code}",
        "format": "profile",
        "layout": LAYOUT,
        "method_of_payment_id": "28",
        "office_id": "99",
        **changes,
    }
    return FileProfile.objects.create(code=code, **values)


def line(
    amount: str = "10.00",
    fund: str = "23",
    reference: str = "700123452",
    narrative: str = "COUNCIL TAX",
    payer: str = "A MOSS",
    on: str = "",
) -> tuple[str, ...]:
    """One row of the simple CSV."""
    return (on or YESTERDAY.isoformat(), amount, fund, reference, narrative, payer)


def csv_of(rows: Iterable[tuple[str, ...]]) -> bytes:
    """The rows as a CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def received(actor: Actor, content: bytes, profile: str = "simple", name: str = "receipts.csv") -> ImportBatch:
    """Bring a file in."""
    return services.receive(actor=actor, stream=io.BytesIO(content), name=name, profile=profile)


def checked(actor: Actor, rows: Iterable[tuple[str, ...]], profile: str = "simple", name: str = "a.csv") -> ImportBatch:
    """Bring a file of rows in and check it."""
    batch = received(actor, csv_of(rows), profile, name)
    return services.check(actor=actor, batch_id=batch.pk)


def posted(actor: Actor, rows: Iterable[tuple[str, ...]], profile: str = "simple", name: str = "a.csv") -> ImportBatch:
    """Bring a file of rows in, check it and post it."""
    return services.post(actor=actor, batch_id=checked(actor, rows, profile, name).pk)


def outcomes(batch: ImportBatch) -> list[str]:
    """What became of each row, in file order."""
    return list(ImportRow.objects.filter(batch=batch).order_by("line").values_list("outcome", flat=True))


def rule(name: str, groups: list, actions: dict, **values: object) -> RoutingRule:
    """A routing rule, saved with its history."""
    with acting(Actor(kind="command", identifier="tests", name="Tests"), "Test"):
        return RoutingRule.objects.create(name=name, groups=groups, actions=actions, **values)


def when(field: str, operator: str, value: str = "", **more: object) -> dict:
    """A group of one condition."""
    return {"match": "all", "conditions": [{"field": field, "operator": operator, "value": value, **more}]}


def sample(path: str) -> bytes:
    """A sample file; skips the test where the samples are not there."""
    found = SAMPLES / path
    if not found.exists():
        pytest.skip(f"the sample files are not beside the repository ({path})")
    return found.read_bytes()
