"""The approval of a posting is inside what was sealed: it cannot be given later, taken away or exchanged unseen."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from ims.approvals import services
from ims.audit.actors import Actor, command
from ims.ledger.evidence import export_evidence
from ims.ledger.lines import Line
from ims.ledger.models import Posting
from ims.ledger.seals import seal_pending
from tests.console.conftest import receive
from tests.ledger.test_evidence import verified
from tests.support import limits
from tests.support.world import World


@pytest.fixture
def exported(world: World, mina: Actor, fran: Actor) -> list[str]:
    limits.as_installed()
    entry = receive("23", "9000.00", reference=world.council_tax_account, key="r")
    line = Line(fund="5", amount=Decimal("6000.00"), account_reference=world.rents_account).as_data()
    payload = {"entry_id": entry.pk, "targets": [line], "reason": "Wrong fund", "key": "k"}
    request = services.request(actor=mina, kind="ledger.journal", payload=payload, reason="Wrong fund")
    services.approve(actor=fran, request_id=request.pk)
    assert Posting.objects.filter(approval=request).count() == 1
    seal_pending()
    out = io.StringIO()
    export_evidence(out, actor=command("test"), council="Model Council")
    return out.getvalue().splitlines(keepends=True)


def test_an_approved_posting_verifies_by_itself(exported: list[str], tmp_path: Path):
    code, said = verified(exported, tmp_path)
    assert (code, "nothing found wrong" in said) == (0, True)


@pytest.mark.parametrize("other", [None, 999])
def test_another_approval_or_none_is_found(exported: list[str], tmp_path: Path, other: int | None):
    records = [json.loads(line) for line in exported]
    for record in records:
        if record.get("posting", {}).get("approval"):
            record["posting"]["approval"] = other
    code, said = verified([json.dumps(record) + "\n" for record in records], tmp_path)
    assert (code, "JNL-000001 is not as it was sealed" in said) == (1, True)
