"""How fast each format is read, beside the best public library where there is one and it is importable.

    python tests/benchmarks/formats.py [--entries 50000] [format …]

Each reader runs in a process of its own, so that the peak memory is its own. The file is generated first and read
from disk. The public libraries are development dependencies; those that are not installed are left out, and another
interpreter that has them can be named with ``--libraries /path/to/python``.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def _records(stream, name: str):
    from ims.formats import profile, profile_reading, registry

    if name in registry.FORMATS:
        return registry.read(stream, name)
    return profile_reading.read(stream, profile.builtin(name))


def _ours(path: str, name: str) -> int:
    from ims.formats.records import Entry

    with open(path, "rb") as stream:
        return sum(isinstance(record, Entry) for record in _records(stream, name))


def _ours_checked(path: str, name: str) -> int:
    from ims.formats.summary import summarise

    with open(path, "rb") as stream:
        return summarise(_records(stream, name), name).movements.count


def _bankstatementparser(path: str, name: str) -> int:
    from bankstatementparser import create_parser

    return len(create_parser(path).parse())


def _mt940(path: str, name: str) -> int:
    import mt940

    return len(mt940.parse(path).transactions)


def _bai2(path: str, name: str) -> int:
    from bai2 import bai2

    with open(path) as stream:
        parsed = bai2.parse_from_file(stream)
    return sum(len(account.children) for group in parsed.children for account in group.children)


def _ofxparse(path: str, name: str) -> int:
    from ofxparse import OfxParser

    with open(path, "rb") as stream:
        return sum(len(account.statement.transactions) for account in OfxParser.parse(stream).accounts)


def _bankline(path: str, name: str) -> int:
    from bankline_parser.data_services import parse

    with open(path) as stream:
        output = parse(stream)
    return sum(len(account.records) for account in output.accounts)


def _openpyxl(path: str, name: str) -> int:
    from openpyxl import load_workbook

    sheet = load_workbook(path, read_only=True).worksheets[0]
    return sum(1 for _ in sheet.iter_rows(min_row=2, values_only=True))


def _calamine(path: str, name: str) -> int:
    from python_calamine import CalamineWorkbook

    return sum(1 for _ in CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows()) - 1


SUFFIXES = {"mt940": "mt940", "mt942": "mt942", "camt.053": "xml", "bai2": "bai2", "ofx": "ofx", "data-services": "txt"}
SUFFIXES |= {"bacs-arudd": "xml", "bacs-arucs": "xml", "dwp": "xlsx"}
SUFFIXES |= dict.fromkeys(("allpay", "paypoint", "post-office", "bacs-standard18", "receipts15", "santander"), "txt")
SUFFIXES |= dict.fromkeys(
    ("govuk-pay", "stripe-payout", "adyen-settlement", "barclays", "hsbc", "lloyds", "natwest"), "csv"
)
READERS: dict[str, Callable[[str, str], int]] = {
    "ims": _ours,
    "ims, added up and checked": _ours_checked,
    "bankstatementparser": _bankstatementparser,
    "mt-940": _mt940,
    "bai2": _bai2,
    "ofxparse": _ofxparse,
    "bankline-direct-parser": _bankline,
    "openpyxl": _openpyxl,
    "python-calamine": _calamine,
}
BESIDE = {
    "mt940": ("bankstatementparser", "mt-940"),
    "mt942": ("bankstatementparser", "mt-940"),
    "camt.053": ("bankstatementparser",),
    "bai2": ("bai2", "bankstatementparser"),
    "ofx": ("bankstatementparser", "ofxparse"),
    "data-services": ("bankline-direct-parser",),
    "dwp": ("openpyxl", "python-calamine"),
}


OURS = ("ims", "ims, added up and checked")
SMALL = "small"


def measure_here(reader: str, path: str, name: str) -> dict[str, float | int]:
    """Runs one reader in this process: entries, seconds and the growth of peak memory in MB.

    Seconds of the processor, which all readers use from first to last, so that a busy machine disturbs them little.
    """
    _warm_up(reader, name, Path(path))
    before = _peak_of_this_program()
    began = time.process_time()
    entries = READERS[reader](path, name)
    seconds = time.process_time() - began
    peak = _peak_of_this_program()
    return {"entries": entries, "seconds": seconds, "peak_mb": peak / 1024, "grown_mb": (peak - before) / 1024}


def _peak_of_this_program() -> int:
    """The most memory held so far, in KB, since this program began.

    `ru_maxrss` will not do: it starts from what the process that started this one held, which made the file.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _warm_up(reader: str, name: str, path: Path) -> None:
    """Reads the tiny file beside the other first, so that importing a library is not counted as reading."""
    READERS[reader](str(path.with_stem(SMALL)), name)


