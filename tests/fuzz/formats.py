"""Mutation fuzzing of every format, from the sample files and from made-up ones.

    python tests/fuzz/formats.py --seconds 60 [--each] [--seed 1] [format …]

The seconds are shared by all formats, or with ``--each`` given to every one in turn (`make fuzz`). Every mutant is read
by its own format and by the registry. A finding is any exception other than `UnreadableFile`, or
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
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ims.formats import registry  # noqa: E402
from ims.formats.profile import builtin, builtin_names  # noqa: E402
from ims.formats.profile_reading import read as read_by_profile  # noqa: E402
from ims.formats.records import Record, UnreadableFile  # noqa: E402
from ims.formats.summary import summarise  # noqa: E402
from tests.formats import generated_files, generated_income  # noqa: E402

SAMPLES = ROOT.parent / "shared" / "fixtures"
MAKERS = generated_files.MAKERS | generated_income.MAKERS
FORMATS = sorted({*registry.FORMATS, *builtin_names()})
Corpus = list[tuple[str, bytes]]
"""Name of the format and a file of it."""
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


def seeds() -> Corpus:
    """The sample files that are a known format, and a small generated file of each."""
    found = [(name, "".join(make(5)).encode()) for name, make in MAKERS.items()]
    found.append(("dwp", generated_income.dwp(5)))
    for path in sorted(SAMPLES.rglob("*")) if SAMPLES.is_dir() else ():
        if not path.is_file() or path.suffix == ".json" or path.parent.name == "licences":
            continue
        data = path.read_bytes()
        try:
            found.append((registry.recognise(data).name, data))
        except UnreadableFile:
            continue
    return found


def mutant(data: bytes, others: Corpus, chance: random.Random) -> bytes:
    """The data with one to eight changes of kinds that break parsers; of a workbook mostly in one of its parts."""
    if data.startswith(b"PK") and chance.random() < 0.8:
        return _workbook_mutant(data, others, chance)
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        _change(mutated, others, chance)
        del mutated[LARGEST_BYTES:]
    return bytes(mutated)


def _workbook_mutant(data: bytes, others: Corpus, chance: random.Random) -> bytes:
    """A workbook that is a sound archive of parts, one of which is damaged."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as damaged:
        names = archive.namelist()
        chosen = chance.choice([name for name in names if "sheet" in name] or names)
        for name in names:
            part = archive.read(name)
            damaged.writestr(name, mutant(part, others, chance) if name == chosen else part)
    return packed.getvalue()


def _change(data: bytearray, others: Corpus, chance: random.Random) -> None:
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


def _records(stream: io.BytesIO, name: str | None) -> Iterator[Record]:
    if name is None or name in registry.FORMATS:
        return registry.read(stream, name)
    return read_by_profile(stream, builtin(name))  # layouts that only a name can choose


def _alarm(*_: object) -> None:
    raise TooSlow


def read_all(data: bytes, name: str | None) -> str:
    """Reads one mutant; says how it ended. Raises what a reader must not raise."""
    signal.alarm(LONGEST_SECONDS)
    try:
        found = summarise(_records(io.BytesIO(data), name), name or "")
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
    parser.add_argument("--each", action="store_true", help="the seconds are for each format")
    chosen = parser.parse_args()
    unknown = sorted({*chosen.formats} - {*FORMATS})
    if unknown:
        parser.error(f"no format {', '.join(unknown)}; formats are {', '.join(FORMATS)}")
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1_000_000)
    signal.signal(signal.SIGALRM, _alarm)
    everything = seeds()
    if not chosen.each:
        return fuzz("all", _of(everything, chosen.formats), everything, chosen.seconds, seed)
    return max(
        fuzz(name, _of(everything, [name]), everything, chosen.seconds, seed) for name in chosen.formats or FORMATS
    )


def _of(corpus: Corpus, wanted: list[str]) -> Corpus:
    return [(name, data) for name, data in corpus if not wanted or name in wanted]


def fuzz(title: str, corpus: Corpus, others: Corpus, seconds: float, seed: int) -> int:
    """Reads mutants of `corpus` until the time is up or one is a finding. Returns the exit code."""
    if not corpus:
        print(f"{title}: no sample to change", flush=True)
        return 1
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        name, data = chance.choice(corpus)
        changed = mutant(data, others, chance)
        for asked in (name, None):
            try:
                ends[read_all(changed, asked)] += 1
            except Exception:
                traceback.print_exc()
                with tempfile.NamedTemporaryFile(prefix=f"fuzz-{name}-", delete=False) as kept:
                    kept.write(changed)
                print(f"finding in {asked or 'the registry'} (seed {seed}): {kept.name}", flush=True)
                return 1
    print(
        f"{title}: seed {seed}, {len(corpus)} samples, {sum(ends.values()):,} readings, {dict(ends)}, no finding",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
