"""Damaged files of agents, cards, Bacs and bank downloads: refused or told, never other money in silence or a hang."""

from __future__ import annotations

import io
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from ims.formats import registry
from ims.formats.profile import builtin
from ims.formats.profile_reading import read as read_by_profile
from ims.formats.records import Entry, Problem, Record, UnreadableFile
from ims.formats.summary import checked, is_movement, summarise
from tests.formats.generated_files import GeneratedStream
from tests.formats.generated_income import MAKERS, dwp

SMALL = {name: "".join(make(4)).encode() for name, make in MAKERS.items()}
WITH_TOTALS = ["allpay", "paypoint", "post-office", "bacs-standard18", "bacs-arudd", "bacs-arucs"]
"""Files that declare the sum of what they hold."""
HELD = {"lloyds", "natwest", "santander", "bacs-standard18"}
"""Held whole: the opening balance of a download stands at its end; a submission is generated whole."""
SLOWEST_SECONDS = 5.0


def records(data: bytes | io.RawIOBase, name: str) -> Iterator[Record]:
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    return registry.read(stream, name) if name in registry.FORMATS else read_by_profile(stream, builtin(name))


def outcome(data: bytes, name: str) -> tuple[Counter[Decimal], list[Problem] | None]:
    """The booked money as a bag of amounts, and what was told (None: the file was refused)."""
    money: Counter[Decimal] = Counter()
    told = []
    try:
        for record in checked(records(data, name)):
            if isinstance(record, Entry) and is_movement(record):
                money[record.amount] += 1
            elif isinstance(record, Problem) and record.scope != "notice":
                told.append(record)
    except UnreadableFile:
        return Counter(), None
    return money, told


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_generated_files_are_right(name):
    summary = summarise(records("".join(MAKERS[name](25)).encode(), name), name)
    assert summary.errors == []
    assert summary.movements.count == 25 + (name == "adyen-settlement")  # its payout
    if name in registry.FORMATS:
        assert registry.recognise(SMALL[name]).name == name


@pytest.mark.parametrize("name", WITH_TOTALS)
def test_every_corrupted_digit_is_told(name):
    """Each position once, with the bytes that do most harm."""
    original = SMALL[name]
    right = outcome(original, name)[0]
    assert right
    for position, byte in enumerate(original):
        for value in {byte ^ 1, ord("0"), ord("9"), ord("-"), ord("\n"), ord(","), ord("R")} - {byte}:
            corrupted = original[:position] + bytes((value,)) + original[position + 1 :]
            money, told = outcome(corrupted, name)
            assert told is None or told or money == right, (
                position,
                chr(value),
                original[position - 20 : position + 20],
            )


@pytest.mark.parametrize("name", WITH_TOTALS)
def test_truncation_anywhere_is_refused_or_told(name):
    original = SMALL[name]
    whole = outcome(original, name)[0]
    for length in range(len(original)):
        money, told = outcome(original[:length], name)
        assert told is None or told or money == whole, original[:length][-40:]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_any_byte_of_any_file_may_be_any_other(name):
    original = SMALL[name]
    chance = random.Random(name)
    for _ in range(300):
        position = chance.randrange(len(original))
        outcome(original[:position] + bytes((chance.randrange(256),)) + original[position + 1 :], name)


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize(
    "junk",
    [b"\0" * 2_000_000, b"A" * 2_000_000, b'"' * 1_000_001, b"," * 1_000_000, b"\n" * 1_000_000, b"<a>" * 300_000],
    ids=lambda junk: repr(junk[:3]),
)
def test_huge_junk_neither_hangs_nor_escapes(name, junk):
    half = len(SMALL[name]) // 2
    for data in (junk, SMALL[name] + junk, SMALL[name][:half] + junk + SMALL[name][half:]):
        began = time.process_time()
        outcome(data, name)
        assert time.process_time() - began < SLOWEST_SECONDS


@pytest.mark.parametrize("name", sorted(set(MAKERS) - HELD))
def test_memory_does_not_grow_with_the_file(name):
    entries = 5_000
    stream = GeneratedStream(MAKERS[name](entries))
    tracemalloc.start()
    try:
        seen = sum(isinstance(record, Entry) for record in records(stream, name))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen >= entries
    assert peak < 2_000_000


def test_a_workbook_is_recognised_whatever_its_size():
    data = dwp(5_000)
    assert len(data) > registry.HEAD_BYTES
    assert summarise(registry.read(io.BytesIO(data)), "dwp").movements.count == 5_000