def _write(path: Path, name: str, entries: int) -> None:
    # Imported here: in the process that is measured, what makes files must not count.
    from tests.formats import generated_files, generated_income

    if name == "dwp":
        path.write_bytes(generated_income.dwp(entries))
        return
    with path.open("w", newline="") as stream:
        stream.writelines((generated_files.MAKERS | generated_income.MAKERS)[name](entries))


def measure(python: str, reader: str, path: Path, name: str, seconds: int = 60) -> dict | str:
    """Runs one reader in a process of its own; says why when there is no figure."""
    command = [python, __file__, "--one", reader, str(path), name]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"not finished in {seconds} s"
    if finished.returncode:
        return "not installed" if "ModuleNotFoundError" in finished.stderr else finished.stderr.strip()[-120:]
    return json.loads(finished.stdout.strip().splitlines()[-1])


def report(name: str, entries: int, libraries: str) -> None:
    """Prints one line for each reader of a format, then ours against the libraries."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"statement.{SUFFIXES[name]}"
        _write(path, name, entries)
        _write(path.with_stem(SMALL), name, 10)
        megabytes = path.stat().st_size / 1e6
        print(f"\n{name}: {entries:,} entries, {megabytes:.1f} MB")
        measured = {}
        for reader in (*OURS, *BESIDE.get(name, ())):
            python = sys.executable if reader in OURS else libraries
            figures = [measure(python, reader, path, name)]
            if isinstance(figures[0], dict):
                figures += [measure(python, reader, path, name) for _ in range(2)]
            found = [figure for figure in figures if isinstance(figure, dict)]
            if not found:
                print(f"  {reader:<28} {figures[0]}")
                continue
            best = min(found, key=lambda figure: figure["seconds"])
            measured[reader] = best
            wrong = "" if best["entries"] == entries else f"  (found {best['entries']:,} entries)"
            print(
                f"  {reader:<28} {entries / best['seconds']:>9,.0f} rows/s  peak {best['peak_mb']:>5.0f} MB, "
                f"grown {best['grown_mb']:>5.1f} MB{wrong}"
            )
        if measured.keys() - set(OURS) and "ims" in measured:
            _compare(measured)


def _compare(measured: dict[str, dict]) -> None:
    """Prints our speed against the fastest library's, and our memory against that of the heaviest.

    Memory is what reading the file took on top of the program that reads it (growth, no finer than 0.1 MB), and what
    the whole process held, of which an empty interpreter is 11 MB.
    """
    ours = measured["ims"]
    others = [figure for reader, figure in measured.items() if reader not in OURS]
    print(f"  speed against the fastest library: {min(o['seconds'] for o in others) / ours['seconds']:.2f} (limit 1)")
    grown = max(other["grown_mb"] for other in others) / max(ours["grown_mb"], 0.1)
    whole = max(other["peak_mb"] for other in others) / ours["peak_mb"]
    print(f"  memory taken by reading, the heaviest library's against ours: {grown:.0f} times (limit 10); "
          f"whole processes: {whole:.1f} times")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", default=list(SUFFIXES))
    parser.add_argument("--entries", type=int, default=50_000)
    parser.add_argument("--libraries", default=sys.executable, help="interpreter that has the public libraries")
    parser.add_argument("--one", nargs=3, metavar=("READER", "PATH", "FORMAT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure_here(*chosen.one)))
        return
    for name in chosen.formats:
        report(name, chosen.entries, chosen.libraries)


if __name__ == "__main__":
    main()
