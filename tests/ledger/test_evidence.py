"""The exported ledger is checked by a program that needs nothing of ours."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ims.audit.actors import command
from ims.audit.models import Event
from ims.common.errors import NotAllowed
from ims.ledger import offline_verifier, services
from ims.ledger.evidence import export_evidence
from ims.ledger.lines import Line
from ims.ledger.models import Seal
from ims.ledger.seals import seal_pending
from tests.support.world import World, person

ACTOR = command("test")


@pytest.fixture
def exported(world: World) -> list[str]:
    """A ledger of two seals, as lines of evidence."""
    for key, amounts in (("a", ("10.00", "-2.50")), ("b", ("60.00",)), ("c", ("0.01",))):
        lines = [
            Line(fund="31", amount=Decimal(amount), method_of_payment="28", narrative="Café | 5:x", payer_name="Zoë")
            for amount in amounts
        ]
        services.post_receipts(actor=ACTOR, lines=lines, source_kind="test", source_key=key)
        if key != "b":
            seal_pending()
    out = io.StringIO()
    assert export_evidence(out, actor=ACTOR, council="Model Council") == 4
    return out.getvalue().splitlines(keepends=True)


def verified(lines: list[str], tmp_path: Path, *published: str) -> tuple[int, str]:
    file = tmp_path / "ledger.jsonl"
    file.write_text("".join(lines), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-I", "-S", offline_verifier.__file__, file, *published], capture_output=True, text=True
    )
    return ran.returncode, ran.stdout


def test_an_untouched_ledger_verifies_alone_and_against_a_published_seal(exported, tmp_path):
    code, said = verified(exported, tmp_path, bytes(Seal.objects.order_by("id").first().hash).hex())
    assert (code, said.splitlines()[0]) == (0, "4 entries in 3 postings under 2 seals: nothing found wrong")
    assert bytes(Seal.objects.order_by("-id").first().hash).hex() in said
    assert Event.objects.filter(verb="ledger_evidence_exported", data__entries=4).exists()


def changed(lines: list[str], kind: str, field: str, value) -> list[str]:
    records = [json.loads(line) for line in lines]
    next(record for record in records if kind in record)[kind][field] = value
    return [json.dumps(record) + "\n" for record in records]


@pytest.mark.parametrize(
    ("kind", "field", "value", "sentence"),
    [
        ("entry", "amount", "11.00", "has been altered"),
        ("entry", "payer_name", "Somebody else", "has been altered"),
        ("posting", "reason", "Another", "is not as it was sealed"),
        ("seal", "total", "0.00", "Seal"),
        ("seal", "hash", "00", "not chained"),
    ],
)
def test_an_alteration_is_named(exported, tmp_path, kind, field, value, sentence):
    code, said = verified(changed(exported, kind, field, value), tmp_path)
    assert code == 1
    assert sentence in said


@pytest.mark.parametrize("kind", ["entry", "posting", "seal"])
def test_a_removed_record_is_noticed(exported, tmp_path, kind):
    index = next(number for number, line in enumerate(exported) if line.startswith(f'{{"{kind}"'))
    code, _ = verified(exported[:index] + exported[index + 1 :], tmp_path)
    assert code != 0


def test_two_entries_changing_places_are_noticed(exported, tmp_path):
    first, second = [number for number, line in enumerate(exported) if line.startswith('{"entry"')][:2]
    lines = list(exported)
    lines[first], lines[second] = lines[second], lines[first]
    code, said = verified(lines, tmp_path)
    assert (code, "not as it was sealed" in said) == (1, True)


def test_a_ledger_without_the_published_seal_is_called_rewritten(exported, tmp_path):
    code, said = verified(exported, tmp_path, "ab" * 32)
    assert (code, "rewritten" in said) == (1, True)


def test_what_is_not_evidence_is_said_to_be_unreadable(tmp_path):
    assert verified(["not json\n"], tmp_path)[0] == 2
    assert verified(['{"format": "other"}\n'], tmp_path)[0] == 2


def test_it_needs_the_right_to_see_the_ledger(world):
    with pytest.raises(NotAllowed):
        export_evidence(io.StringIO(), actor=person(), council="Model Council")
    only_money = person("Nameless auditor", "ledger.view_entry")
    with pytest.raises(NotAllowed, match="see_payer_details"):
        export_evidence(io.StringIO(), actor=only_money, council="Model Council")
    some = person("Rent auditor", "ledger.view_entry", "ledger.see_payer_details", funds=frozenset({"5"}))
    with pytest.raises(NotAllowed, match="limited to funds 5"):
        export_evidence(io.StringIO(), actor=some, council="Model Council")
