"""Mutation fuzzing of the bank formats from the sample files.

    python tests/fuzz/formats.py --seconds 60 [--seed 1] [format …]

Every mutant is read by its own format and by the registry. A finding is any exception other than `UnreadableFile`, or
a file that takes longer than five seconds. The first finding is written to a file and its name printed; exit code 1.
"""

from __future__ import annotations

import argparse
import io
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ims.formats import registry  # noqa: E402
from ims.formats.records import UnreadableFile  # noqa: E402
from ims.formats.summary import summarise  # noqa: E402
from tests.formats.generated_files import MAKERS  # noqa: E402

SAMPLES = ROOT.parent / "shared" / "fixtures" / "bank"
LONGEST_SECONDS = 5
LARGEST_BYTES = 200_000
NASTY = (
    b"\0", b"\xff", b"\x80", b"\r", b"\n", b"\r\n", b":61:", b":86:", b":20:", b":62F:", b"-}", b"{1:", b"{4:", b"/",
    b"88,", b"16,", b"03,", b"49,", b"98,", b"99,", b"01,", b"<", b">", b"</", b"<Ntry>", b"</Ntry>", b"<TxDtls>",
    b"<STMTTRN>", b"</STMTTRN>", b"<![CDATA[", b"]]>", b"<!DOCTYPE", b"&amp;", b"&x;", b"&#0;", b"&#x110000;", b"UTL1",
    b"UHL1", b"HDR1", b"VOL1", b"99999999999999999999", b"-0", b"1e9", b"NaN", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1a",
    b"000000", b"999999", "£".encode(), "٣".encode(), b"?20", b"?32", b"/NAME/", b",", b",,", b"V,", b"S,", b"D,99,",
)  # fmt: skip


class TooSlow(Exception):
    """A mutant took longer than a reader may."""


def seeds(wanted: list[str]) -> list[tuple[str, bytes]]:
    """The sample files that are one of the wanted formats, and a small generated file of each."""
    found = [(name, "".join(make(5)).encode()) for name, make in MAKERS.items()]
    for path in sorted(SAMPLES.rglob("*")) if SAMPLES.is_dir() else ():
        if not path.is_file() or path.suffix == ".json" or path.parent.name == "licences":
            continue
        data = path.read_bytes()
        try:
            found.append((registry.recognise(data).name, data))
        except UnreadableFile:
            continue
    return [(name, data) for name, data in found if not wanted or name in wanted]


def mutant(data: bytes, others: list[tuple[str, bytes]], chance: random.Random) -> bytes:
    """The data with one to eight changes of kinds that break parsers."""
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        _change(mutated, others, chance)
        del mutated[LARGEST_BYTES:]
    return bytes(mutated)


def _change(data: bytearray, others: list[tuple[str, bytes]], chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    stop = min(len(data), start + chance.choice((1, 1, 2, 4, 16, 64, 256)))
    match chance.randrange(9):
        case 0:
            data[start : start + 1] = bytes((chance.randrange(256),))
        case 1:
            data[start:stop] = b""
        case 2:
            data[start:start] = chance.choice(NASTY)
        case 3:
            data[start:stop] = chance.choice(NASTY)
        case 4:
            data[start:start] = data[start:stop] * chance.choice((1, 2, 50))
        case 5:
            del data[start:]
        case 6:
            other = chance.choice(others)[1]
            begin = chance.randrange(len(other) + 1)
            data[start:start] = other[begin : begin + chance.randrange(1, 500)]
        case 7:
            data[start:start] = chance.choice(NASTY) * chance.choice((1, 3, 1000))
        case 8 if data:
            position = chance.randrange(len(data))
            data[position] ^= 1 << chance.randrange(8)


def _alarm(*_: object) -> None:
    raise TooSlow


def read_all(data: bytes, name: str | None) -> str:
    """Reads one mutant; says how it ended. Raises what a reader must not raise."""
    signal.alarm(LONGEST_SECONDS)
    try:
        found = summarise(registry.read(io.BytesIO(data), name), name or "")
        found.as_json()
        return "reported" if found.errors else "read"
    except UnreadableFile:
        return "refused"
    finally:
        signal.alarm(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)
    corpus = seeds(chosen.formats)
    if not corpus:
        parser.error(f"no sample of {', '.join(chosen.formats)}; formats are {', '.join(registry.FORMATS)}")
    signal.signal(signal.SIGALRM, _alarm)
    ends: Counter[str] = Counter()
    until = time.monotonic() + chosen.seconds
    while time.monotonic() < until:
        name, data = chance.choice(corpus)
        changed = mutant(data, corpus, chance)
        for asked in (name, None):
            try:
                ends[read_all(changed, asked)] += 1
            except Exception:
                traceback.print_exc()
                with tempfile.NamedTemporaryFile(prefix=f"fuzz-{name}-", delete=False) as kept:
                    kept.write(changed)
                print(f"finding in {asked or 'the registry'} (seed {seed}): {kept.name}")
                return 1
    print(f"seed {seed}, {len(corpus)} samples: {sum(ends.values()):,} readings, {dict(ends)}, no finding")
    return 0


if __name__ == "__main__":
    sys.exit(main())
