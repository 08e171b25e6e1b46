"""Damaged and malicious files are refused or reported: no other exception, no hang, no silent change of money."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ims.formats import registry
from ims.formats.records import Entry, Problem, UnreadableFile
from ims.formats.summary import checked, is_movement
from tests.formats.generated_files import MAKERS, GeneratedStream
from tests.formats.reading import problems, records
from tests.formats.samples import facts

SMALL = {name: "".join(make(4)).encode() for name, make in MAKERS.items()}
SLOWEST_SECONDS = 5.0
WITH_TOTALS = sorted(set(MAKERS) - {"ofx"})
"""An OFX file says nothing about its own sums, so a changed digit in it cannot be told."""


def outcome(data: bytes, format: str | None = None) -> tuple[Counter, list[Problem] | None]:
    """The booked money of a file as a bag of amounts, and what was reported (None: the file was refused)."""
    money: Counter[Decimal] = Counter()
    told = []
    try:
        for record in checked(registry.read(io.BytesIO(data), format)):
            if isinstance(record, Entry) and is_movement(record):
                money[record.amount] += 1
            elif isinstance(record, Problem):
                told.append(record)
    except UnreadableFile:
        return Counter(), None
    return money, [problem for problem in told if problem.scope != "notice"]


@pytest.mark.parametrize("name", WITH_TOTALS)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(position=st.integers(min_value=0, max_value=100_000), value=st.integers(min_value=0, max_value=255))
def test_one_corrupted_byte_never_changes_money_silently(name, position, value):
    original = SMALL[name]
    corrupted = bytearray(original)
    corrupted[position % len(original)] = value
    money, told = outcome(bytes(corrupted), name)
    assert told is None or told or money == outcome(original, name)[0]


@pytest.mark.parametrize("name", WITH_TOTALS)
def test_every_corrupted_digit_and_mark_is_told(name):
    """Each position once, with the bytes that do most harm."""
    original = SMALL[name]
    right = outcome(original, name)[0]
    for position, byte in enumerate(original):
        for value in {byte ^ 1, ord("0"), ord("9"), ord("\n"), ord("C"), ord("D"), ord("/"), ord(",")} - {byte}:
            corrupted = original[:position] + bytes((value,)) + original[position + 1 :]
            money, told = outcome(corrupted, name)
            assert told is None or told or money == right, (
                position,
                chr(value),
                original[position - 20 : position + 20],
            )


@pytest.mark.parametrize("name", sorted(SMALL))
def test_truncation_anywhere_is_refused_or_told(name):
    original = SMALL[name]
    whole = outcome(original, name)[0]
    for length in range(len(original)):
        money, told = outcome(original[:length], name)
        assert told is None or told or money == whole, original[:length][-40:]


@pytest.mark.parametrize(
    ("path", "expected"), facts("mt940", "mt942", "camt052", "camt053", "camt054", "bai2", "ofx", "bank-data-services")
)
def test_sample_files_cut_off_anywhere(path, expected):
    data = path.read_bytes()
    step = max(1, len(data) // 60)
    for length in range(0, len(data), step):
        outcome(data[:length])
        outcome(data[:length], registry.recognise(data).name)


def timed(data: bytes, format: str) -> list[Problem] | None:
    began = time.process_time()
    told = outcome(data, format)[1]
    assert time.process_time() - began < SLOWEST_SECONDS
    return told


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize(
    "junk",
    [
        b"\0" * 3_000_000,
        b"A" * 3_000_000,
        b"\xff\xfe" * 500_000,
        b":61:" * 400_000,
        b"<" * 2_000_000,
        b"16," * 600_000,
        b"/" * 2_000_000,
        b"\n" * 2_000_000,
        b"-}{1:" * 200_000,
        b"88,\n" * 300_000,
        b"?20" * 500_000,
        b"\x1a\x80\x81" * 300_000,
    ],
    ids=lambda junk: repr(junk[:5]),
)
def test_huge_junk_neither_hangs_nor_escapes(name, junk):
    timed(junk, name)
    timed(SMALL[name] + junk, name)
    half = len(SMALL[name]) // 2
    timed(SMALL[name][:half] + junk + SMALL[name][half:], name)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_nul_bytes_are_told_or_harmless(name):
    original = SMALL[name]
    whole = outcome(original, name)[0]
    for position in range(0, len(original), 7):
        money, told = outcome(original[:position] + b"\0" + original[position:], name)
        assert told is None or told or money == whole or name == "ofx"


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)
CAMT = SMALL["camt.053"]
CAMT_BODY = CAMT[CAMT.index(b"<Document") :]


@pytest.mark.parametrize(
    "prologue",
    [
        BILLION_LAUGHS,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b"<!-- " + b"x" * 70_000 + b" --><!DOCTYPE x [<!ENTITY a 'b'>]>",
    ],
    ids=["billion laughs", "external subset", "external entity", "behind a long comment"],
)
def test_document_types_are_refused(prologue):
    with pytest.raises(UnreadableFile):
        records(prologue + CAMT_BODY.replace(b"COUNCIL TAX", b"&d;&e;&a;"), "camt.053")


def test_document_types_in_utf16_are_refused():
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "b">]>' + CAMT_BODY.decode()
    with pytest.raises(UnreadableFile, match="DOCTYPE"):
        records(text.encode("utf-16"), "camt.053")


def test_entities_that_nobody_defined_break_the_file():
    with pytest.raises(UnreadableFile):
        records(CAMT.replace(b"COUNCIL TAX", b"&secret;"), "camt.053")


@pytest.mark.parametrize("declaration", [b"<!DOCTYPE OFX SYSTEM 'x'>", b"<!ENTITY a 'b'>", b"<!doctype ofx>"])
def test_ofx_document_types_are_refused(declaration):
    with pytest.raises(UnreadableFile, match="document type"):
        records(SMALL["ofx"].replace(b"<OFX>", declaration + b"<OFX>"), "ofx")


@pytest.mark.parametrize("depth", [200, 1_000, 100_000])
def test_deep_nesting_is_survived(depth):
    nested = b"<a>" * depth + b"</a>" * depth
    timed(CAMT.replace(b"<NtryDtls>", nested + b"<NtryDtls>", 1), "camt.053")
    timed(SMALL["ofx"].replace(b"<NAME>", b"<PAYEE>" * depth + b"<NAME>", 1), "ofx")


def test_comments_and_instructions_inside_an_entry_are_left_out():
    said = CAMT.replace(b"<CdtDbtInd>", b"<!-- note --><?note?><CdtDbtInd>")
    assert outcome(said, "camt.053") == outcome(CAMT, "camt.053")


def test_a_line_without_an_end_is_refused():
    with pytest.raises(UnreadableFile, match="without a line end"):
        records(b":20:X\n:86:" + b"x" * 200_000, "mt940")


@pytest.mark.parametrize("name", ["mt940", "camt.053", "bai2", "ofx", "data-services"])
def test_memory_does_not_grow_with_the_file(name):
    entries = 50_000
    stream = GeneratedStream(MAKERS[name](entries))
    tracemalloc.start()
    try:
        seen = sum(isinstance(record, Entry) for record in registry.read(stream))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == entries
    assert peak < 4_000_000


def test_problems_are_sentences():
    for name, data in SMALL.items():
        for position in range(0, len(data), 11):
            try:
                found = problems(records(data[:position] + b"#" + data[position + 1 :], name))
            except UnreadableFile as refusal:
                found = [refusal]
            for told in found:
                assert told.message[-1] == "."
                assert told.message[0].isupper()


@pytest.mark.parametrize(
    ("path", "expected"), facts("mt940", "mt942", "camt052", "camt053", "bai2", "bank-data-services")
)
def test_one_corrupted_byte_in_a_sample_file(path, expected):
    """Samples that add up and say so. An entry of nothing may be lost: no money goes with it."""
    data = path.read_bytes()
    name = registry.recognise(data).name
    right, told = outcome(data, name)
    if told or any(fact.get("balances_agree", True) is None for fact in expected["statements"] if name != "mt942"):
        pytest.skip("the sample does not add up, or has no totals")
    chance = random.Random(path.name)
    for position in chance.sample(range(len(data)), min(len(data), 120)):
        for value in (data[position] ^ 1, chance.randrange(256), chance.choice(b"0C\n:D-/,;1{ ")):
            money, told = outcome(data[:position] + bytes((value,)) + data[position + 1 :], name)
            assert told is None or told or _without_nothing(money) == _without_nothing(right), (position, chr(value))


def _without_nothing(money: Counter[Decimal]) -> Counter[Decimal]:
    return Counter({amount: count for amount, count in money.items() if amount})


def test_the_fuzzer_runs():
    script = Path(__file__).parents[1] / "fuzz" / "formats.py"
    ran = subprocess.run(
        [sys.executable, str(script), "--seconds", "3", "--seed", "1"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no finding" in ran.stdout
