"""A file is recognised as one format only, whatever else is registered."""

from pathlib import Path

import pytest

from ims.formats import allpay, bacs, card, dwp, profile_formats, receipts15, registry
from ims.formats.text_lines import as_utf8

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
OURS = (bacs, card, allpay, receipts15, profile_formats, dwp)
EVERY = {known.name: known for module in (*registry.MODULES, *OURS) for known in module.FORMATS}

FORMAT_OF_FOLDER = {
    "allpay": {"allpay"},
    "bacs-standard18": {"bacs-standard18"},
    "bacs-xml": {name for name in EVERY if name.startswith("bacs-")} - {"bacs-standard18"},
    "card-gateway": {"govuk-pay", "stripe-payout"},
    "csv-uk": {"lloyds", "barclays", "natwest", "hsbc", "santander"},
    "mt940": {"mt940", "mt942"},
    "mt942": {"mt942"},
    "camt052": {"camt.052"},
    "camt053": {"camt.053"},
    "camt054": {"camt.054"},
    "bai2": {"bai2"},
    "ofx": {"ofx"},
    "bank-data-services": {"data-services"},
}


def samples() -> list[Path]:
    folder = SAMPLES / "bank"
    if not folder.exists():
        return []
    return sorted(
        path for path in folder.glob("*/*") if path.parent.name in FORMAT_OF_FOLDER and path.suffix != ".json"
    )


@pytest.mark.skipif(not samples(), reason="the shared sample files are not beside the repository")
@pytest.mark.parametrize("path", samples(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_sample_is_recognised_once(path):
    head = as_utf8(path.read_bytes()[: registry.HEAD_BYTES])
    recognised = [name for name, known in EVERY.items() if known.recognise(head)]

    assert len(recognised) == 1
    assert recognised[0] in FORMAT_OF_FOLDER[path.parent.name]


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"hello\n", b"a,b,c\n1,2,3\n", b"<html>", b"PK\x03\x04", b'"'])
def test_other_files_are_recognised_by_none(data):
    assert not [name for module in OURS for name in (f.name for f in module.FORMATS if f.recognise(data))]
